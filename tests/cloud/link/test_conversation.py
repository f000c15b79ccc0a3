"""The link's talk with one facility: acks after commits, decisions until they are confirmed, silence means away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.db import transaction
from cloud.link import conversation as law
from cloud.link import presence
from cloud.link.conversation import Conversation, DecisionsHead, Surroundings
from cloud.link.decisions import decision_log, publish
from shared.clock import REAL_TIME, Clock
from shared.decisions import PlateBlocked
from shared.events import Entry, TailgateDetected
from shared.sync import Ack, Batch
from shared.wire import Channel, Presence, decode, encode, parse_topic
from tests.cloud.link.books import EdgeLog, held
from tests.waiting import until_told

pytestmark = pytest.mark.anyio


class Wire:
    """What the facility heard; ``connected`` as the broker's connection is."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[Channel, bytes]] = asyncio.Queue()
        self.connected = True

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.connected:
            self.heard.put_nowait((parse_topic(topic).channel, payload))
        return self.connected

    async def next(self, channel: Channel) -> bytes:
        async with asyncio.timeout(10):
            while True:
                found, payload = await self.heard.get()
                if found is channel:
                    return payload

    async def next_decisions(self) -> Batch:
        return decode(Batch, await self.next(Channel.DECISIONS))


class Here:
    """One conversation with the facility ``here``, a real database below it and a real-time clock in our hand."""

    def __init__(self, engine: AsyncEngine, head: DecisionsHead, projections: Sequence[Any] = ()) -> None:
        self.engine = engine
        self.wire = Wire()
        self.real_ms = 1_000_000
        self.head = head
        self.around = Surroundings(
            engine=engine,
            clock=Clock(REAL_TIME, lambda: 1_000.0),
            projections=projections,
            publish=self.wire.publish,
            monotonic_ms=lambda: self.real_ms,
            head=head,
        )
        self.conversation = Conversation("here", self.around)

    def say(self, channel: Channel, message: BaseModel) -> None:
        self.conversation.hear(channel, encode(message))

    async def online(self) -> bool | None:
        async with transaction(self.engine) as conn:
            standings = await presence.standings(conn)
        return next((s.online for s in standings if s.facility_id == "here"), None)

    async def decide(self, number: int) -> None:
        async with transaction(self.engine) as conn:
            self.head.version = await publish(conn, PlateBlocked(plate=f"P{number}", reason="unpaid"))
        self.conversation.wake()


@pytest.fixture
async def here(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Here]:
    monkeypatch.setattr(law, "TICK_REAL_S", 0.02)
    monkeypatch.setattr(law, "RESTART_REAL_S", 0.02)
    async with transaction(engine) as conn:
        log_id, version = await decision_log(conn)
    here = Here(engine, DecisionsHead(log_id, version))
    talking = asyncio.create_task(here.conversation.run())
    yield here
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def test_events_are_acknowledged_once_they_are_committed(here: Here, engine: AsyncEngine) -> None:
    log = EdgeLog().append(TailgateDetected(lane_id="in-1"))
    here.say(Channel.EVENTS, log.batch())
    assert decode(Ack, await here.wire.next(Channel.EVENTS_ACK)) == Ack(log_id="log-a", upto=1)
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries


async def test_a_facility_is_first_asked_what_it_holds_and_then_told_the_rest(here: Here) -> None:
    await here.decide(1)
    await here.decide(2)
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
    probe = await here.wire.next_decisions()
    assert (probe.entries, probe.upto) == ((), 0)
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=1))
    batch = await here.wire.next_decisions()
    assert [e.body["plate"] for e in batch.entries] == ["P2"]
    assert (batch.after, batch.upto) == (1, 2)


async def test_a_new_decision_goes_out_at_once_and_its_confirmation_is_noted(here: Here, engine: AsyncEngine) -> None:
    probe = await here.wire.next_decisions()
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
    await here.decide(1)
    batch = await here.wire.next_decisions()
    assert [e.body["plate"] for e in batch.entries] == ["P1"]
    here.say(Channel.DECISIONS_ACK, Ack(log_id=batch.log_id, upto=1))

    async def confirmed() -> bool:
        async with transaction(engine) as conn:
            return [s.decisions_behind for s in await presence.standings(conn)] == [0]

    await until_told(confirmed)


async def test_a_batch_without_an_answer_is_sent_again_after_its_deadline_and_not_before(here: Here) -> None:
    await here.wire.next_decisions()
    await asyncio.sleep(0.1)
    assert here.wire.heard.empty()
    here.real_ms += law.RESEND_REAL_MS
    await here.wire.next_decisions()


async def test_what_the_broker_did_not_take_does_not_count_as_sent(here: Here) -> None:
    probe = await here.wire.next_decisions()
    here.wire.connected = False
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
    await here.decide(1)
    await asyncio.sleep(0.1)
    here.wire.connected = True
    assert (await here.wire.next_decisions()).upto == 1


async def test_a_facility_restored_to_less_is_believed_and_told_again(here: Here) -> None:
    await here.decide(1)
    probe = await here.wire.next_decisions()
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=1))
    await asyncio.sleep(0.05)
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
    assert [e.body["plate"] for e in (await here.wire.next_decisions()).entries] == ["P1"]


