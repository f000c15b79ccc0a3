"""Every version of every tariff. A version is written once and never changed: sessions refer to it for ever."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import metadata
from shared.tariffs import Tariff

tariffs = Table(
    "tariffs",
    metadata,
    Column("tariff_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", JSONB, nullable=False),
    Column("published_at_ms", BigInteger, nullable=False),
    schema="tariffs",
)


async def add(conn: AsyncConnection, tariff: Tariff, *, now_ms: int) -> bool:
    """Store a version; False when that version is there already, which then stays as it is."""
    statement = (
        insert(tariffs)
        .values(
            tariff_id=tariff.tariff_id,
            version=tariff.version,
            body=tariff.model_dump(mode="json"),
            published_at_ms=now_ms,
        )
        .on_conflict_do_nothing()
        .returning(tariffs.c.version)
    )
    return await conn.scalar(statement) is not None


async def tariff(conn: AsyncConnection, tariff_id: str, version: int) -> Tariff | None:
    """One version, or None."""
    key = (tariffs.c.tariff_id == tariff_id) & (tariffs.c.version == version)
    body = await conn.scalar(select(tariffs.c.body).where(key))
    return None if body is None else Tariff.model_validate(body)


async def latest_version(conn: AsyncConnection, tariff_id: str) -> int:
    """The highest version of a tariff, 0 when there is none."""
    found = await conn.scalar(select(func.max(tariffs.c.version)).where(tariffs.c.tariff_id == tariff_id))
    return int(found or 0)


async def all_tariffs(conn: AsyncConnection) -> tuple[Tariff, ...]:
    """Every version of every tariff, for rating: which one applies is for ``shared.tariffs.tariff_for`` to say."""
    bodies = await conn.scalars(select(tariffs.c.body).order_by(tariffs.c.tariff_id, tariffs.c.version))
    return tuple(Tariff.model_validate(body) for body in bodies)
