"""The link over a real broker: both logs arrive whole, whatever the other side forgets or the wire loses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge import link as link_module
from edge.link import Link, LinkSettings
from edge.rules.inputs import Knowledge
from edge.store import Store
from provisioning.local.broker import Broker
from shared.clock import Clock, Timeline
from shared.decisions import Decision, PlateBlocked, TariffPublished
from shared.events import Entry
from shared.facilities import Frozen
from shared.mqtt import MqttClient
from shared.sync import Ack, Batch, SyncEntry, receive
from shared.tariffs import ComponentType, Element, PriceComponent, Tariff
from shared.wire import Channel, Presence, cloud_subscriptions, decode, encode, parse_topic, topic

pytestmark = pytest.mark.anyio
HQ = "hq-1"


class Cloud:
    """The other end: holds what it took, answers as the cloud does, and can be told to misbehave."""

    def __init__(self, client: MqttClient) -> None:
        self.client = client
        self.held: dict[str, list[SyncEntry]] = {}
        self.batches: list[Batch] = []
        self.acks: list[Ack] = []
        self.presence: list[Presence] = []
        self.deaf = False

    async def serve(self) -> None:
        while True:
            heard_topic, payload = await self.client.messages.get()
            channel = parse_topic(heard_topic).channel
            if channel is Channel.EVENTS:
                self.take(decode(Batch, payload))
            elif channel is Channel.DECISIONS_ACK:
                self.acks.append(decode(Ack, payload))
            else:
                self.presence.append(decode(Presence, payload))

    def take(self, batch: Batch) -> None:
        self.batches.append(batch)
        if self.deaf:
            return
        held = self.held.setdefault(batch.log_id, [])
        held.extend(receive(len(held), batch)[0])
        self.say(Channel.EVENTS_ACK, Ack(log_id=batch.log_id, upto=len(held)))

    def decide(self, after: int, *decisions: Decision, head: int | None = None) -> None:
        upto = after + len(decisions)
        entries = tuple(
            SyncEntry(position=after + 1 + n, body=d.model_dump(mode="json")) for n, d in enumerate(decisions)
        )
        head = upto if head is None else head
        self.say(Channel.DECISIONS, Batch(log_id=HQ, after=after, upto=upto, entries=entries, head=head))

    def say(self, channel: Channel, message: Frozen) -> None:
        assert self.client.publish(topic("boston", channel), encode(message))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", facility_ids=("boston",)) as broker:
        yield broker


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data", "boston")
    yield store
    store.close()


@pytest.fixture
async def cloud(broker: Broker) -> AsyncIterator[Cloud]:
    async with MqttClient(broker.url(), client_id="cloud", subscriptions=cloud_subscriptions()) as client:
        await until(lambda: client.connected)
        cloud = Cloud(client)
        serving = asyncio.create_task(cloud.serve())
        yield cloud
        serving.cancel()


async def until(holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - what is waited for comes over the network
            await asyncio.sleep(0.01)


def link_to(broker: Broker, store: Store, learn: Callable[[Knowledge], None] = lambda _: None) -> Link:
    clock = Clock(Timeline(0, 0, 1), lambda: 5.0)
    return Link(LinkSettings("boston", broker.url("boston"), "1"), store, clock, learn=learn)


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[Link]:
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None


def write(store: Store, count: int, text: str = "x") -> None:
    store.append([Entry(seq=store.head + n, at_ms=n, type="Noted", body={"text": text}) for n in range(1, count + 1)])


def positions(cloud: Cloud, store: Store) -> list[int]:
    return [e.position for e in cloud.held.get(store.log_id, [])]


# Events up.


async def test_what_is_in_the_log_arrives_once_and_in_order(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 18_003)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 18_003)
        write(store, 2)
        link.stir()
        await until(lambda: link.view().acked == 18_005)
    assert positions(cloud, store) == list(range(1, 18_006))
    assert cloud.held[store.log_id][0].body == {"at_ms": 1, "type": "Noted", "body": {"text": "x"}}


async def test_the_first_thing_sent_is_a_question_so_nothing_is_sent_twice_after_a_restart(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 3)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 3)
    cloud.batches.clear()
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 3)
    assert [(b.after, b.upto, b.entries, b.head) for b in cloud.batches] == [(0, 0, (), 3)]


async def test_one_batch_is_in_flight_and_it_is_resent_only_at_its_deadline(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "RESEND_REAL_MS", 700)
    monkeypatch.setattr(link_module, "TICK_REAL_S", 0.02)
    write(store, 600)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 600)
        cloud.deaf = True
        cloud.batches.clear()
        write(store, 1)
        link.stir()
        await until(lambda: len(cloud.batches) == 1)
        write(store, 1)
        link.stir()
        await asyncio.sleep(0.3)
        assert len(cloud.batches) == 1
        await until(lambda: len(cloud.batches) == 2)
        cloud.deaf = False
        await until(lambda: link.view().backlog == 0)
    assert positions(cloud, store) == list(range(1, 603))


async def test_a_cloud_restored_from_an_old_backup_gets_again_what_it_lost(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 10)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 10)
        del cloud.held[store.log_id][4:]
        cloud.say(Channel.EVENTS_ACK, Ack(log_id=store.log_id, upto=4))
        await until(lambda: len(cloud.held[store.log_id]) == 10)
    assert positions(cloud, store) == list(range(1, 11))


async def test_an_ack_beyond_the_log_is_not_believed_and_is_told_as_what_it_means(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 2)
    cloud.held[store.log_id] = [SyncEntry(position=n, body={}) for n in range(1, 9)]
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().problem is not None and "older copy" in str(link.view().problem))
        assert link.view().acked is None


async def test_large_entries_travel_in_small_batches(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 5, "x" * 600_000)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
    assert [len(b.entries) for b in cloud.batches if b.entries] == [1, 1, 1, 1, 1]


async def test_a_killed_broker_loses_nothing(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
        broker.kill()
        await until(lambda: not link.view().connected)
        write(store, 700)
        link.stir()
        broker.start()
        await until(lambda: link.view().acked == 705, 20)
    assert positions(cloud, store) == list(range(1, 706))


# Decisions down.

TARIFF = Tariff(
    tariff_id="t",
    version=1,
    kind="PARKING",
    elements=(Element(price_components=(PriceComponent(type=ComponentType.FLAT, price="1"),)),),
)


async def test_decisions_are_stored_before_they_are_acknowledged(broker: Broker, store: Store, cloud: Cloud) -> None:
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().connected)
        cloud.decide(0, PlateBlocked(plate="A", reason="x"))
        await until(lambda: cloud.acks == [Ack(log_id=HQ, upto=1)])
        assert store.matches_for_plate("A").block is not None
        assert store.decisions_held(HQ) == 1


async def test_a_probe_a_repeat_and_a_gap_are_answered_with_what_is_held(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    block = PlateBlocked(plate="A", reason="x")
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().connected)
        cloud.decide(0, head=1)
        cloud.decide(0, block)
        cloud.decide(0, block)
        cloud.decide(5, block)
        await until(lambda: len(cloud.acks) == 4)
    assert [a.upto for a in cloud.acks] == [0, 1, 1, 1]


async def test_new_prices_are_handed_to_the_runtime_and_a_block_is_not(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    learned: list[Knowledge] = []
    async with running(link_to(broker, store, learned.append)) as link:
        await until(lambda: link.view().connected)
        cloud.decide(0, PlateBlocked(plate="A", reason="x"))
        cloud.decide(1, TariffPublished(tariff=TARIFF))
        await until(lambda: len(cloud.acks) == 2)
    assert [k.tariffs for k in learned] == [(TARIFF,)]


async def test_the_age_of_what_is_known_counts_from_when_everything_was_held(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().connected)
        cloud.decide(0, PlateBlocked(plate="A", reason="x"), head=9)
        await until(lambda: link.view().decisions_head == 9)
        assert link.view().knowledge_at_ms is None
        cloud.decide(1, PlateBlocked(plate="B", reason="x"))
        await until(lambda: link.view().knowledge_at_ms == 5_000)


async def test_garbage_from_the_other_side_is_counted_and_the_link_goes_on(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().connected)
        assert cloud.client.publish(topic("boston", Channel.DECISIONS), b"not ours")
        assert cloud.client.publish(topic("boston", Channel.EVENTS_ACK), encode(Presence(facility_id="x", online=True)))
        cloud.decide(0, PlateBlocked(plate="A", reason="x"))
        await until(lambda: len(cloud.acks) == 1)
    assert link.malformed == 2


# Presence.


async def test_the_facility_says_that_it_is_there_and_that_it_leaves(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    async with running(link_to(broker, store)):
        await until(lambda: len(cloud.presence) == 1)
    await until(lambda: len(cloud.presence) == 2)
    assert [p.online for p in cloud.presence] == [True, False]
    assert cloud.presence[0].log_id == store.log_id


async def test_one_that_counts_as_away_by_mistake_says_again_that_it_is_there(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "ANNOUNCE_AFTER_REAL_MS", 500)
    monkeypatch.setattr(link_module, "TICK_REAL_S", 0.05)
    async with running(link_to(broker, store)):
        await until(lambda: store.log_id in cloud.held)
        await until(lambda: len(cloud.presence) >= 3)
        assert all(p.online for p in cloud.presence)


async def test_while_the_cloud_is_heard_presence_is_said_once(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "ANNOUNCE_AFTER_REAL_MS", 1_500)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked is not None)
        for _ in range(20):
            cloud.decide(0)
            heard = len(cloud.acks)
            await until(lambda heard=heard: len(cloud.acks) > heard)
            await asyncio.sleep(0.1)
        assert len(cloud.presence) == 1