async def test_a_restored_cloud_is_another_log_and_asks_again(here: Here) -> None:
    await here.wire.next_decisions()
    here.head.log_id = "hq-after-the-restore"
    here.conversation.wake()
    assert (await here.wire.next_decisions()).log_id == "hq-after-the-restore"


async def test_malformed_messages_are_counted_and_the_talk_goes_on(here: Here) -> None:
    here.conversation.hear(Channel.EVENTS, b"not zlib")
    here.say(Channel.EVENTS, Ack(log_id="log-a", upto=1))
    here.say(Channel.PRESENCE, Presence(facility_id="there", online=True))
    holed = EdgeLog().append(*[TailgateDetected(lane_id="in-1")] * 3).batch()
    here.say(Channel.EVENTS, holed.model_copy(update={"entries": holed.entries[1:]}))
    here.say(Channel.EVENTS, EdgeLog().append(TailgateDetected(lane_id="in-1")).batch())
    assert decode(Ack, await here.wire.next(Channel.EVENTS_ACK)).upto == 1
    assert here.conversation.malformed == 4


async def test_a_facility_is_there_when_it_says_so_and_away_when_the_broker_says_so(
    here: Here, engine: AsyncEngine
) -> None:
    here.say(
        Channel.PRESENCE, Presence(facility_id="here", online=True, at_ms=7, log_id="log-a", head=9, version="1.0")
    )
    await until_told(lambda: is_online(here, expected=True))
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=False))
    await until_told(lambda: is_online(here, expected=False))
    async with transaction(engine) as conn:
        (standing,) = await presence.standings(conn)
    assert (standing.log_id, standing.version, standing.events_behind) == ("log-a", "1.0", 9)


async def is_online(here: Here, *, expected: bool) -> bool:
    return await here.online() is expected


async def test_one_that_says_nothing_is_asked_and_counts_as_away_without_an_answer(here: Here) -> None:
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
    await until_told(lambda: is_online(here, expected=True))
    probe = await here.wire.next_decisions()
    here.say(Channel.DECISIONS_ACK, Ack(log_id=probe.log_id, upto=0))
    await asyncio.sleep(0.1)
    while not here.wire.heard.empty():
        here.wire.heard.get_nowait()
    here.real_ms += law.PROBE_AFTER_REAL_MS + 1
    assert (await here.wire.next_decisions()).entries == ()
    here.real_ms += law.AWAY_AFTER_REAL_MS
    await until_told(lambda: is_online(here, expected=False))


async def test_anything_heard_of_it_means_it_is_back(here: Here) -> None:
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=False))
    await until_told(lambda: is_online(here, expected=False))
    here.say(Channel.EVENTS, EdgeLog().append(TailgateDetected(lane_id="in-1")).batch())
    await until_told(lambda: is_online(here, expected=True))


async def test_to_one_that_is_away_nothing_is_sent(here: Here) -> None:
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=False))
    await until_told(lambda: is_online(here, expected=False))
    while not here.wire.heard.empty():
        here.wire.heard.get_nowait()
    await here.decide(1)
    here.real_ms += law.RESEND_REAL_MS
    await asyncio.sleep(0.1)
    assert here.wire.heard.empty()


async def test_a_conversation_that_fails_starts_over_by_itself(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    real_said = presence.said
    failures = iter([True])

    async def said(conn: AsyncConnection, told: Presence, *, now_ms: int) -> None:
        if next(failures, False):
            raise RuntimeError("a defect")
        await real_said(conn, told, now_ms=now_ms)

    monkeypatch.setattr(presence, "said", said)
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
    await asyncio.sleep(0.1)
    here.say(Channel.PRESENCE, Presence(facility_id="here", online=True))
    await until_told(lambda: is_online(here, expected=True))


async def test_more_than_a_mailbox_full_is_dropped_and_comes_again(engine: AsyncEngine) -> None:
    here = Here(engine, DecisionsHead("hq-x", 0))
    for _ in range(law.MAILBOX_MAX + 50):
        here.conversation.hear(Channel.EVENTS, b"x")
    talking = asyncio.create_task(here.conversation.run())
    await until_told(lambda: counted(here, law.MAILBOX_MAX))
    talking.cancel()
    assert here.conversation.malformed == law.MAILBOX_MAX


async def counted(here: Here, number: int) -> bool:
    return here.conversation.malformed >= number


async def test_a_facility_whose_projection_hangs_holds_nobody_else_up(engine: AsyncEngine) -> None:
    """Two conversations, one of them stuck in its transaction."""
    release = asyncio.Event()

    class Stuck:
        name = "stuck"
        types = frozenset({"TailgateDetected"})

        async def __call__(
            self, conn: AsyncConnection, facility_id: str, log_id: str, entries: Sequence[Entry]
        ) -> None:
            if facility_id == "stuck-one":
                await release.wait()

    here = Here(engine, DecisionsHead(), [Stuck()])
    other = Conversation("stuck-one", here.around)
    tasks = [asyncio.create_task(c.run()) for c in (here.conversation, other)]
    batch = EdgeLog().append(TailgateDetected(lane_id="in-1")).batch()
    other.hear(Channel.EVENTS, encode(batch))
    await asyncio.sleep(0.05)
    here.say(Channel.EVENTS, batch)
    assert decode(Ack, await here.wire.next(Channel.EVENTS_ACK)).upto == 1
    release.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
