"""The log of decisions: published in the transaction that makes them, read compacted, in order, without gaps.

Transactions commit out of order, so a reader of "version above my cursor" would skip one that commits late. Here a
publisher takes its version by updating the one counter row and holds that row until it commits: versions commit in
order, and a reader that sees version n sees every one below it.
"""

from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.decisions import Decision
from shared.sync import Batch, SyncEntry

CHANNEL = "easypark_decisions"
"""PostgreSQL NOTIFY channel; the payload is the version."""

ENTRIES_MAX = 500
BYTES_MAX = 512 * 1024
"""About how much text a batch holds before it is compressed: brokers take messages of 1 MB and more."""

_NEXT_VERSION = text("UPDATE link.decision_log SET version = version + 1 RETURNING version")

_UPSERT = text(
    """
    INSERT INTO link.decisions AS d (key, version, facility_ids, type, body)
    VALUES (:key, :version, :facility_ids, :type, :body)
    ON CONFLICT (key) DO UPDATE SET
        version = excluded.version, type = excluded.type, body = excluded.body,
        facility_ids = CASE WHEN d.facility_ids = '{}' OR excluded.facility_ids = '{}' THEN '{}'
            ELSE ARRAY(SELECT DISTINCT unnest(d.facility_ids || excluded.facility_ids) ORDER BY 1) END
    """
).bindparams(bindparam("facility_ids", type_=ARRAY(TEXT)), bindparam("body", type_=JSONB))

_NOTIFY = text("SELECT pg_notify(:channel, :version)")

_READ = text(
    """
    SELECT log.log_id, log.version AS head, d.version, d.body, d.bytes
    FROM link.decision_log AS log
    LEFT JOIN LATERAL (
        SELECT version, body, octet_length(body::text) AS bytes FROM link.decisions
        WHERE version > CASE WHEN log.log_id = :log_id THEN :after ELSE 0 END
            AND (facility_ids = '{}' OR :facility_id = ANY (facility_ids))
        ORDER BY version LIMIT :entries_max
    ) AS d ON true
    ORDER BY d.version
    """
)


async def publish(conn: AsyncConnection, decision: Decision, facility_ids: tuple[str, ...] = ()) -> int:
    """Write a decision in the caller's transaction, replacing the one of the same key. Returns its version.

    ``facility_ids`` empty: for every facility. A facility that was told of a key once is told of every later decision
    for it too, so that nobody keeps an old value for ever.

    Every other publisher waits until the caller commits: publish last. Whoever builds a decision from rows locks those
    rows first (SELECT ... FOR UPDATE), else two such transactions can each publish without the other's change.
    """
    version = int(await conn.scalar(_NEXT_VERSION))
    values = {
        "key": decision.key,
        "version": version,
        "facility_ids": sorted(set(facility_ids)),
        "type": decision.type,
        "body": decision.model_dump(mode="json"),
    }
    await conn.execute(_UPSERT, values)
    await conn.execute(_NOTIFY, {"channel": CHANNEL, "version": str(version)})
    return version


async def read_batch(
    conn: AsyncConnection, facility_id: str, *, log_id: str, after: int, entries_max: int = ENTRIES_MAX
) -> Batch:
    """What a facility that holds ``after`` of ``log_id`` needs next, compacted, seen in one snapshot.

    ``after`` counts for nothing when the log is another one by now (the database was restored): then it is read from
    the start. ``entries`` is empty when nothing there concerns the facility.
    """
    values = {"facility_id": facility_id, "log_id": log_id, "after": after, "entries_max": entries_max}
    rows = (await conn.execute(_READ, values)).all()
    found = [row for row in rows if row.version is not None]
    taken = _within_bytes(found)
    whole = len(taken) == len(found) < entries_max
    return Batch(
        log_id=rows[0].log_id,
        after=after if rows[0].log_id == log_id else 0,
        upto=rows[0].head if whole else taken[-1].version,
        entries=tuple(SyncEntry(position=row.version, body=row.body) for row in taken),
        head=rows[0].head,
    )


async def decision_log(conn: AsyncConnection) -> tuple[str, int]:
    """The log's id and its newest version."""
    row = (await conn.execute(text("SELECT log_id, version FROM link.decision_log"))).one()
    return row.log_id, row.version


def _within_bytes(rows: list[Any]) -> list[Any]:
    """As many rows from the front as fit, at least one: a decision is never too big to be sent."""
    total = 0
    taken: list[Any] = []
    for row in rows:
        total += row.bytes
        if taken and total > BYTES_MAX:
            break
        taken.append(row)
    return taken
