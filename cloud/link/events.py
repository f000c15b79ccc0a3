"""Reading back what facilities told."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import Entry

_NEWEST = text(
    """
    SELECT e.seq, e.at_ms, e.type, e.body
    FROM link.events AS e
    WHERE e.facility_id = :facility_id
        AND e.log_id = (
            SELECT log_id FROM link.cursors WHERE facility_id = :facility_id ORDER BY updated_at_ms DESC, log_id LIMIT 1
        )
        AND NOT e.type = ANY (:without)
    ORDER BY e.seq DESC LIMIT :limit
    """
)


async def newest_events(
    conn: AsyncConnection, facility_id: str, *, limit: int, without: Collection[str] = ()
) -> tuple[Entry, ...]:
    """The last events of a facility's current log, newest first, leaving out the types in ``without``."""
    rows = await conn.execute(_NEWEST, {"facility_id": facility_id, "limit": limit, "without": list(without)})
    return tuple(Entry(**row) for row in rows.mappings())
