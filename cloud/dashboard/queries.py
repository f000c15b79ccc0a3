"""One round of questions to the database, in one snapshot, for everybody who looks at the live page."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.dashboard.rules.chart import LONGEST_MS
from cloud.dashboard.rules.overview import (
    Chargers,
    Concerns,
    CurvePoint,
    FacilityNow,
    Happening,
    Knowledge,
    Overview,
    Presence,
    ReceiptLine,
    Spaces,
    Sync,
    Totals,
    Watts,
)
from cloud.dashboard.rules.telling import TOLD_TYPES, Settlement, tell, tell_settlement
from cloud.sessions.queries import Occupancy, occupancy
from shared.clock import MINUTE_MS, from_datetime, to_local
from shared.events import Entry, parse_event

LINES = 8
"""How many of the last events and receipts are shown."""
LOOK_BACK = 5_000
"""How many entries of a log are looked through, at most, for events worth telling."""

_FACILITIES = text(
    """
    SELECT f.facility_id, f.body ->> 'name' AS name, f.body ->> 'zone' AS zone,
        jsonb_array_length(jsonb_path_query_array(f.body, '$.stations[*].evses[*]')) AS evses,
        p.online, greatest(p.heard_at_ms, c.updated_at_ms) AS heard_at_ms,
        greatest(0, greatest(p.head, c.head) - coalesce(c.upto, 0)) AS events_behind,
        c.updated_at_ms AS taken_in_at_ms, l.version - d.upto AS decisions_behind,
        d.updated_at_ms AS confirmed_at_ms, coalesce(b.rival_at_ms, 0) >= :heard_since_ms AS contested
    FROM facilities.facilities AS f CROSS JOIN link.decision_log AS l
    LEFT JOIN link.decision_cursors AS d ON d.facility_id = f.facility_id AND d.log_id = l.log_id
    LEFT JOIN link.boxes AS b ON b.facility_id = f.facility_id
    LEFT JOIN link.presence AS p ON p.facility_id = f.facility_id
    LEFT JOIN link.cursors AS c ON c.facility_id = f.facility_id AND c.log_id = p.log_id
    ORDER BY f.body ->> 'name', f.facility_id
    """
)
_NEWEST_WATTS = text(
    """
    SELECT f.facility_id, w.at_ms, w.drawn_w, w.worst_case_w, w.budget_w
    FROM facilities.facilities AS f CROSS JOIN LATERAL (
        SELECT * FROM sessions.power_samples AS s WHERE s.facility_id = f.facility_id
        ORDER BY s.at_ms DESC, s.log_id DESC, s.seq DESC LIMIT 1
    ) AS w
    """
)
_CURVES = text(
    """
    SELECT facility_id, (at_ms / :step_ms) * :step_ms AS minute_ms,
        (array_agg(at_ms ORDER BY drawn_w DESC, at_ms))[1] AS peak_at_ms,
        max(drawn_w) AS drawn_w, max(worst_case_w) AS worst_case_w, min(budget_w) AS budget_w
    FROM facilities.facilities JOIN sessions.power_samples USING (facility_id)
    WHERE at_ms >= :from_ms AND at_ms <= :now_ms GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_EVENTS = text(
    """
    SELECT c.facility_id, e.seq, e.at_ms, e.type, e.body
    FROM (SELECT DISTINCT ON (facility_id) * FROM link.cursors ORDER BY facility_id, updated_at_ms DESC) AS c
    CROSS JOIN LATERAL (
        SELECT * FROM link.events AS e
        WHERE e.facility_id = c.facility_id AND e.log_id = c.log_id AND e.seq > c.upto - :look_back
            AND e.type = ANY(:types)
        ORDER BY e.seq DESC LIMIT :lines
    ) AS e
    ORDER BY e.at_ms DESC, c.facility_id, e.seq DESC LIMIT :lines
    """
)
_RECEIPTS = text(
    """
    SELECT c.charge_id, c.facility_id, c.status, c.total_cents, c.exited_ms, s.plate,
        p.status AS payment, p.kind AS payment_kind, p.message, d.status AS receipt
    FROM (SELECT * FROM billing.charges ORDER BY exited_ms DESC, charge_id DESC LIMIT :lines) AS c
    LEFT JOIN sessions.parking_sessions AS s ON s.session_id = c.session_id
    LEFT JOIN LATERAL (
        SELECT * FROM billing.payments AS p WHERE p.charge_id = c.charge_id
        ORDER BY p.created_at_ms DESC, p.payment_id DESC LIMIT 1
    ) AS p ON true
    LEFT JOIN LATERAL (
        SELECT * FROM notifications.deliveries AS d WHERE d.charge_id = c.charge_id AND d.kind = 'RECEIPT'
        ORDER BY d.created_at_ms DESC LIMIT 1
    ) AS d ON true
    ORDER BY c.exited_ms DESC, c.charge_id DESC
    """
)
_TOTALS = text(
    """
    SELECT count(*) AS charges, coalesce(sum(c.total_cents), 0)::bigint AS charged_cents,
        coalesce(sum(o.cents), 0)::bigint AS open_cents
    FROM jsonb_to_recordset(:days) AS day (facility_id text, from_ms bigint)
    JOIN billing.charges AS c ON c.facility_id = day.facility_id AND c.exited_ms >= day.from_ms
    LEFT JOIN LATERAL (
        SELECT sum(p.amount_cents) AS cents FROM billing.postings AS p
        WHERE c.status = 'OPEN' AND p.charge_id = c.charge_id AND p.account = 'RECEIVABLE'
    ) AS o ON true
    WHERE c.exited_ms >= :earliest_ms
    """
).bindparams(bindparam("days", type_=JSONB))
_CONCERNS = text(
    """
    SELECT (SELECT count(*) FROM link.parked) AS parked_events,
        (SELECT count(*) FROM billing.discrepancies WHERE settled_at_ms IS NULL) AS discrepancies
    """
)


