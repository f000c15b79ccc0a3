"""The inbox for what Stripe tells: it repeats, comes in any order, and may know things before we do.

Each event is written once, by its id, and handled in the same transaction; a repeat finds it there. So every handler
may be called with events in any order and states what is true now, not what changed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.billing import ledger, payments, queries, refunding
from cloud.billing.records import Finding
from cloud.billing.rules import DiscrepancyKind
from cloud.billing.store import webhooks
from cloud.customers.accounts import payment_method_attached
from cloud.gateway import (
    METADATA_PAYMENT_ID,
    Card,
    Gateway,
    GatewayEvent,
    GatewayRefused,
    payment_outcome,
)

SETUP_SUCCEEDED = "setup_intent.succeeded"

Body = Mapping[str, Any]
Handler = Callable[[AsyncConnection, Body, int], Awaitable[None]]


async def card_of(gateway: Gateway, event: GatewayEvent) -> Card | None:
    """What an event does not say and must be asked before a transaction is opened: the card that was saved. None also
    when the gateway has no such card any more: then there is nothing to remember."""
    if event.type != SETUP_SUCCEEDED or not event.body.get("customer") or not event.body.get("payment_method"):
        return None
    try:
        return await gateway.payment_method(event.body["payment_method"])
    except GatewayRefused:
        return None


async def receive(conn: AsyncConnection, event: GatewayEvent, card: Card | None, *, now_ms: int) -> bool:
    """Take an event into the inbox and act on it. False when it was there already."""
    values = {
        "event_id": event.event_id,
        "type": event.type,
        "created_ms": event.created_ms,
        "received_at_ms": now_ms,
        "body": dict(event.body),
    }
    new = await conn.execute(insert(webhooks).values(values).on_conflict_do_nothing().returning(webhooks.c.event_id))
    if new.one_or_none() is None:
        return False
    if card is not None:
        await payment_method_attached(conn, gateway_customer_id=event.body["customer"], payment_method=card)
    handler = _HANDLERS.get(event.type)
    if handler is not None:
        await handler(conn, event.body, now_ms)
    return True


async def _payment_changed(conn: AsyncConnection, intent: Body, now_ms: int) -> None:
    payment_id = (intent.get("metadata") or {}).get(METADATA_PAYMENT_ID, "")
    if await queries.payment(conn, payment_id) is not None:
        await payments.record(conn, payment_id, payment_outcome(intent), now_ms=now_ms)
    elif intent.get("amount_received"):
        await _unknown(conn, intent["id"], intent["amount_received"], "taken", now_ms)


async def _charge_refunded(conn: AsyncConnection, charge: Body, now_ms: int) -> None:
    """Money of a payment that nobody here knows went back. The refunds themselves are told one by one beside this."""
    if await queries.payment_at_gateway(conn, charge.get("payment_intent") or "") is None:
        await _unknown(conn, charge["id"], charge["amount_refunded"], "given back", now_ms)


async def _refund_changed(conn: AsyncConnection, refund: Body, now_ms: int) -> None:
    await refunding.learn(conn, refund, now_ms=now_ms)


async def _unknown(conn: AsyncConnection, gateway_id: str, amount_cents: int, what: str, now_ms: int) -> None:
    found = Finding(
        f"unknown/{gateway_id}",
        DiscrepancyKind.UNKNOWN_PAYMENT,
        expected_cents=0,
        found_cents=amount_cents,
        detail=f"{amount_cents} cents were {what} by the gateway as {gateway_id}, which is not in our books",
    )
    await ledger.note(conn, found, now_ms=now_ms)


_HANDLERS: Mapping[str, Handler] = {
    "payment_intent.succeeded": _payment_changed,
    "payment_intent.payment_failed": _payment_changed,
    "payment_intent.canceled": _payment_changed,
    "charge.refunded": _charge_refunded,
    "refund.created": _refund_changed,
    "refund.updated": _refund_changed,
    "refund.failed": _refund_changed,
}
