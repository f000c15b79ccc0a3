"""What is asked of billing's tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Select, Table, Text, any_, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.billing.records import Charge, ChargeLine, Discrepancy, Payment, Refund
from cloud.billing.rules import (
    EARNED,
    LIVE,
    Account,
    ChargeStatus,
    DiscrepancyKind,
    PaymentKind,
    PaymentStatus,
    RefundStatus,
)
from cloud.billing.store import charge_lines, charges, discrepancies, payments, postings, refunds, webhooks


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """None: any. ``before`` is the place, exit and id, of the charge after which the page begins, newest first."""

    facility_id: str | None = None
    customer_id: str | None = None
    status: ChargeStatus | None = None
    before: tuple[int, str] | None = None
    limit: int = 100


async def charge(conn: AsyncConnection, charge_id: str, *, lock: bool = False) -> Charge | None:
    """One charge, or None. ``lock``: nobody else books anything on it until the transaction ends."""
    query = select(charges).where(charges.c.charge_id == charge_id)
    row = await _one(conn, query.with_for_update() if lock else query)
    return None if row is None else _charge(row)


async def charges_of_sessions(conn: AsyncConnection, session_ids: Collection[str]) -> dict[str, Charge]:
    """The charges of sessions, by session; those that have none yet are left out."""
    query = select(charges).where(charges.c.session_id == any_(literal(list(session_ids), ARRAY(Text))))
    return {row["session_id"]: _charge(row) for row in (await conn.execute(query)).mappings()}


async def known_payments(conn: AsyncConnection, payment_ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are payments already."""
    query = select(payments.c.payment_id).where(payments.c.payment_id == any_(literal(list(payment_ids), ARRAY(Text))))
    return frozenset(await conn.scalars(query))


async def find_charges(conn: AsyncConnection, wanted: ChargeFilter) -> list[Charge]:
    """Charges by facility, customer and status, the newest exit first."""
    query = select(charges).order_by(charges.c.exited_ms.desc(), charges.c.charge_id.desc()).limit(wanted.limit)
    for name in ("facility_id", "customer_id", "status"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(charges.c[name] == value)
    if wanted.before is not None:
        query = query.where(tuple_(charges.c.exited_ms, charges.c.charge_id) < tuple_(*wanted.before))
    return [_charge(row) for row in (await conn.execute(query)).mappings()]


async def lines_of(conn: AsyncConnection, charge_id: str) -> list[ChargeLine]:
    """The lines of a charge, in the order of the receipt."""
    names = ChargeLine.__dataclass_fields__
    query = select(*(charge_lines.c[name] for name in names)).where(charge_lines.c.charge_id == charge_id)
    return [ChargeLine(**row) for row in (await conn.execute(query.order_by(charge_lines.c.line))).mappings()]


async def payment(conn: AsyncConnection, payment_id: str, *, lock: bool = False) -> Payment | None:
    """One payment, or None. ``lock``: as for a charge."""
    query = select(payments).where(payments.c.payment_id == payment_id)
    row = await _one(conn, query.with_for_update() if lock else query)
    return None if row is None else _payment(row)


async def payment_at_gateway(conn: AsyncConnection, gateway_payment_id: str) -> Payment | None:
    """The payment that the gateway knows by that id, or None."""
    row = await _one(conn, select(payments).where(payments.c.gateway_payment_id == gateway_payment_id))
    return None if row is None else _payment(row)


async def payments_of(conn: AsyncConnection, charge_id: str) -> list[Payment]:
    """The attempts to be paid for a charge, oldest first."""
    return [_payment(row) for row in await _of_charge(conn, payments, charge_id)]


async def refunds_of(conn: AsyncConnection, charge_id: str) -> list[Refund]:
    """What was, or is to be, given back of a charge, oldest first."""
    return [_refund(row) for row in await _of_charge(conn, refunds, charge_id)]


async def refund(conn: AsyncConnection, refund_id: str, *, lock: bool = False) -> Refund | None:
    """One refund, or None. ``lock``: as for a charge."""
    query = select(refunds).where(refunds.c.refund_id == refund_id)
    row = await _one(conn, query.with_for_update() if lock else query)
    return None if row is None else _refund(row)


async def told_refunds(conn: AsyncConnection, gateway_payment_id: str) -> list[Mapping[str, Any]]:
    """What the gateway has told of refunds of a payment, in its own fields and by its own order of time."""
    said = select(webhooks.c.body).where(
        webhooks.c.type.startswith("refund."), webhooks.c.body["payment_intent"].astext == gateway_payment_id
    )
    return list(await conn.scalars(said.order_by(webhooks.c.created_ms)))


async def balances_of(conn: AsyncConnection, charge_id: str) -> dict[Account, int]:
    """What stands on each account because of one charge, debit positive."""
    query = (
        select(postings.c.account, func.sum(postings.c.amount_cents))
        .where(postings.c.charge_id == charge_id)
        .group_by(postings.c.account)
    )
    return {Account(account): int(cents) for account, cents in await conn.execute(query)}


def left_to_give_back(balances: dict[Account, int]) -> dict[Account, int]:
    """What a refund may still take, by account: what was earned and what was received beyond it."""
    return {account: -balances.get(account, 0) for account in (*EARNED, Account.CUSTOMER_CREDIT)}


async def live_cents(conn: AsyncConnection, charge_id: str) -> int:
    """What a payment that is under way may still bring in."""
    query = select(func.coalesce(func.sum(payments.c.amount_cents), 0)).where(
        payments.c.charge_id == charge_id, payments.c.status.in_(LIVE)
    )
    return int(await conn.scalar(query) or 0)


async def find_discrepancies(conn: AsyncConnection, *, limit: int) -> list[Discrepancy]:
    """What waits for a person to settle it, oldest first."""
    names = Discrepancy.__dataclass_fields__
    query = select(*(discrepancies.c[name] for name in names)).where(discrepancies.c.settled_at_ms.is_(None))
    rows = await conn.execute(
        query.order_by(discrepancies.c.noticed_at_ms, discrepancies.c.discrepancy_id).limit(limit)
    )
    return [Discrepancy(**{**row, "kind": DiscrepancyKind(row["kind"])}) for row in rows.mappings()]


async def _one(conn: AsyncConnection, query: Select[Any]) -> Any:
    return (await conn.execute(query)).mappings().one_or_none()


async def _of_charge(conn: AsyncConnection, table: Table, charge_id: str) -> Sequence[Any]:
    key = next(iter(table.primary_key))
    query = select(table).where(table.c.charge_id == charge_id).order_by(table.c.created_at_ms, key)
    return (await conn.execute(query)).mappings().all()


def _charge(row: Any) -> Charge:
    fixed = {"status": ChargeStatus(row["status"]), "tariff_versions": tuple(row["tariff_versions"])}
    return Charge(**{**row, **fixed})


def _payment(row: Any) -> Payment:
    return Payment(**{**row, "kind": PaymentKind(row["kind"]), "status": PaymentStatus(row["status"])})


def _refund(row: Any) -> Refund:
    return Refund(**{**row, "status": RefundStatus(row["status"])})
