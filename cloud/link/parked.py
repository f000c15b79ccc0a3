"""Events that were set aside, shown and tried again: after a fix of a projection, after an update that knows their
type, or once what they needed (a tariff, a facility's configuration) is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.db import transaction
from cloud.link.ingest import STORE, UNKNOWN, Projection, Source, attempt, lock, park, reason
from cloud.link.rules import Line, read
from shared.events import KNOWN_TYPES

PIECE = 200
"""Events that are tried in one transaction, while the log that they are of takes no batch."""

_SHOW = text(
    "SELECT p.facility_id, p.log_id, p.seq, e.type, p.projection, p.error, p.parked_at_ms"
    " FROM link.parked AS p JOIN link.events AS e USING (facility_id, log_id, seq)"
    " ORDER BY p.facility_id, p.log_id, p.seq, p.projection LIMIT :limit"
)
_LOGS = text(
    "SELECT DISTINCT facility_id, log_id FROM link.parked WHERE projection <> :store ORDER BY facility_id, log_id"
)
_PIECE = text(
    """
    SELECT e.seq, e.at_ms, e.type, e.body, array_agg(p.projection) AS refused_by
    FROM link.parked AS p JOIN link.events AS e USING (facility_id, log_id, seq)
    WHERE facility_id = :facility_id AND log_id = :log_id AND seq > :after AND p.projection <> :store
    GROUP BY e.facility_id, e.log_id, e.seq ORDER BY e.seq LIMIT :limit
    """
)
_RELEASE = text(
    "DELETE FROM link.parked WHERE facility_id = :facility_id AND log_id = :log_id AND seq = :seq"
    " AND projection = :projection"
)
_FORGET = text(
    """
    DELETE FROM link.events AS e USING link.cursors AS c
    WHERE e.facility_id = :facility_id AND e.log_id = :log_id AND e.seq = :seq
    AND (c.facility_id, c.log_id) = (e.facility_id, e.log_id) AND e.seq <= c.base
    """
)
"""Removes an event that is older than what is kept of its log."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that ``projection`` could not take, and what that said; the event itself is in the cloud's copy."""

    facility_id: str
    log_id: str
    seq: int
    type: str
    projection: str
    error: str
    parked_at_ms: int


@dataclass(frozen=True, slots=True)
class Retried:
    """How many events were applied, and how many are still set aside."""

    applied: int = 0
    parked: int = 0


async def show(conn: AsyncConnection, *, limit: int) -> list[Parked]:
    """What is set aside, in the order of the logs."""
    return [Parked(**row) for row in (await conn.execute(_SHOW, {"limit": limit})).mappings()]


async def retry_all(
    engine: AsyncEngine,
    projections: Sequence[Projection],
    *,
    now_ms: int,
    ours: Callable[[str], bool] = lambda _facility_id: True,
) -> Retried:
    """Try everything that is set aside again, of the facilities that are ``ours``, in transactions of its own. What
    PostgreSQL could not store stays as it is: there is nothing left of it to try."""
    async with transaction(engine) as conn:
        logs = [(row.facility_id, row.log_id) for row in await conn.execute(_LOGS, {"store": STORE})]
    applied = parked = 0
    for facility_id, log_id in logs:
        source, after = Source(facility_id, log_id, now_ms), 0
        while ours(facility_id):
            async with transaction(engine) as conn:
                piece, upto = await retry_parked(conn, source, projections, after=after)
            applied, parked = applied + piece.applied, parked + piece.parked
            if upto == after:
                break
            after = upto
    return Retried(applied, parked)


async def retry_parked(
    conn: AsyncConnection, source: Source, projections: Sequence[Projection], *, after: int
) -> tuple[Retried, int]:
    """Try the next events of one log that follow position ``after``; also how far that went. Batches of the log wait
    meanwhile."""
    await lock(conn, source.facility_id, source.log_id)
    place = {"facility_id": source.facility_id, "log_id": source.log_id, "store": STORE}
    rows = (await conn.execute(_PIECE, {**place, "after": after, "limit": PIECE})).all()
    applied = 0
    for row in rows:
        line = Line(row.seq, row.at_ms, row.type, row.body)
        applied += await _retry(conn, source, projections, line, frozenset(row.refused_by))
    return Retried(applied, len(rows) - applied), rows[-1].seq if rows else after


async def _retry(
    conn: AsyncConnection, source: Source, projections: Sequence[Projection], line: Line, refused_by: frozenset[str]
) -> bool:
    """Whether nobody refuses it any more. It is told again to the first that refused it and to all after that one,
    since those found nothing of it to go on then."""
    if UNKNOWN in refused_by:
        if line.type not in KNOWN_TYPES:
            return False
        first = 0
        await _release(conn, source, line.seq, UNKNOWN)
    else:
        first = next((n for n, p in enumerate(projections) if p.name in refused_by), len(projections))
    refused = first == len(projections)
    for projection in projections[first:]:
        if line.type not in projection.types:
            continue
        error = await _tell_again(conn, source, projection, line)
        if error is None:
            await _release(conn, source, line.seq, projection.name)
        else:
            await park(conn, source, line.seq, by=projection.name, error=reason(error))
            refused = True
    if not refused:
        await conn.execute(_FORGET, {"facility_id": source.facility_id, "log_id": source.log_id, "seq": line.seq})
    return not refused


async def _tell_again(conn: AsyncConnection, source: Source, projection: Projection, line: Line) -> Exception | None:
    told, unreadable = read([line], projection.types)
    return unreadable[0].error if unreadable else await attempt(conn, source, projection, told)


async def _release(conn: AsyncConnection, source: Source, seq: int, projection: str) -> None:
    place = {"facility_id": source.facility_id, "log_id": source.log_id, "seq": seq}
    await conn.execute(_RELEASE, {**place, "projection": projection})
