"""The link process over a real broker and a real database, with a facility that speaks the protocol by hand."""

import asyncio
import time

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import presence
from cloud.link.decisions import publish
from cloud.link.ingest import ingest
from provisioning.local.broker import Broker
from shared.decisions import PlateBlocked
from shared.events import EntryRefused, TailgateDetected
from shared.mqtt import MqttClient
from shared.sync import Ack, Batch
from shared.wire import DOWN, Channel, Presence, decode, encode, parse_topic, shard_of, topic
from tests.cloud.link.books import EdgeLog, Tally, held, tallied
from tests.cloud.link.boxes_kit import linking
from tests.waiting import until_told

pytestmark = pytest.mark.anyio


class Edge:
    """A facility's end of the wire."""

    def __init__(self, broker: Broker, facility_id: str = "here") -> None:
        self.facility_id = facility_id
        gone = encode(Presence(facility_id=facility_id, online=False))
        self.client = MqttClient(
            broker.url(facility_id),
            client_id=f"edge-{facility_id}",
            subscriptions=[topic(facility_id, channel) for channel in DOWN],
            will=(topic(facility_id, Channel.PRESENCE), gone),
        )

    async def __aenter__(self) -> "Edge":
        await self.client.__aenter__()
        await until_told(self.is_connected)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.__aexit__()

    async def is_connected(self) -> bool:
        return self.client.connected

    def say(self, channel: Channel, message: Batch | Ack | Presence) -> None:
        assert self.client.publish(
            topic(self.facility_id, channel), encode(message), retain=channel is Channel.PRESENCE
        )

    async def hear(self, wanted: Channel) -> bytes:
        async with asyncio.timeout(20):
            while True:
                found, payload = await self.client.messages.get()
                if parse_topic(found).channel is wanted:
                    return payload

    async def deliver(self, batch: Batch) -> Ack:
        """Send until it is acknowledged, as a real sender does: the link may not listen yet."""
        for _ in range(20):
            self.say(Channel.EVENTS, batch)
            try:
                return decode(Ack, await asyncio.wait_for(self.hear(Channel.EVENTS_ACK), 1))
            except TimeoutError:
                continue
        raise AssertionError("no ack came")

    async def next_decisions(self) -> Batch:
        return decode(Batch, await self.hear(Channel.DECISIONS))


async def standing(engine: AsyncEngine, facility_id: str = "here") -> bool | None:
    async with transaction(engine) as conn:
        return next((s.online for s in await presence.standings(conn) if s.facility_id == facility_id), None)


async def test_events_come_in_and_are_acknowledged_and_decisions_go_out_within_two_seconds(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    log = EdgeLog().append(*[TailgateDetected(lane_id="in-1")] * 3)
    async with linking(engine, database_url, broker), Edge(broker) as edge:
        assert await edge.deliver(log.batch()) == Ack(log_id="log-a", upto=3)
        async with transaction(engine) as conn:
            assert await held(conn) == log.entries
        probe = await edge.next_decisions()
        edge.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
        await asyncio.sleep(0.2)
        committed = time.monotonic()
        async with transaction(engine) as conn:
            await publish(conn, PlateBlocked(plate="P1", reason="unpaid"))
        batch = await edge.next_decisions()
        while not batch.entries:
            edge.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
            batch = await edge.next_decisions()
        assert time.monotonic() - committed < 2
        assert [entry.body["plate"] for entry in batch.entries] == ["P1"]


async def test_the_link_learns_from_the_broker_who_is_there_and_who_has_gone(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    async def there() -> bool:
        return await standing(engine) is True

    async def away() -> bool:
        return await standing(engine) is False

    async with Edge(broker) as edge:
        edge.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
        await asyncio.sleep(0.2)
        async with linking(engine, database_url, broker):
            await until_told(there)
            edge.say(Channel.PRESENCE, Presence(facility_id="here", online=False))
            await until_told(away)


async def test_after_a_broker_was_killed_both_logs_go_on(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    log = EdgeLog("log-b").append(*[TailgateDetected(lane_id="in-1")] * 4)
    async with linking(engine, database_url, broker), Edge(broker) as edge:
        edge.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
        await edge.deliver(log.batch(0, 2))
        broker.kill()
        broker.start()
        await asyncio.sleep(0.2)
        await until_told(edge.is_connected)
        assert (await edge.deliver(log.batch(2, 4))).upto == 4
        assert (await edge.next_decisions()).upto == 0, "it asks again what the facility holds"


async def test_a_link_leaves_the_facilities_of_other_shards_alone(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    assert shard_of("here") != shard_of("there")
    log = EdgeLog().append(TailgateDetected(lane_id="in-1"))
    async with (
        linking(engine, database_url, broker, shards=(shard_of("here"),)),
        Edge(broker, "here") as here,
        Edge(broker, "there") as there,
    ):
        there.say(Channel.EVENTS, log.batch())
        await here.deliver(log.batch())
        async with transaction(engine) as conn:
            assert await held(conn, "here") == log.entries
            assert await held(conn, "there") == []


async def test_a_message_on_a_strange_topic_disturbs_nobody(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    log = EdgeLog().append(TailgateDetected(lane_id="in-1"))
    async with (
        linking(engine, database_url, broker),
        MqttClient(broker.url(), client_id="stranger", subscriptions=()) as stranger,
        Edge(broker) as edge,
    ):
        await edge.deliver(log.batch())
        wrong_shard = "00" if shard_of("here") != "00" else "01"
        for strange in (f"easypark/1/{wrong_shard}/here/events", "easypark/1/00/NOT-AN-ID/events"):
            await until_told(lambda strange=strange: sent(stranger, strange))
        assert (await edge.deliver(log.batch(0, 0))).upto == 1


async def sent(client: MqttClient, strange: str) -> bool:
    return client.publish(strange, b"nonsense")


async def test_who_counted_as_there_before_a_restart_is_asked_even_if_the_broker_forgot(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    async with transaction(engine) as conn:
        await presence.said(conn, Presence(facility_id="there", online=True), now_ms=0)
    async with Edge(broker, "there") as edge, linking(engine, database_url, broker):
        assert (await edge.next_decisions()).entries == ()


async def test_what_was_parked_is_tried_again_at_the_start_by_the_worker_of_its_shard(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    async with transaction(engine) as conn:
        await Tally.prepare(conn)
        for facility_id in ("here", "there"):
            log = EdgeLog().append(EntryRefused(lane_id="in-1", plate="P", reason="full"))
            await ingest(conn, facility_id, log.batch(), [Tally(poison=["P"])], now_ms=0)

    async def is_applied() -> bool:
        async with transaction(engine) as conn:
            return await tallied(conn) == [1]

    async with linking(engine, database_url, broker, (shard_of("here"),), [Tally()]):
        await until_told(is_applied)
    async with transaction(engine) as conn:
        assert await tallied(conn, "there") == []
