"""A box set up from nothing: from the start of its daemon to all that headquarters decided in its store.

The bare thing is the same number of rows inserted into a SQLite file of the same tables, in one transaction.
"""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from psycopg.types.json import Jsonb
from sqlalchemy import text

from cloud import db, migrations
from cloud.link.decisions import publish
from cloud.link.worker import LinkSettings, LinkWorker
from edge import database
from provisioning.local.broker import Broker
from provisioning.local.postgres import Postgres
from shared.clock import REAL_TIME, Clock
from shared.decisions import FacilityConfigured, RightAssigned
from shared.facilities import Facility
from tests.benchmarks.box import Box, account, full_size
from tests.benchmarks.figures import BenchmarkError, Figure

DATABASE = "replaced"
PATIENCE_REAL_S = 300.0
_POLL_REAL_S = 0.02
_PIECE = 10_000


def measure(folder: Path, server: Postgres, *, rights: int) -> list[Figure]:
    """Set up a box in a network with ``rights`` customers."""
    site = full_size(regular=3)
    server.create_database(DATABASE)
    url = server.url(DATABASE)
    migrations.upgrade(url)
    asyncio.run(_decide(url, site, rights))
    with Broker(folder / "broker", facility_ids=(site.facility_id,)) as broker:
        took_s = asyncio.run(_set_up(folder, site, broker, url))
    bare_s = _insert(folder / "bare", rights)
    return [Figure(f"new box, {rights:,} rights", "s", took_s, bare_s, "the rows into SQLite")]


async def _decide(url: str, site: Facility, rights: int) -> None:
    """Publish the facility as the product does, the rights as rows: it is not their publishing that counts."""
    engine = db.create_engine(url)
    async with db.transaction(engine) as conn:
        first = await publish(conn, FacilityConfigured(facility=site), (site.facility_id,))
        raw = await conn.get_raw_connection()
        cursor = raw.driver_connection.cursor()  # type: ignore[union-attr]
        rows = ((n, RightAssigned(right=account(n))) for n in range(rights))
        async with cursor.copy("COPY link.decisions (key, version, facility_ids, type, body) FROM STDIN") as copy:
            for number, told in rows:
                body = Jsonb(told.model_dump(mode="json"))
                await copy.write_row((told.key, first + 1 + number, [], told.type, body))
        await cursor.execute("UPDATE link.decision_log SET version = %s", [first + rights])
    await engine.dispose()


async def _set_up(folder: Path, site: Facility, broker: Broker, url: str) -> float:
    engine = db.create_engine(url)
    worker = LinkWorker(LinkSettings(url, broker.url()), engine, Clock(REAL_TIME, time.time), [])
    linking = asyncio.create_task(worker.run())
    try:
        began_s = time.perf_counter()
        box = Box(folder, site.facility_id, broker_url=broker.url(site.facility_id))
        await asyncio.to_thread(box.__enter__)
        try:
            await _await_all(box.file, url)
            return time.perf_counter() - began_s
        finally:
            await asyncio.to_thread(box.__exit__, None, None, None)
    finally:
        linking.cancel()
        await asyncio.gather(linking, return_exceptions=True)
        await engine.dispose()


async def _await_all(file: Path, url: str) -> None:
    engine = db.create_engine(url)
    async with db.transaction(engine) as conn:
        wanted = await conn.scalar(text("SELECT version FROM link.decision_log"))
    await engine.dispose()
    give_up_s = time.monotonic() + PATIENCE_REAL_S
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        while True:
            row = store.execute("SELECT value FROM meta WHERE name = 'decisions_upto'").fetchone()
            if row is not None and int(row[0]) == wanted:
                return
            if time.monotonic() > give_up_s:
                raise BenchmarkError(f"the box holds {row and row[0]} of {wanted} decisions")
            await asyncio.sleep(_POLL_REAL_S)


def _insert(folder: Path, rights: int) -> float:
    folder.mkdir()
    with closing(database.open_for_writing(folder / database.FILE_NAME)) as bare:
        decided = (RightAssigned(right=account(n)) for n in range(rights))
        rows = [(told.key, "hq", n, told.type, told.model_dump_json()) for n, told in enumerate(decided, 1)]
        began_s = time.perf_counter()
        with bare.atomic():
            bare.conn.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", rows)
        return time.perf_counter() - began_s
