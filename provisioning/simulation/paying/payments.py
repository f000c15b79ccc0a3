"""What becomes of payments and refunds in the cloud's tables. A model of ``cloud/billing/payments.py`` and
``refunding.py``: each function is what one of their transactions does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cloud.billing.payments import NO_PAYMENT_METHOD, Question, settled
from cloud.billing.queries import left_to_give_back
from cloud.billing.records import Charge, Payment, Refund
from cloud.billing.refunding import GIVE_REFUND, changed, free_id, given_elsewhere, refundable
from cloud.billing.rules import LIVE, PaymentStatus, RefundStatus
from cloud.gateway import GatewayEvent, PaymentOutcome, RefundOutcome, refund_outcome
from cloud.gateway import PaymentStatus as GatewayStatus
from provisioning.simulation.paying import ledger
from provisioning.simulation.tables import Transaction


def submit(transaction: Transaction, payment_id: str, now_ms: int) -> Question | None:
    """Fix which card pays before the provider is asked. None when there is nothing more to ask."""
    payment: Payment = transaction.get("payments", payment_id)
    if payment.status not in LIVE:
        return None
    charge: Charge = transaction.get("charges", payment.charge_id)
    if payment.status is PaymentStatus.SUBMITTED:
        return Question(payment, again=True, exited_ms=charge.exited_ms)
    card: str | None = transaction.get("cards", charge.customer_id)
    if card is None:
        record(transaction, payment_id, NO_PAYMENT_METHOD, now_ms)
        return None
    submitted = replace(
        payment,
        status=PaymentStatus.SUBMITTED,
        gateway_customer_id=charge.customer_id,
        payment_method_id=card,
        submitted_at_ms=now_ms,
    )
    transaction.put("payments", payment_id, submitted)
    return Question(submitted, again=False, exited_ms=charge.exited_ms)


def record(transaction: Transaction, payment_id: str, outcome: PaymentOutcome, now_ms: int) -> None:
    """What became of a payment, whoever learned it first."""
    payment: Payment = transaction.get("payments", payment_id)
    if payment.status is PaymentStatus.SUCCEEDED:
        return
    if outcome.status is GatewayStatus.SUCCEEDED:
        taken = settled(payment, outcome, now_ms=now_ms)
        transaction.put("payments", payment_id, taken)
        ledger.book_payment(transaction, taken, at_ms=now_ms)
        _learn_all(transaction, taken, now_ms)
    elif outcome.status is not GatewayStatus.PROCESSING and payment.status in LIVE:
        transaction.put("payments", payment_id, settled(payment, outcome, now_ms=now_ms))


def request_refund(transaction: Transaction, charge_id: str, amount_cents: int | None, now_ms: int) -> Refund | None:
    """Somebody asks for money back, ``amount_cents`` None for all that is left. None when there is not so much left."""
    before: list[Refund] = ledger.of_charge(transaction, "refunds", charge_id)
    payment, left_cents = refundable(ledger.of_charge(transaction, "payments", charge_id), before)
    asked_cents = left_cents if amount_cents is None else amount_cents
    if payment is None or not 0 < asked_cents <= left_cents:
        return None
    refund = Refund(
        refund_id=free_id(payment, before),
        charge_id=charge_id,
        payment_id=payment.payment_id,
        amount_cents=asked_cents,
        status=RefundStatus.PENDING,
        reason="asked for",
        requested_by="clerk",
        gateway_refund_id=None,
        code=None,
        created_at_ms=now_ms,
        settled_at_ms=None,
    )
    ledger.add(transaction, "refunds", refund.refund_id, refund)
    ledger.defer(transaction, GIVE_REFUND, refund.refund_id)
    return refund


def record_refund(transaction: Transaction, refund_id: str, outcome: RefundOutcome, now_ms: int) -> Refund:
    """What became of a refund; one that fails after it was booked is reversed."""
    refund: Refund = transaction.get("refunds", refund_id)
    left = left_to_give_back(dict(ledger.balances(transaction, refund.charge_id)))
    after = changed(refund, outcome, left_cents=sum(left.values()), now_ms=now_ms)
    if after is None:
        return refund
    transaction.put("refunds", refund_id, after)
    if after.status is RefundStatus.SUCCEEDED:
        ledger.book_refund(transaction, after, now_ms)
    elif after.status is RefundStatus.FAILED:
        ledger.reverse(transaction, f"refund/{refund_id}", now_ms)
    return after


def learn(transaction: Transaction, told: Mapping[str, Any], now_ms: int) -> None:
    """What the provider tells of a refund, also of one that is not known."""
    payment = at_provider(transaction, told["payment_intent"])
    if payment is None:
        return
    refund = given_elsewhere(told, payment, now_ms=now_ms)
    if transaction.get("refunds", refund.refund_id) is None:
        ledger.add(transaction, "refunds", refund.refund_id, refund)
        ledger.defer(transaction, GIVE_REFUND, refund.refund_id)
    record_refund(transaction, refund.refund_id, refund_outcome(told), now_ms)


def at_provider(transaction: Transaction, intent_id: str) -> Payment | None:
    """By the provider's id, which the cloud's table finds by an index of it."""
    payment: Payment | None = transaction.get("payments", intent_id.removeprefix("pi-").rpartition(":")[0])
    return payment if payment is not None and payment.gateway_payment_id == intent_id else None


def _learn_all(transaction: Transaction, payment: Payment, now_ms: int) -> None:
    """By what the inbox keeps of each payment, in the provider's order of time."""
    events: tuple[GatewayEvent, ...] = transaction.get("webhooks of", payment.gateway_payment_id) or ()
    for event in sorted((e for e in events if e.type.startswith("refund.")), key=lambda e: e.created_ms):
        learn(transaction, event.body, now_ms)
