"""Tables of notifications: one delivery per message to a person, and every attempt at it."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import metadata

SCHEMA = "notifications"

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True, comment="names what it tells of, so it is told once"),
    Column("kind", Text, nullable=False),
    Column("charge_id", Text, nullable=False, index=True),
    Column("recipient", Text, comment="None: nobody is known to tell"),
    Column("status", Text, CheckConstraint("status IN ('PENDING', 'SENT', 'FAILED')", name="status"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("sent_at_ms", BigInteger),
    Column("error", Text, comment="of the last attempt"),
    schema=SCHEMA,
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("error", Text, comment="None: the mail server took it"),
    schema=SCHEMA,
)

ERROR_CHARACTERS_MAX = 1_000


class DeliveryKind(StrEnum):
    RECEIPT = "RECEIPT"
    PAYMENT_FAILED = "PAYMENT_FAILED"


class DeliveryStatus(StrEnum):
    """FAILED: it will not be tried again, because trying cannot help."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Delivery:
    delivery_id: str
    kind: DeliveryKind
    charge_id: str
    recipient: str | None
    status: DeliveryStatus
    attempts: int
    created_at_ms: int
    sent_at_ms: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended; ``error`` None: sent."""

    at_ms: int
    error: str | None
    final: bool = True


async def open_delivery(conn: AsyncConnection, new: Delivery) -> Delivery:
    """The delivery of that id: the one that is there, or this new one."""
    values = {name: getattr(new, name) for name in Delivery.__dataclass_fields__}
    await conn.execute(insert(deliveries).values(values).on_conflict_do_nothing())
    return await delivery(conn, new.delivery_id) or new


async def delivery(conn: AsyncConnection, delivery_id: str) -> Delivery | None:
    """One delivery, or None."""
    query = select(deliveries).where(deliveries.c.delivery_id == delivery_id)
    row = (await conn.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return Delivery(**{**row, "kind": DeliveryKind(row["kind"]), "status": DeliveryStatus(row["status"])})


async def record_attempt(conn: AsyncConnection, delivery_id: str, attempt: Attempt) -> None:
    """Keep what became of an attempt. A delivery that was sent stays sent, whatever comes after."""
    error = attempt.error[:ERROR_CHARACTERS_MAX] if attempt.error else None
    sent = error is None
    status = DeliveryStatus.SENT if sent else DeliveryStatus.FAILED if attempt.final else DeliveryStatus.PENDING
    changed = (
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id)
        .values(
            attempts=deliveries.c.attempts + 1,
            status=func.coalesce(func.nullif(status, DeliveryStatus.PENDING), deliveries.c.status),
            sent_at_ms=func.coalesce(deliveries.c.sent_at_ms, attempt.at_ms if sent else None),
            error=error,
        )
        .returning(deliveries.c.attempts)
    )
    number = (await conn.execute(changed)).scalar_one()
    await conn.execute(
        insert(delivery_attempts).values(delivery_id=delivery_id, attempt=number, at_ms=attempt.at_ms, error=error)
    )
