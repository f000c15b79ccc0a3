"""That a facility is there, over a real broker: said when it comes, goes, or may have been missed."""

import asyncio

import pytest

from edge import link as link_module
from edge import link_presence
from edge.store import Store
from provisioning.local.broker import Broker
from tests.edge.link_kit import Cloud, broker, cloud, link_to, running, store
from tests.waiting import until

__all__ = ["broker", "cloud", "store"]
pytestmark = pytest.mark.anyio


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
    monkeypatch.setattr(link_presence, "ANNOUNCE_AFTER_REAL_S", 0.5)
    monkeypatch.setattr(link_module, "TICK_REAL_S", 0.05)
    async with running(link_to(broker, store)):
        await until(lambda: store.log_id in cloud.held)
        await until(lambda: len(cloud.presence) >= 3)
        assert all(p.online for p in cloud.presence)


async def test_while_the_cloud_is_heard_presence_is_said_once(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_presence, "ANNOUNCE_AFTER_REAL_S", 1.5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked is not None)
        for _ in range(20):
            cloud.decide(0)
            heard = len(cloud.acks)
            await until(lambda heard=heard: len(cloud.acks) > heard)
            await asyncio.sleep(0.1)
        assert len(cloud.presence) == 1
