"""The configuration of each facility, newest only: what it was before is in the decisions it caused."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Table, Text, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import metadata
from shared.facilities import Facility, SpaceKind

facilities = Table(
    "facilities",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("body", JSONB, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    schema="facilities",
)

_SPACES = text(
    """
    SELECT f.facility_id, s ->> 'kind' AS kind, count(*) AS spaces
    FROM facilities.facilities AS f, jsonb_array_elements(f.body -> 'spaces') AS s
    WHERE (s ->> 'in_service')::boolean GROUP BY 1, 2
    """
)


@dataclass(frozen=True, slots=True)
class SpaceCount:
    """Spaces in service of one kind at one facility."""

    facility_id: str
    kind: SpaceKind
    spaces: int


async def save(conn: AsyncConnection, facility: Facility, *, now_ms: int) -> None:
    """Store a facility's configuration in place of what was there."""
    values = {"body": facility.model_dump(mode="json"), "updated_at_ms": now_ms}
    statement = insert(facilities).values(facility_id=facility.facility_id, **values)
    await conn.execute(statement.on_conflict_do_update(index_elements=["facility_id"], set_=values))


async def facility(conn: AsyncConnection, facility_id: str) -> Facility | None:
    """One facility, or None."""
    body = await conn.scalar(select(facilities.c.body).where(facilities.c.facility_id == facility_id))
    return None if body is None else Facility.model_validate(body)


async def zone(conn: AsyncConnection, facility_id: str) -> str | None:
    """A facility's time zone, or None; read by the database, since the whole is a long document."""
    name: str | None = await conn.scalar(
        select(facilities.c.body["zone"].astext).where(facilities.c.facility_id == facility_id)
    )
    return name


async def all_facilities(conn: AsyncConnection) -> tuple[Facility, ...]:
    """Every facility, by id."""
    bodies = await conn.scalars(select(facilities.c.body).order_by(facilities.c.facility_id))
    return tuple(Facility.model_validate(body) for body in bodies)


async def space_counts(conn: AsyncConnection) -> tuple[SpaceCount, ...]:
    """How many spaces are in service, counted by the database: a facility is a long document."""
    return tuple(SpaceCount(row.facility_id, SpaceKind(row.kind), row.spaces) for row in await conn.execute(_SPACES))
