"""What headquarters decides is known at every facility within two seconds of the commit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link.decisions import publish
from edge.link import Link, LinkSettings
from edge.store import Store
from provisioning.local.broker import Broker
from shared.clock import REAL_TIME, Clock
from shared.decisions import RightAssigned
from tests.builders import right
from tests.cloud.link.boxes_kit import PLACES, linking
from tests.waiting import until

pytestmark = pytest.mark.anyio
FRESH_WITHIN_REAL_S = 2.0


@pytest.fixture
async def stores(tmp_path: Path, broker: Broker) -> AsyncIterator[list[Store]]:
    """The stores of three facilities whose links run."""
    stores = [Store(tmp_path / place, place) for place in PLACES]
    clock = Clock(REAL_TIME, lambda: 5.0)
    links = [
        Link(LinkSettings(place, broker.url(place), "1"), store, clock, learn=lambda _: None)
        for place, store in zip(PLACES, stores, strict=True)
    ]
    running = [asyncio.create_task(link.run()) for link in links]
    await until(lambda: all(link.view().connected for link in links))
    yield stores
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    for store in stores:
        store.close()


async def test_every_facility_has_a_new_right_within_two_seconds_of_its_commit(
    engine: AsyncEngine, database_url: str, broker: Broker, stores: list[Store]
) -> None:
    async def assign(plate: str) -> None:
        async with transaction(engine) as conn:
            await publish(conn, RightAssigned(right=right(plate.lower(), plate)))

    def known(plate: str) -> bool:
        return all(store.matches_for_plate(plate).rights for store in stores)

    async with linking(engine, database_url, broker):
        await assign("FIRST1")
        await until(lambda: known("FIRST1"))
        for number in range(5):
            plate = f"NEXT{number}"
            await assign(plate)
            await until(lambda plate=plate: known(plate), FRESH_WITHIN_REAL_S)  # type: ignore[misc]
