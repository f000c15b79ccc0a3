"""Bugs of card payments."""

from dataclasses import replace as changed
from itertools import count

from cloud.billing import refunding
from cloud.billing.payments import Question
from cloud.billing.records import Payment, Refund
from cloud.billing.rules import RefundStatus
from cloud.gateway import GatewayEvent, RefundOutcome
from provisioning.simulation.paying import inbox, ledger, payments
from provisioning.simulation.paying.provider import Provider
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from provisioning.simulation.tables import Transaction


def _fresh_key(replace: Replace) -> None:
    numbers = count(1)
    once = Provider._once
    replace(Question, "looks_first", lambda _question, _now_ms: False)
    replace(Provider, "_once", lambda provider, key, wanted, do: once(provider, f"{key}-{next(numbers)}", wanted, do))


def _booked_again(replace: Replace) -> None:
    numbers = count(1)

    def receive(transaction: Transaction, event: GatewayEvent, now_ms: int) -> None:
        payment: Payment | None = transaction.get("payments", event.body.get("metadata", {}).get("payment_id", ""))
        if event.type == "payment_intent.succeeded" and payment is not None:
            named = changed(payment, payment_id=f"{payment.payment_id}-{next(numbers)}")
            ledger.book_payment(transaction, named, at_ms=now_ms)

    replace(inbox, "receive", receive)


def _looked_for_lately(replace: Replace) -> None:
    def since_asked(question: Question) -> int:
        return question.payment.submitted_at_ms or 0

    replace(Question, "since_ms", property(since_asked))


def _failure_unheard(replace: Replace) -> None:
    def after(refund: Refund, outcome: RefundOutcome, *, left_cents: int, now_ms: int) -> Refund | None:
        if refund.status is RefundStatus.SUCCEEDED:
            return None
        return refunding.changed(refund, outcome, left_cents=left_cents, now_ms=now_ms)

    replace(payments, "changed", after)


DENSE = Scenario(facilities=2, days=0.5, pace=12)
FRESH_KEY = Bug("fresh-key", "each try to take a payment has an idempotency key of its own", _fresh_key, DENSE)
BOOKED_AGAIN = Bug("booked-again", "what the provider tells is booked, however often it tells it", _booked_again, DENSE)
FAILURE_UNHEARD = Bug(
    "failure-unheard", "a refund that fails after it was booked stays booked", _failure_unheard, DENSE
)
LOOKED_FOR_LATELY = Bug(
    "looked-for-lately",
    "what a database that was lost has asked for is looked for only since this one asked",
    _looked_for_lately,
    Scenario(facilities=1, days=1, pace=6, often=("cloud restored from a backup",)),
)
