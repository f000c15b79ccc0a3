"""A facility's events into PostgreSQL, exactly once, whatever the wire repeats, loses or reorders.

The cursor, the events and everything that projections make of them are written in the caller's one transaction, and
the Ack goes out only after its commit. So after a restore from an old backup the Ack is lower, the facility sends
again, and nothing is lost or doubled.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.link.rules import UNREADABLE, check_without_gaps, of_types, to_entry, unreadable
from shared.events import Entry
from shared.sync import Ack, Batch, receive

log = logging.getLogger(__name__)

_OPEN = text(
    "INSERT INTO link.cursors (facility_id, log_id, upto, head, updated_at_ms)"
    " VALUES (:facility_id, :log_id, 0, 0, :now_ms) ON CONFLICT DO NOTHING"
)
_LOCK = text("SELECT upto FROM link.cursors WHERE facility_id = :facility_id AND log_id = :log_id FOR UPDATE")
_MOVE = text(
    "UPDATE link.cursors SET upto = :upto, head = greatest(:head, :upto), updated_at_ms = :now_ms"
    " WHERE facility_id = :facility_id AND log_id = :log_id"
)
_PARK = text(
    "INSERT INTO link.parked (facility_id, log_id, seq, projection, error, parked_at_ms)"
    " VALUES (:facility_id, :log_id, :seq, :projection, :error, :now_ms) ON CONFLICT DO NOTHING"
)
_COPY = "COPY link.events (facility_id, log_id, seq, at_ms, type, body) FROM STDIN"

STORE = "store"
"""The name under which an entry is parked that could not be stored as it came."""

ERROR_CHARACTERS_MAX = 2_000


class Projection(Protocol):
    """Makes rows of events, in bulk. Called with entries of its ``types`` only, in order, in the transaction that
    stores them. May be called again with the same entries, so it must be idempotent per (log_id, seq). What it raises
    parks the entry it is about."""

    @property
    def name(self) -> str: ...

    @property
    def types(self) -> frozenset[str]: ...

    async def __call__(
        self, conn: AsyncConnection, facility_id: str, log_id: str, entries: Sequence[Entry]
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class _Source:
    """Where entries come from and when they came."""

    facility_id: str
    log_id: str
    now_ms: int


async def ingest(
    conn: AsyncConnection, facility_id: str, batch: Batch, projections: Sequence[Projection], *, now_ms: int
) -> Ack:
    """Store what is new in ``batch`` and project it, in the caller's transaction. Publish the Ack after its commit.

    Batches of one log wait for each other at the cursor's row. Raises WireError for a batch with gaps inside.
    """
    check_without_gaps(batch)
    source = _Source(facility_id, batch.log_id, now_ms)
    key = {"facility_id": facility_id, "log_id": batch.log_id}
    held = await conn.scalar(_LOCK, key)
    if held is None:
        await conn.execute(_OPEN, {**key, "now_ms": now_ms})
        held = await conn.scalar(_LOCK, key)
    fresh, upto = receive(held, batch)
    if fresh:
        entries = await _store(conn, source, [to_entry(e, now_ms) for e in fresh])
        for projection in projections:
            await _project(conn, source, projection, of_types(entries, projection.types))
    await conn.execute(_MOVE, {**key, "upto": upto, "head": batch.head, "now_ms": now_ms})
    return Ack(log_id=batch.log_id, upto=upto)


async def _store(conn: AsyncConnection, source: _Source, entries: list[Entry]) -> list[Entry]:
    """Write the events. Returns them as they were stored: one that PostgreSQL refuses is kept as Unreadable."""
    try:
        async with conn.begin_nested():
            await _copy(conn, source, entries)
        stored = entries
    except psycopg.DataError:
        stored = [await _store_one(conn, source, entry) for entry in entries]
    for entry in stored:
        if entry.type == UNREADABLE:
            await _park(conn, source, entry, STORE, "cannot be stored as it came")
    return stored


async def _store_one(conn: AsyncConnection, source: _Source, entry: Entry) -> Entry:
    try:
        async with conn.begin_nested():
            await _copy(conn, source, [entry])
    except psycopg.DataError:
        kept = unreadable(entry.seq, source.now_ms, entry.model_dump(mode="json"))
        await _copy(conn, source, [kept])
        return kept
    return entry


async def _copy(conn: AsyncConnection, source: _Source, entries: list[Entry]) -> None:
    """COPY: the fastest way in. It goes past SQLAlchemy's own statements, on the same connection and transaction."""
    raw = await conn.get_raw_connection()
    driver: psycopg.AsyncConnection = raw.driver_connection  # type: ignore[assignment]  # the engine is psycopg's
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for e in entries:
            await copy.write_row((source.facility_id, source.log_id, e.seq, e.at_ms, e.type, json.dumps(e.body)))


async def _project(conn: AsyncConnection, source: _Source, projection: Projection, entries: list[Entry]) -> None:
    """All at once; when that fails, one by one, so that only what is poisonous is parked."""
    if not entries or await _try(conn, source, projection, entries) is None:
        return
    for entry in entries:
        error = await _try(conn, source, projection, [entry])
        if error is not None:
            await _park(conn, source, entry, projection.name, f"{type(error).__name__}: {error}")


async def _try(
    conn: AsyncConnection, source: _Source, projection: Projection, entries: list[Entry]
) -> Exception | None:
    """Project within a savepoint; what went wrong, with nothing of it left, or None.

    Trouble with the database itself (connection gone, deadlock) is nobody's poison: it is raised, and the batch comes
    again.
    """
    try:
        async with conn.begin_nested():
            await projection(conn, source.facility_id, source.log_id, entries)
    except (OperationalError, InterfaceError, psycopg.OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a projection chokes on must not stop the log
        return error
    return None


async def _park(conn: AsyncConnection, source: _Source, entry: Entry, projection: str, error: str) -> None:
    place = f"{source.facility_id} {source.log_id} {entry.seq}"
    log.error("event parked: %s (%s), refused by %s", place, entry.type, projection)
    values = {
        "facility_id": source.facility_id,
        "log_id": source.log_id,
        "seq": entry.seq,
        "projection": projection,
        "error": error.replace("\x00", "")[:ERROR_CHARACTERS_MAX],
        "now_ms": source.now_ms,
    }
    await conn.execute(_PARK, values)
