"""Tables of customers and the questions other contexts ask of them. Only this context writes here.

No card data: a payment method is the gateway's token for a card, with brand and last four digits for people.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Row, Table, Text, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.customers.rules import Block, Customer, Grant, PaymentMethod
from cloud.db import metadata
from shared.facilities import ConnectorType, Size
from shared.rights import RightKind, Vehicle

__all__ = ["Customer", "PaymentMethod"]  # what other contexts get from here; the rest is found by its module's name

SCHEMA = "customers"

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("gateway_customer_id", Text, unique=True),
    Column("account_assigned", Boolean, nullable=False, server_default="false"),
    Column("created_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="gateway_customer_id: from the first time a card is saved. account_assigned: facilities hold the right.",
)
Index("uq_customers_email", func.lower(customers.c.email), unique=True)

vehicles = Table(
    "vehicles",
    metadata,
    Column("plate", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("is_ev", Boolean, nullable=False),
    Column("size", Text, nullable=False),
    Column("connector", Text),
    schema=SCHEMA,
    comment="A plate belongs to one customer at a time.",
)

tokens = Table(
    "tokens",
    metadata,
    Column("token", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    schema=SCHEMA,
    comment="OCPP id tokens in upper case, since they are compared without regard to case.",
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("payment_method_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("brand", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    schema=SCHEMA,
    comment="The gateway's tokens for saved cards.",
)
Index(
    "uq_payment_methods_default",
    payment_methods.c.customer_id,
    unique=True,
    postgresql_where=payment_methods.c.is_default,
)

blocks = Table(
    "blocks",
    metadata,
    Column("plate", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("blocked_by", Text, nullable=False),
    Column("blocked_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="Plates that no gate lets in, with who said so.",
)


grants = Table(
    "grants",
    metadata,
    Column("right_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("facility_ids", ARRAY(Text), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("covers_parking", Boolean, nullable=False),
    Column("covers_charging", Boolean, nullable=False),
    schema=SCHEMA,
    comment="Rights that other contexts gave: their terms. Vehicles and tokens are the customer's of the day.",
)


_CUSTOMER = (
    customers.c.customer_id,
    customers.c.name,
    customers.c.email,
    customers.c.gateway_customer_id,
    customers.c.account_assigned,
)
_METHOD = (
    payment_methods.c.payment_method_id,
    payment_methods.c.brand,
    payment_methods.c.last4,
    payment_methods.c.is_default,
)


async def customer(conn: AsyncConnection, customer_id: str) -> Customer | None:
    """The customer of that id, or None."""
    row = (await conn.execute(select(*_CUSTOMER).where(customers.c.customer_id == customer_id))).one_or_none()
    return Customer(*row) if row else None


async def lock_customer(conn: AsyncConnection, customer_id: str) -> Customer | None:
    """The same, held until the transaction ends: whatever is decided from a customer's rows is decided one by one."""
    query = select(*_CUSTOMER).where(customers.c.customer_id == customer_id).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    return Customer(*row) if row else None


async def customer_of_gateway(conn: AsyncConnection, gateway_customer_id: str) -> str | None:
    """Our id for the gateway's customer, or None."""
    query = select(customers.c.customer_id).where(customers.c.gateway_customer_id == gateway_customer_id)
    return (await conn.execute(query)).scalar_one_or_none()


async def customer_page(conn: AsyncConnection, *, after: str, limit: int) -> Sequence[Customer]:
    """Customers by id, from the first beyond ``after``."""
    query = select(*_CUSTOMER).where(customers.c.customer_id > after).order_by(customers.c.customer_id).limit(limit)
    return [Customer(*row) for row in await conn.execute(query)]


async def payment_method_of(conn: AsyncConnection, customer_id: str) -> PaymentMethod | None:
    """The card to charge: the default one, or None when there is none."""
    query = select(*_METHOD).where(payment_methods.c.customer_id == customer_id, payment_methods.c.is_default)
    row = (await conn.execute(query)).one_or_none()
    return PaymentMethod(*row) if row else None


async def payment_methods_of(conn: AsyncConnection, customer_id: str) -> tuple[PaymentMethod, ...]:
    """Every saved card, the default first."""
    query = (
        select(*_METHOD)
        .where(payment_methods.c.customer_id == customer_id)
        .order_by(payment_methods.c.is_default.desc(), payment_methods.c.payment_method_id)
    )
    return tuple(PaymentMethod(*row) for row in await conn.execute(query))


async def vehicles_of(conn: AsyncConnection, customer_id: str) -> tuple[Vehicle, ...]:
    """Their vehicles, by plate."""
    query = select(vehicles).where(vehicles.c.customer_id == customer_id).order_by(vehicles.c.plate)
    return tuple(_vehicle(row) for row in await conn.execute(query))


async def tokens_of(conn: AsyncConnection, customer_id: str) -> tuple[str, ...]:
    """Their id tokens, sorted."""
    query = select(tokens.c.token).where(tokens.c.customer_id == customer_id).order_by(tokens.c.token)
    return tuple((await conn.execute(query)).scalars())


async def add_customer(conn: AsyncConnection, new: Customer, now_ms: int) -> bool:
    """Store a new customer; False when the id or the e-mail address is taken."""
    values = {"customer_id": new.customer_id, "name": new.name, "email": new.email, "created_ms": now_ms}
    query = insert(customers).values(values).on_conflict_do_nothing().returning(customers.c.customer_id)
    return await conn.scalar(query) is not None


