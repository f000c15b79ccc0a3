"""Decisions down over a real broker: stored, then acknowledged, then known."""

import pytest

from edge.rules.inputs import Knowledge
from edge.store import Store
from provisioning.local.broker import Broker
from shared.decisions import PlateBlocked, TariffPublished
from shared.sync import Ack
from shared.tariffs import ComponentType, Element, PriceComponent, Tariff
from shared.wire import Channel, Presence, encode, topic
from tests.edge.link_kit import HQ, Cloud, broker, cloud, link_to, running, store
from tests.waiting import until

__all__ = ["broker", "cloud", "store"]
pytestmark = pytest.mark.anyio


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
