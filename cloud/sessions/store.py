"""Tables of sessions and the questions other contexts ask of them. Only ``projection`` writes here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    Table,
    Text,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import metadata
from shared.facilities import SpaceKind
from shared.rights import RightRef

SCHEMA = "sessions"

parking_sessions = Table(
    "parking_sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("facility_id", Text, nullable=False),
    Column("plate", Text, nullable=False),
    Column("right", JSONB, nullable=False),
    Column("customer_id", Text),
    Column("space_id", Text, nullable=False),
    Column("space_kind", Text, nullable=False),
    Column("is_ev", Boolean, nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("exited_ms", BigInteger),
    Column("priced_until_ms", BigInteger),
    Column("quoted_cents", BigInteger),
    Column("tariff_versions", ARRAY(Text)),
    Column("paid_cents", BigInteger, nullable=False, server_default="0"),
    schema=SCHEMA,
    comment="From through the entry's arm to through the exit's. paid_cents: taken on site.",
)
Index("ix_parking_sessions_newest", parking_sessions.c.entered_ms, parking_sessions.c.session_id)
Index(
    "ix_parking_sessions_newest_there",
    parking_sessions.c.facility_id,
    parking_sessions.c.entered_ms,
    parking_sessions.c.session_id,
)
Index("ix_parking_sessions_plate", parking_sessions.c.plate)
Index("ix_parking_sessions_customer_id", parking_sessions.c.customer_id)
Index(
    "ix_parking_sessions_open",
    parking_sessions.c.facility_id,
    parking_sessions.c.space_kind,
    postgresql_where=parking_sessions.c.exited_ms.is_(None),
)
Index("ix_parking_sessions_named", parking_sessions.c.exited_ms, postgresql_where=parking_sessions.c.plate != "")

charging_sessions = Table(
    "charging_sessions",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("station_id", Text, primary_key=True),
    Column("transaction_id", Text, primary_key=True),
    Column("evse_id", Integer, nullable=False),
    Column("session_id", Text),
    Column("right", JSONB),
    Column("started_ms", BigInteger),
    Column("start_register_wh", BigInteger),
    Column("finished_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("ended_log_id", Text),
    Column("ended_seq", BigInteger, comment="with ended_log_id: the TransactionEnded that it follows from"),
    Column("energy_wh", BigInteger),
    Column("energy_method", Text),
    Column("flags", ARRAY(Text), comment="of TransactionFlagged; NULL until it has ended"),
    Column("state", Text),
    Column("state_ms", BigInteger),
    Column("register_wh", BigInteger),
    Column("register_ms", BigInteger),
    Column("power_w", BigInteger),
    Column("power_ms", BigInteger),
    Column("soc_pct", Integer),
    Column("soc_ms", BigInteger),
    schema=SCHEMA,
    comment="OCPP transactions. started_ms is unknown as long as only later messages of one came.",
)
Index("ix_charging_sessions_session_id", charging_sessions.c.session_id)
Index(
    "ix_charging_sessions_open",
    charging_sessions.c.facility_id,
    postgresql_where=charging_sessions.c.ended_ms.is_(None),
)
Index(
    "ix_charging_sessions_flagged",
    charging_sessions.c.ended_ms,
    charging_sessions.c.ended_log_id,
    charging_sessions.c.ended_seq,
    postgresql_where=func.cardinality(charging_sessions.c.flags) > 0,
)

site_payments = Table(
    "site_payments",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
)
Index("ix_site_payments_session_id", site_payments.c.session_id)

power_samples = Table(
    "power_samples",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("drawn_w", BigInteger, nullable=False),
    Column("worst_case_w", BigInteger, nullable=False),
    Column("budget_w", BigInteger, nullable=False),
    schema=SCHEMA,
)


@dataclass(frozen=True, slots=True)
class ParkingSession:
    """A car's stay. ``exited_ms`` and what is settled at the exit are None while it is in."""

    session_id: str
    facility_id: str
    plate: str
    right: RightRef
    customer_id: str | None
    space_id: str
    space_kind: SpaceKind
    is_ev: bool
    entered_ms: int
    exited_ms: int | None
    priced_until_ms: int | None
    quoted_cents: int | None
    tariff_versions: tuple[str, ...]
    paid_cents: int


