"""A link over a real broker, and the cloud's end of it in a test's hands. The fixtures are for import."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.link import Link, LinkSettings
from edge.rules.inputs import Knowledge
from edge.store import Store
from provisioning.local.broker import Broker
from shared.clock import Clock, Timeline
from shared.decisions import Decision
from shared.events import Entry
from shared.facilities import Frozen
from shared.mqtt import MqttClient
from shared.sync import Ack, Batch, SyncEntry, receive
from shared.wire import Channel, Presence, cloud_subscriptions, decode, encode, parse_topic, topic
from tests.waiting import until

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