async def set_gateway_customer(conn: AsyncConnection, customer_id: str, gateway_customer_id: str) -> str:
    """Remember the gateway's id for a customer, unless there is one, and return the one that counts."""
    query = (
        update(customers)
        .where(customers.c.customer_id == customer_id)
        .values(gateway_customer_id=func.coalesce(customers.c.gateway_customer_id, gateway_customer_id))
        .returning(customers.c.gateway_customer_id)
    )
    return str((await conn.execute(query)).scalar_one())


async def set_account_assigned(conn: AsyncConnection, customer_id: str, assigned: bool) -> None:
    """Remember whether facilities were told of the account."""
    query = update(customers).where(customers.c.customer_id == customer_id)
    await conn.execute(query.values(account_assigned=assigned))


def _vehicle(row: Row[Any]) -> Vehicle:
    connector = None if row.connector is None else ConnectorType(row.connector)
    return Vehicle(plate=row.plate, is_ev=row.is_ev, size=Size(row.size), connector=connector)


async def put_vehicle(conn: AsyncConnection, customer_id: str, vehicle: Vehicle) -> bool:
    """Add or change a customer's vehicle; False when the plate is another customer's."""
    values = {"customer_id": customer_id, **vehicle.model_dump(mode="json")}
    query = insert(vehicles).values(values)
    query = query.on_conflict_do_update(
        index_elements=[vehicles.c.plate],
        set_={name: query.excluded[name] for name in ("is_ev", "size", "connector")},
        where=vehicles.c.customer_id == customer_id,
    )
    return await conn.scalar(query.returning(vehicles.c.plate)) is not None


async def remove_vehicle(conn: AsyncConnection, customer_id: str, plate: str) -> bool:
    """False when the customer has no such vehicle."""
    query = delete(vehicles).where(vehicles.c.plate == plate, vehicles.c.customer_id == customer_id)
    return (await conn.execute(query)).rowcount == 1


async def put_token(conn: AsyncConnection, customer_id: str, token: str) -> bool:
    """Add an id token, given in upper case; False when it is another customer's."""
    query = insert(tokens).values(token=token, customer_id=customer_id)
    query = query.on_conflict_do_update(
        index_elements=[tokens.c.token], set_={"token": token}, where=tokens.c.customer_id == customer_id
    )
    return await conn.scalar(query.returning(tokens.c.token)) is not None


async def remove_token(conn: AsyncConnection, customer_id: str, token: str) -> bool:
    """False when the customer has no such token."""
    query = delete(tokens).where(tokens.c.token == token, tokens.c.customer_id == customer_id)
    return (await conn.execute(query)).rowcount == 1


async def replace_payment_methods(conn: AsyncConnection, customer_id: str, methods: Sequence[PaymentMethod]) -> None:
    """Make these, of which at most one is the default, the customer's cards."""
    await conn.execute(delete(payment_methods).where(payment_methods.c.customer_id == customer_id))
    for method in methods:
        await conn.execute(
            insert(payment_methods).values(
                payment_method_id=method.payment_method_id,
                customer_id=customer_id,
                brand=method.brand,
                last4=method.last4,
                is_default=method.is_default,
            )
        )


async def put_grant(conn: AsyncConnection, grant: Grant) -> None:
    """Store a grant or its new terms."""
    values = {**asdict(grant), "kind": str(grant.kind), "facility_ids": list(grant.facility_ids)}
    query = insert(grants).values(values)
    await conn.execute(query.on_conflict_do_update(index_elements=[grants.c.right_id], set_=values))


async def remove_grant(conn: AsyncConnection, right_id: str) -> bool:
    """False when there is no such grant."""
    return (await conn.execute(delete(grants).where(grants.c.right_id == right_id))).rowcount == 1


async def grants_of(conn: AsyncConnection, customer_id: str) -> tuple[Grant, ...]:
    """Their grants, by id; also those that are over and were not withdrawn."""
    query = select(grants).where(grants.c.customer_id == customer_id).order_by(grants.c.right_id)
    return tuple(
        Grant(
            right_id=r.right_id,
            customer_id=r.customer_id,
            kind=RightKind(r.kind),
            from_ms=r.from_ms,
            until_ms=r.until_ms,
            facility_ids=tuple(r.facility_ids),
            covers_parking=r.covers_parking,
            covers_charging=r.covers_charging,
        )
        for r in await conn.execute(query)
    )


async def put_block(conn: AsyncConnection, block: Block) -> None:
    """Block a plate, or say anew why it is blocked."""
    values = {
        "reason": block.reason,
        "blocked_by": block.blocked_by,
        "blocked_ms": block.blocked_ms,
    }
    query = insert(blocks).values(plate=block.plate, **values)
    await conn.execute(query.on_conflict_do_update(index_elements=[blocks.c.plate], set_=values))


async def remove_block(conn: AsyncConnection, plate: str) -> bool:
    """False when the plate is not blocked."""
    return (await conn.execute(delete(blocks).where(blocks.c.plate == plate))).rowcount == 1


async def all_blocks(conn: AsyncConnection) -> Sequence[Block]:
    """Every blocked plate."""
    query = select(blocks.c.plate, blocks.c.reason, blocks.c.blocked_by, blocks.c.blocked_ms).order_by(blocks.c.plate)
    return [Block(*row) for row in await conn.execute(query)]
