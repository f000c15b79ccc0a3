"""A facility's events into PostgreSQL, exactly once, whatever the wire repeats, loses or reorders.

The cursor, the events and everything that projections make of them are written in the caller's one transaction, and
the Ack goes out only after its commit. So after a restore from an old backup the Ack is lower, the facility sends
again, and nothing is lost or doubled.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import insert_rows
from cloud.link.rules import UNREADABLE, Line, Told, check_without_gaps, copy_text, of_types, read, to_line, unreadable
from cloud.link.store import parked
from shared.events import KNOWN_TYPES
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
_PARK = insert_rows(parked, "ON CONFLICT (facility_id, log_id, seq, projection) DO UPDATE SET error = excluded.error")
_COPY = "COPY link.events (facility_id, log_id, seq, at_ms, type, body) FROM STDIN"

STORE = "store"
"""The name under which an entry is parked that could not be stored as it came."""
UNKNOWN = "unknown"
"""The name under which an event waits whose type this version does not know; an update applies it."""

ERROR_CHARACTERS_MAX = 2_000


class Projection(Protocol):
    """Makes rows of events, in bulk. Called with events of its ``types`` only, in order, in the transaction that
    stores them. May be called again with the same events, and long after those that followed them, so it must be
    idempotent per (log_id, seq) and must not let an event know what came after it. What it raises parks the event it
    is about."""

    @property
    def name(self) -> str: ...

    @property
    def types(self) -> frozenset[str]: ...

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, told: Sequence[Told]) -> None: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from and when they came."""

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
    source = Source(facility_id, batch.log_id, now_ms)
    key = {"facility_id": facility_id, "log_id": batch.log_id}
    held = await lock(conn, facility_id, batch.log_id)
    if held is None:
        await conn.execute(_OPEN, {**key, "now_ms": now_ms})
        held = await lock(conn, facility_id, batch.log_id) or 0
    fresh, upto = receive(held, batch)
    if fresh:
        lines = await _store(conn, source, [to_line(e, now_ms) for e in fresh])
        await _tell(conn, source, projections, lines)
    await conn.execute(_MOVE, {**key, "upto": upto, "head": batch.head, "now_ms": now_ms})
    return Ack(log_id=batch.log_id, upto=upto)


async def lock(conn: AsyncConnection, facility_id: str, log_id: str) -> int | None:
    """How far a log is held, and nobody else touches what is made of it until the transaction ends. None for a log
    that was never heard of."""
    upto: int | None = await conn.scalar(_LOCK, {"facility_id": facility_id, "log_id": log_id})
    return upto


async def _store(conn: AsyncConnection, source: Source, lines: list[Line]) -> list[Line]:
    """Write the events. Returns them as they were stored: one that PostgreSQL refuses is kept as Unreadable."""
    try:
        async with conn.begin_nested():
            await _copy(conn, source, lines)
        stored = lines
    except psycopg.DataError:
        stored = [await _store_one(conn, source, line) for line in lines]
    for line in stored:
        if line.type == UNREADABLE:
            await park(conn, source, line.seq, by=STORE, error="cannot be stored as it came")
    return stored


async def _store_one(conn: AsyncConnection, source: Source, line: Line) -> Line:
    try:
        async with conn.begin_nested():
            await _copy(conn, source, [line])
    except psycopg.DataError:
        kept = unreadable(line.seq, source.now_ms, line._asdict())
        await _copy(conn, source, [kept])
        return kept
    return line


async def _copy(conn: AsyncConnection, source: Source, lines: list[Line]) -> None:
    """COPY: the fastest way in. It goes past SQLAlchemy's own statements, on the same connection and transaction."""
    raw = await conn.get_raw_connection()
    driver: psycopg.AsyncConnection = raw.driver_connection  # type: ignore[assignment]  # the engine is psycopg's
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write(copy_text(source.facility_id, source.log_id, lines))


async def _tell(conn: AsyncConnection, source: Source, projections: Sequence[Projection], lines: list[Line]) -> None:
    """Read the events once for all projections, and tell each what it asked for."""
    unknown = {line.type for line in lines} - KNOWN_TYPES - {UNREADABLE}
    await _set_aside(conn, source, [line for line in lines if line.type in unknown] if unknown else [])
    told, refused = read(lines, frozenset[str]().union(*(p.types for p in projections)))
    for projection in projections:
        for line, error in refused:
            if line.type in projection.types:
                await park(conn, source, line.seq, by=projection.name, error=reason(error))
        await _project(conn, source, projection, of_types(told, projection.types))


async def _set_aside(conn: AsyncConnection, source: Source, unknown: list[Line]) -> None:
    """An edge may be newer than the cloud: what it tells is kept and waits for the update."""
    if not unknown:
        return
    types = ", ".join(sorted({line.type for line in unknown}))
    log.error("%d events of %s are of types unknown here, set aside: %s", len(unknown), source.facility_id, types)
    rows = [_parked(source, line.seq, UNKNOWN, f"this version does not know the type {line.type}") for line in unknown]
    await conn.execute(_PARK, {"rows": rows})


async def _project(conn: AsyncConnection, source: Source, projection: Projection, told: list[Told]) -> None:
    """All at once; when that fails, one by one, so that only what is poisonous is parked."""
    if not told or await attempt(conn, source, projection, told) is None:
        return
    for one in told:
        error = await attempt(conn, source, projection, [one])
        if error is not None:
            await park(conn, source, one.seq, by=projection.name, error=reason(error))


async def attempt(conn: AsyncConnection, source: Source, projection: Projection, told: list[Told]) -> Exception | None:
    """Project within a savepoint; what went wrong, with nothing of it left, or None.

    Trouble with the database itself (connection gone, deadlock) is nobody's poison: it is raised, and the batch comes
    again.
    """
    try:
        async with conn.begin_nested():
            await projection(conn, source.facility_id, source.log_id, told)
    except (OperationalError, InterfaceError, psycopg.OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a projection chokes on must not stop the log
        return error
    return None


def reason(error: Exception) -> str:
    """What is written down of an error, as short as PostgreSQL takes it."""
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:ERROR_CHARACTERS_MAX]


async def park(conn: AsyncConnection, source: Source, seq: int, *, by: str, error: str) -> None:
    """Set an event aside that the projection named ``by`` could not take; the event itself stays in the log."""
    log.error("event parked: %s %s %d, refused by %s", source.facility_id, source.log_id, seq, by)
    await conn.execute(_PARK, {"rows": [_parked(source, seq, by, error)]})


def _parked(source: Source, seq: int, by: str, error: str) -> dict[str, Any]:
    return {
        "facility_id": source.facility_id,
        "log_id": source.log_id,
        "seq": seq,
        "projection": by,
        "error": error,
        "parked_at_ms": source.now_ms,
    }
