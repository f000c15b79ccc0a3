"""A cloud and its facilities' files, some of whose events came after the last backup: the ground of a drill."""

import asyncio
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import psycopg

from cloud import migrations
from cloud.db import create_engine, transaction
from cloud.facilities import store as facilities
from cloud.link.ingest import ingest
from cloud.main import PROJECTIONS
from cloud.tariffs import store as tariff_store
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.store import Store
from shared.decisions import FacilityConfigured, TariffPublished
from shared.facilities import Facility
from shared.sync import Batch, SyncEntry
from tests.benchmarks.box import full_size
from tests.benchmarks.day import Day
from tests.builders import tariffs

_APPENDED_AT_ONCE = 500


def site(facility_id: str) -> Facility:
    """A facility of the size that the product is made for, under an id of its own."""
    return full_size().model_copy(update={"facility_id": facility_id})


def fill_box(folder: Path, facility: Facility, *, events: int, seed: int) -> Path:
    """A box's file that holds a log of ``events`` entries and what headquarters decided; its path."""
    store = Store(folder, facility.facility_id)
    try:
        decided = [FacilityConfigured(facility=facility), *(TariffPublished(tariff=t) for t in tariffs())]
        bodies = [SyncEntry(position=n, body=d.model_dump(mode="json")) for n, d in enumerate(decided, 1)]
        store.apply_decisions("hq-before", bodies, len(bodies))
        day = Day(store.log_id, seed=seed)
        day.site.facility = facility
        entries = day.entries(events)
        while piece := list(islice(entries, _APPENDED_AT_ONCE)):
            store.append(piece)
    finally:
        store.close()
    return folder / "facility.db"


def trim_box(folder: Path, facility_id: str, *, upto: int) -> None:
    """Let go of the oldest entries of a box's log, as retention does."""
    store, rebuilder = Store(folder, facility_id), Rebuilder(FACILITY_RULES)
    try:
        state, _ = rebuilder.rebuild(store)
        store.save_snapshot(store.head, rebuilder.fingerprint, rebuilder.dump(state))
        store.log.trim(upto)
    finally:
        store.close()


def trim_cloud(database_url: str, facility_id: str, *, upto: int) -> None:
    """The oldest entries of the cloud's copy of a log are gone, as retention leaves it."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM link.events WHERE facility_id = %s AND seq <= %s", [facility_id, upto])
        connection.execute("UPDATE link.cursors SET base = %s WHERE facility_id = %s", [upto, facility_id])


def furnish(database_url: str, sites: Iterable[Facility]) -> None:
    """Every table, the facilities and the prices."""
    migrations.upgrade(database_url)

    async def save() -> None:
        engine = create_engine(database_url)
        async with transaction(engine) as conn:
            for facility in sites:
                await facilities.save(conn, facility, now_ms=0)
            for tariff in tariffs():
                await tariff_store.add(conn, tariff, now_ms=0)
        await engine.dispose()

    asyncio.run(save())


def take_in(database_url: str, folder: Path, facility_id: str, *, after: int, upto: int) -> None:
    """Bring a stretch of a box's log into the cloud, as its link does."""
    store = Store(folder, facility_id)

    async def carry() -> None:
        engine = create_engine(database_url)
        held = after
        while held < upto:
            written = json.loads(f"[{store.sync_json(after=held)[0].decode()}]")
            entries = tuple(SyncEntry(**e) for e in written if e["position"] <= upto)
            batch = Batch(log_id=store.log_id, after=held, upto=entries[-1].position, entries=entries, head=store.head)
            async with transaction(engine) as conn:
                held = (await ingest(conn, facility_id, batch, PROJECTIONS, now_ms=0)).upto
        await engine.dispose()

    try:
        asyncio.run(carry())
    finally:
        store.close()
