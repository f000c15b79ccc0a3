"""What is known of each facility's being there, kept for people and for commands that must not wait."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.wire import Presence

_SAID = text(
    """
    INSERT INTO link.presence (facility_id, online, at_ms, log_id, head, version, heard_at_ms)
    VALUES (:facility_id, :online, :at_ms, :log_id, :head, :version, :now_ms)
    ON CONFLICT (facility_id) DO UPDATE SET
        online = excluded.online,
        at_ms = CASE WHEN excluded.at_ms = 0 THEN presence.at_ms ELSE excluded.at_ms END,
        log_id = CASE WHEN excluded.log_id = '' THEN presence.log_id ELSE excluded.log_id END,
        head = CASE WHEN excluded.log_id = '' THEN presence.head ELSE excluded.head END,
        version = CASE WHEN excluded.version = '' THEN presence.version ELSE excluded.version END,
        heard_at_ms = CASE WHEN excluded.online THEN excluded.heard_at_ms ELSE presence.heard_at_ms END
    """
)
_SILENT = text("UPDATE link.presence SET online = false WHERE facility_id = :facility_id")
_ONLINE = text("SELECT facility_id FROM link.presence WHERE online")
_STANDINGS = text(
    """
    SELECT p.facility_id, p.online, p.heard_at_ms, p.log_id, p.version,
        greatest(p.head, coalesce(c.head, 0)) AS head, coalesce(c.upto, 0) AS upto,
        d.upto AS decisions_upto, l.version AS decisions_head, d.updated_at_ms AS decisions_at_ms
    FROM link.presence AS p
    CROSS JOIN link.decision_log AS l
    LEFT JOIN link.cursors AS c ON c.facility_id = p.facility_id AND c.log_id = p.log_id
    LEFT JOIN link.decision_cursors AS d ON d.facility_id = p.facility_id AND d.log_id = l.log_id
    ORDER BY p.facility_id
    """
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a facility and the cloud stand to each other. ``events_behind``: entries of its log that it told of and that
    are not here yet. ``decisions_behind``: versions that it did not confirm yet (None: it never confirmed any)."""

    facility_id: str
    online: bool
    heard_at_ms: int
    log_id: str
    version: str
    events_behind: int
    decisions_behind: int | None
    decisions_at_ms: int | None


async def said(conn: AsyncConnection, presence: Presence, *, now_ms: int) -> None:
    """Store what a facility said of itself, or what the broker says in its name (the last will, which knows no more
    than that it is gone: what was known stays)."""
    await conn.execute(_SAID, {**presence.model_dump(), "now_ms": now_ms})


async def heard(conn: AsyncConnection, facility_id: str, *, now_ms: int) -> None:
    """Something came from the facility, so it is there."""
    await said(conn, Presence(facility_id=facility_id, online=True), now_ms=now_ms)


async def silent(conn: AsyncConnection, facility_id: str) -> None:
    """Nothing came for too long: it counts as away, whatever the broker says."""
    await conn.execute(_SILENT, {"facility_id": facility_id})


async def online(conn: AsyncConnection) -> tuple[str, ...]:
    """The facilities that count as there."""
    return tuple((await conn.scalars(_ONLINE)).all())


async def standings(conn: AsyncConnection) -> tuple[Standing, ...]:
    """Every facility ever heard of, for the dashboard."""
    return tuple(
        Standing(
            facility_id=row.facility_id,
            online=row.online,
            heard_at_ms=row.heard_at_ms,
            log_id=row.log_id,
            version=row.version,
            events_behind=max(0, row.head - row.upto),
            decisions_behind=None if row.decisions_upto is None else row.decisions_head - row.decisions_upto,
            decisions_at_ms=row.decisions_at_ms,
        )
        for row in await conn.execute(_STANDINGS)
    )
