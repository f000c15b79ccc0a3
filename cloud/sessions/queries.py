"""What people ask of sessions: lists, how full a facility is, its power curve."""

from dataclasses import dataclass

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.facilities.store import space_counts
from cloud.sessions.store import (
    ChargingSession,
    ParkingSession,
    charging_session_of,
    charging_sessions,
    parking_session_of,
    parking_sessions,
)
from shared.facilities import SpaceKind

_PARKED = text(
    "SELECT facility_id, space_kind, count(*) AS cars FROM sessions.parking_sessions"
    " WHERE exited_ms IS NULL GROUP BY 1, 2"
)
_CHARGING = text(
    "SELECT facility_id, count(*) AS plugged_in, count(*) FILTER (WHERE state = 'Charging') AS charging,"
    " coalesce(sum(power_w), 0)::bigint AS power_w"
    " FROM sessions.charging_sessions WHERE ended_ms IS NULL GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How full a facility is. Spaces in service and cars inside, by kind of space; cars plugged in, of them charging,
    and the watts they last reported together."""

    facility_id: str
    regular_spaces: int = 0
    regular_cars: int = 0
    ev_spaces: int = 0
    ev_cars: int = 0
    plugged_in: int = 0
    charging: int = 0
    power_w: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions a list is of; None is "any". ``before`` is the (entered_ms, session_id) of the last one seen."""

    facility_id: str | None = None
    plate: str | None = None
    open: bool | None = None
    before: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Which flagged transactions a list is of: those that ended from ``from_ms`` until before ``until_ms``; None is
    "any". ``before`` is the (ended_ms, ended_log_id, ended_seq) of the last one seen."""

    facility_id: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    before: tuple[int, str, int] | None = None


async def occupancy(conn: AsyncConnection) -> tuple[Occupancy, ...]:
    """Every configured facility, by id, and any other that has cars."""
    counts: dict[str, dict[str, int]] = {}
    for spaces in await space_counts(conn):
        counts.setdefault(spaces.facility_id, {})[f"{_prefix(spaces.kind)}_spaces"] = spaces.spaces
    for row in await conn.execute(_PARKED):
        counts.setdefault(row.facility_id, {})[f"{_prefix(SpaceKind(row.space_kind))}_cars"] = row.cars
    for row in await conn.execute(_CHARGING):
        charging = {"plugged_in": row.plugged_in, "charging": row.charging, "power_w": row.power_w}
        counts.setdefault(row.facility_id, {}).update(charging)
    return tuple(Occupancy(facility_id, **counts[facility_id]) for facility_id in sorted(counts))


async def find_parking_sessions(conn: AsyncConnection, wanted: Wanted, *, limit: int) -> tuple[ParkingSession, ...]:
    """The newest first."""
    s = parking_sessions.c
    query = select(parking_sessions).order_by(s.entered_ms.desc(), s.session_id.desc()).limit(limit)
    if wanted.facility_id is not None:
        query = query.where(s.facility_id == wanted.facility_id)
    if wanted.plate is not None:
        query = query.where(s.plate == wanted.plate)
    if wanted.open is not None:
        query = query.where(s.exited_ms.is_(None) if wanted.open else s.exited_ms.is_not(None))
    if wanted.before is not None:
        query = query.where(tuple_(s.entered_ms, s.session_id) < tuple_(*wanted.before))
    return tuple(parking_session_of(row) for row in (await conn.execute(query)).mappings())


async def find_flagged_charging(conn: AsyncConnection, wanted: Doubtful, *, limit: int) -> tuple[ChargingSession, ...]:
    """Ended transactions that a person may want to look at, the newest first."""
    c = charging_sessions.c
    place = (c.ended_ms, c.ended_log_id, c.ended_seq)
    query = select(charging_sessions).where(func.cardinality(c.flags) > 0).order_by(*(x.desc() for x in place))
    if wanted.facility_id is not None:
        query = query.where(c.facility_id == wanted.facility_id)
    if wanted.from_ms is not None:
        query = query.where(c.ended_ms >= wanted.from_ms)
    if wanted.until_ms is not None:
        query = query.where(c.ended_ms < wanted.until_ms)
    if wanted.before is not None:
        query = query.where(tuple_(*place) < tuple_(*wanted.before))
    return tuple(charging_session_of(row) for row in (await conn.execute(query.limit(limit))).mappings())


def _prefix(kind: SpaceKind) -> str:
    return "ev" if kind is SpaceKind.EV else "regular"