@dataclass(frozen=True, slots=True)
class ChargingSession:
    """One transaction at a station. ``energy_wh`` is what the register shows since the start, as far as it is known,
    until the station settles it at the end. ``power_w`` and ``soc_pct`` are what was last reported while it ran.
    ``ended_log_id`` and ``ended_seq`` are the place of its end in the facility's log. ``energy_method`` says how the
    energy was come by, ``flags`` what of it a person may want to look at, both as in ``TransactionEnded``."""

    facility_id: str
    station_id: str
    transaction_id: str
    evse_id: int
    session_id: str | None
    right: RightRef | None
    started_ms: int | None
    finished_ms: int | None
    ended_ms: int | None
    ended_log_id: str | None
    ended_seq: int | None
    energy_wh: int | None
    state: str | None
    power_w: int | None
    soc_pct: int | None
    energy_method: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SitePayment:
    """Money taken at the pay machine or by an attendant."""

    facility_id: str
    log_id: str
    seq: int
    session_id: str
    amount_cents: int
    method: Literal["CASH", "CARD"]
    reference: str
    taken_by: str
    at_ms: int


async def parking_session(conn: AsyncConnection, session_id: str) -> ParkingSession | None:
    """One stay, or None."""
    return (await stays(conn, {session_id})).get(session_id)


async def stays(conn: AsyncConnection, session_ids: Collection[str]) -> dict[str, ParkingSession]:
    """Stays by their ids; those that are not there are left out."""
    query = select(parking_sessions).where(_among(parking_sessions, session_ids))
    return {row["session_id"]: parking_session_of(row) for row in (await conn.execute(query)).mappings()}


async def charging_of(conn: AsyncConnection, *session_ids: str) -> tuple[ChargingSession, ...]:
    """The charging done during stays, oldest first."""
    query = (
        select(charging_sessions)
        .where(_among(charging_sessions, session_ids))
        .order_by(charging_sessions.c.started_ms, charging_sessions.c.station_id, charging_sessions.c.transaction_id)
    )
    return tuple(charging_session_of(row) for row in (await conn.execute(query)).mappings())


async def site_payments_of(conn: AsyncConnection, *session_ids: str) -> tuple[SitePayment, ...]:
    """What was paid on site for stays, in the order it was taken."""
    query = (
        select(site_payments)
        .where(_among(site_payments, session_ids))
        .order_by(site_payments.c.at_ms, site_payments.c.seq)
    )
    return tuple(SitePayment(**row) for row in (await conn.execute(query)).mappings())


def _among(table: Table, session_ids: Collection[str]) -> ColumnElement[bool]:
    """One parameter however many they are, so that the statement is prepared once."""
    return table.c.session_id == any_(literal(list(session_ids), ARRAY(Text)))


def parking_session_of(row: Mapping[Any, Any]) -> ParkingSession:
    """The stay in a row of ``parking_sessions``."""
    values = {
        "right": RightRef.model_validate(row["right"]),
        "space_kind": SpaceKind(row["space_kind"]),
        "tariff_versions": tuple(row["tariff_versions"] or ()),
    }
    return ParkingSession(**{**row, **values})


def charging_session_of(row: Mapping[Any, Any]) -> ChargingSession:
    """The transaction in a row of ``charging_sessions``."""
    energy_wh = row["energy_wh"]
    if energy_wh is None and row["register_wh"] is not None and row["start_register_wh"] is not None:
        energy_wh = max(0, row["register_wh"] - row["start_register_wh"])
    right = None if row["right"] is None else RightRef.model_validate(row["right"])
    names = ChargingSession.__dataclass_fields__
    values = {"right": right, "energy_wh": energy_wh, "flags": tuple(row["flags"] or ())}
    return ChargingSession(**{**{name: row[name] for name in names}, **values})
