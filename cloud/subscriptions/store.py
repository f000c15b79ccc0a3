"""Tables of plans and subscriptions. The rights that follow from them are kept by customers (``accounts.grant``)."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import BigInteger, Boolean, Column, Row, Table, Text, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.db import metadata
from cloud.subscriptions.rules import Plan, Subscription

SCHEMA = "subscriptions"

plans = Table(
    "plans",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("covers_parking", Boolean, nullable=False),
    Column("covers_charging", Boolean, nullable=False),
    Column("facility_ids", ARRAY(Text), nullable=False),
    Column("on_sale", Boolean, nullable=False),
    schema=SCHEMA,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("plan_id", Text, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("cancelled_ms", BigInteger),
    schema=SCHEMA,
    comment="Who holds which plan. Never deleted: cancelled_ms says when it ended early.",
)

_PLAN = (
    plans.c.plan_id,
    plans.c.name,
    plans.c.covers_parking,
    plans.c.covers_charging,
    plans.c.facility_ids,
    plans.c.on_sale,
)
_SUBSCRIPTION = (
    subscriptions.c.subscription_id,
    subscriptions.c.customer_id,
    subscriptions.c.plan_id,
    subscriptions.c.from_ms,
    subscriptions.c.until_ms,
    subscriptions.c.created_ms,
    subscriptions.c.cancelled_ms,
)


async def put_plan(conn: AsyncConnection, plan: Plan) -> None:
    """Store a plan or change it."""
    values = {**asdict(plan), "facility_ids": list(plan.facility_ids)}
    query = insert(plans).values(values)
    await conn.execute(query.on_conflict_do_update(index_elements=[plans.c.plan_id], set_=values))


async def plan(conn: AsyncConnection, plan_id: str) -> Plan | None:
    """The plan of that id, or None."""
    row = (await conn.execute(select(*_PLAN).where(plans.c.plan_id == plan_id))).one_or_none()
    return _plan(row) if row else None


async def all_plans(conn: AsyncConnection) -> Sequence[Plan]:
    """Every plan, on sale or not, by id."""
    return [_plan(row) for row in await conn.execute(select(*_PLAN).order_by(plans.c.plan_id))]


async def add(conn: AsyncConnection, new: Subscription) -> None:
    """Store a new subscription."""
    await conn.execute(insert(subscriptions).values(asdict(new)))


async def subscription(conn: AsyncConnection, subscription_id: str) -> Subscription | None:
    """The subscription of that id, or None."""
    query = select(*_SUBSCRIPTION).where(subscriptions.c.subscription_id == subscription_id)
    row = (await conn.execute(query)).one_or_none()
    return Subscription(*row) if row else None


async def subscriptions_of(conn: AsyncConnection, customer_id: str) -> Sequence[Subscription]:
    """A customer's subscriptions, newest first, with those that are over."""
    query = (
        select(*_SUBSCRIPTION)
        .where(subscriptions.c.customer_id == customer_id)
        .order_by(subscriptions.c.created_ms.desc(), subscriptions.c.subscription_id)
    )
    return [Subscription(*row) for row in await conn.execute(query)]


async def cancel(conn: AsyncConnection, subscription_id: str, now_ms: int) -> bool:
    """False when it was cancelled before, or there is none."""
    query = update(subscriptions).where(
        subscriptions.c.subscription_id == subscription_id, subscriptions.c.cancelled_ms.is_(None)
    )
    return (await conn.execute(query.values(cancelled_ms=now_ms))).rowcount == 1


def _plan(row: Row[str, str, bool, bool, list[str], bool]) -> Plan:
    plan_id, name, covers_parking, covers_charging, facility_ids, on_sale = row
    return Plan(plan_id, name, covers_parking, covers_charging, tuple(facility_ids), on_sale)
