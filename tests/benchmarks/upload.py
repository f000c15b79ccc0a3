"""Events a second from a facility's log into PostgreSQL, next to a bare bulk insert of the same rows.

The product reads each batch from the facility's SQLite file, encodes it, decodes it, and stores and projects it in one
durable transaction (sessions, charges, postings, jobs), as the two ends of the link do; only the broker is left out.
The bare side puts the same rows into an identical table by COPY: batch by batch in durable transactions that take
turns with the product's, and in the end all at once.
"""

import asyncio
import json
import time
from pathlib import Path

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import migrations
from cloud.db import create_engine, transaction
from cloud.facilities import store as facilities
from cloud.link.ingest import ingest
from cloud.main import PROJECTIONS
from cloud.tariffs import store as tariff_store
from edge.store import Store
from shared.events import Entry
from shared.sync import Batch
from shared.wire import decode, encode
from tests.benchmarks.box import full_size
from tests.benchmarks.day import Day
from tests.benchmarks.figures import BenchmarkError, Figure
from tests.builders import tariffs

SITE = full_size()
Row = tuple[str, str, int, int, str, str]
_APPENDED_AT_ONCE = 500
_COPY = "COPY {} (facility_id, log_id, seq, at_ms, type, body) FROM STDIN"


def measure(folder: Path, database_url: str, *, events: int) -> list[Figure]:
    """Bring a log of ``events`` entries into the empty database at ``database_url``."""
    migrations.upgrade(database_url)
    store = Store(folder / "data", SITE.facility_id)
    try:
        entries = list(Day(store.log_id).entries(events))
        for begin in range(0, events, _APPENDED_AT_ONCE):
            store.append(entries[begin : begin + _APPENDED_AT_ONCE])
        return asyncio.run(_measure(store, database_url, entries))
    finally:
        store.close()


async def _measure(store: Store, database_url: str, entries: list[Entry]) -> list[Figure]:
    engine = create_engine(database_url)
    try:
        await _prepare(engine)
        rows = [(SITE.facility_id, store.log_id, e.seq, e.at_ms, e.type, json.dumps(e.body)) for e in entries]
        with psycopg.connect(database_url) as bare:
            product_s, batches_s = await _take_turns(engine, store, bare, rows)
            once_s = _insert(bare, "bare_once", rows)
        await _check(engine, len(rows))
    finally:
        await engine.dispose()
    rate = len(rows) / product_s
    return [
        Figure("log into PostgreSQL", "events/s", rate, len(rows) / batches_s, "COPY, the same batches"),
        Figure("log into PostgreSQL", "events/s", rate, len(rows) / once_s, "one COPY of all rows"),
    ]


async def _prepare(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await facilities.save(conn, SITE, now_ms=0)
        for tariff in tariffs():
            await tariff_store.add(conn, tariff, now_ms=0)
        for table in ("bare_batches", "bare_once"):
            await conn.execute(text(f"CREATE TABLE {table} (LIKE link.events INCLUDING ALL)"))


async def _take_turns(
    engine: AsyncEngine, store: Store, bare: psycopg.Connection, rows: list[Row]
) -> tuple[float, float]:
    """Seconds that the product and the bare COPY took for all rows, batch by batch."""
    product_s = bare_s = 0.0
    held = 0
    while held < len(rows):
        began_s = time.perf_counter()
        upto = await _carry(engine, store, held)
        product_s += time.perf_counter() - began_s
        bare_s += _insert(bare, "bare_batches", rows[held:upto])
        held = upto
    return product_s, bare_s


async def _carry(engine: AsyncEngine, store: Store, after: int) -> int:
    """What the facility's link and the cloud's do for one batch; how far the cloud holds the log then."""
    entries = store.sync_entries(after=after)
    upto = entries[-1].position
    offered = encode(Batch(log_id=store.log_id, after=after, upto=upto, entries=entries, head=store.head))
    async with transaction(engine) as conn:
        ack = await ingest(conn, SITE.facility_id, decode(Batch, offered), PROJECTIONS, now_ms=0)
    if ack.upto != upto:
        raise BenchmarkError(f"the cloud took {ack.upto} of a batch up to {upto}")
    return upto


def _insert(bare: psycopg.Connection, table: str, rows: list[Row]) -> float:
    began_s = time.perf_counter()
    with bare.cursor() as cursor, cursor.copy(_COPY.format(table)) as copy:
        for row in rows:
            copy.write_row(row)
    bare.commit()
    return time.perf_counter() - began_s


async def _check(engine: AsyncEngine, count: int) -> None:
    """Nothing was left out, and every stay that ended was charged what was quoted."""
    query = text(
        "SELECT (SELECT count(*) FROM link.events), (SELECT count(*) FROM link.parked),"
        " (SELECT count(*) FROM billing.discrepancies),"
        " (SELECT count(*) FROM link.events WHERE type = 'VehicleExited') - (SELECT count(*) FROM billing.charges)"
    )
    async with transaction(engine) as conn:
        stored, parked, discrepancies, uncharged = (await conn.execute(query)).one()
    if (stored, parked, discrepancies, uncharged) != (count, 0, 0, 0):
        raise BenchmarkError(
            f"of {count} events {stored} were stored and {parked} parked, {uncharged} stays were not charged,"
            f" {discrepancies} charged otherwise than quoted"
        )