async def read_overview(engine: AsyncEngine, *, now_ms: int, quiet_after_ms: int) -> Overview:
    """Everything on the page as of one snapshot. A facility that was not heard of for ``quiet_after_ms`` is away,
    whatever it said last: it may be the link itself that is gone."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    async with snapshot.connect() as conn:
        facilities = await _facilities(conn, now_ms=now_ms, quiet_after_ms=quiet_after_ms)
        return Overview(
            at_ms=now_ms,
            facilities=facilities,
            happenings=await _happenings(conn),
            receipts=await _receipts(conn),
            totals=await _totals(conn, facilities, now_ms=now_ms),
            concerns=Concerns(**(await conn.execute(_CONCERNS)).mappings().one()),
        )


async def _facilities(conn: AsyncConnection, *, now_ms: int, quiet_after_ms: int) -> tuple[FacilityNow, ...]:
    rows = (await conn.execute(_FACILITIES, {"heard_since_ms": now_ms - quiet_after_ms})).mappings().all()
    cars = {o.facility_id: o for o in await occupancy(conn)}
    watts = {w["facility_id"]: _watts(w) for w in (await conn.execute(_NEWEST_WATTS)).mappings()}
    curves = await _curves(conn, now_ms)
    return tuple(
        _facility(
            row,
            cars.get(row["facility_id"]) or Occupancy(row["facility_id"]),
            watts=watts.get(row["facility_id"]),
            curve=tuple(curves.get(row["facility_id"], ())),
            presence=_presence(row, now_ms - quiet_after_ms),
        )
        for row in rows
    )


def _facility(
    row: Mapping[Any, Any],
    cars: Occupancy,
    *,
    watts: Watts | None,
    curve: tuple[CurvePoint, ...],
    presence: Presence,
) -> FacilityNow:
    taken_in_at_ms = row["taken_in_at_ms"]
    return FacilityNow(
        facility_id=row["facility_id"],
        name=row["name"],
        zone=row["zone"],
        presence=presence,
        heard_at_ms=row["heard_at_ms"],
        regular=Spaces(cars.regular_spaces, cars.regular_cars),
        ev=Spaces(cars.ev_spaces, cars.ev_cars),
        chargers=Chargers(row["evses"], cars.plugged_in, cars.charging),
        sync=None if taken_in_at_ms is None else Sync(row["events_behind"], taken_in_at_ms),
        watts=watts,
        curve=curve,
        knowledge=_knowledge(row),
        contested=row["contested"],
    )


def _knowledge(row: Mapping[Any, Any]) -> Knowledge | None:
    """Who has confirmed everything knew all of it when it was last heard; a newer decision would have reached it."""
    if row["decisions_behind"] is None:
        return None
    behind = max(0, row["decisions_behind"])
    at_ms = row["confirmed_at_ms"] if behind else max(row["confirmed_at_ms"], row["heard_at_ms"] or 0)
    return Knowledge(at_ms, behind)


def _presence(row: Mapping[Any, Any], heard_since_ms: int) -> Presence:
    if row["heard_at_ms"] is None:
        return Presence.NEVER
    return Presence.ONLINE if row["online"] and row["heard_at_ms"] >= heard_since_ms else Presence.AWAY


def _watts(row: Mapping[Any, Any]) -> Watts:
    return Watts(row["at_ms"], row["drawn_w"], row["worst_case_w"], row["budget_w"])


async def _curves(conn: AsyncConnection, now_ms: int) -> dict[str, list[CurvePoint]]:
    found: dict[str, list[CurvePoint]] = {}
    parameters = {"step_ms": MINUTE_MS, "from_ms": now_ms - LONGEST_MS, "now_ms": now_ms}
    for row in (await conn.execute(_CURVES, parameters)).mappings():
        point = CurvePoint(row["minute_ms"], row["peak_at_ms"], row["drawn_w"], row["worst_case_w"], row["budget_w"])
        found.setdefault(row["facility_id"], []).append(point)
    return found


async def _happenings(conn: AsyncConnection) -> tuple[Happening, ...]:
    parameters = {"look_back": LOOK_BACK, "types": list(TOLD_TYPES), "lines": LINES}
    found = []
    for row in (await conn.execute(_EVENTS, parameters)).mappings():
        event = parse_event(Entry(seq=row["seq"], at_ms=row["at_ms"], type=row["type"], body=row["body"]))
        told = None if event is None else tell(event)
        if told is not None:
            found.append(Happening(row["facility_id"], row["at_ms"], told.text, told.tone))
    return tuple(found)


async def _receipts(conn: AsyncConnection) -> tuple[ReceiptLine, ...]:
    found = []
    for row in (await conn.execute(_RECEIPTS, {"lines": LINES})).mappings():
        told = tell_settlement(
            Settlement(
                status=row["status"],
                total_cents=row["total_cents"],
                payment=row["payment"],
                payment_kind=row["payment_kind"],
                message=row["message"],
                receipt=row["receipt"],
            )
        )
        line = ReceiptLine(
            charge_id=row["charge_id"],
            facility_id=row["facility_id"],
            plate=row["plate"] or "",
            left_at_ms=row["exited_ms"],
            total_cents=row["total_cents"],
            text=told.text,
            tone=told.tone,
        )
        found.append(line)
    return tuple(found)


async def _totals(conn: AsyncConnection, facilities: tuple[FacilityNow, ...], *, now_ms: int) -> Totals:
    midnights = {f.facility_id: _midnight(now_ms, f.zone) for f in facilities}
    days = [{"facility_id": facility_id, "from_ms": from_ms} for facility_id, from_ms in midnights.items()]
    earliest_ms = min(midnights.values(), default=now_ms)
    row = (await conn.execute(_TOTALS, {"days": days, "earliest_ms": earliest_ms})).one()
    return Totals(row.charges, row.charged_cents, row.charged_cents - row.open_cents, row.open_cents)


def _midnight(now_ms: int, zone: str) -> int:
    local = to_local(now_ms, zone)
    return from_datetime(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
