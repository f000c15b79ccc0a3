"""What an exit makes of a stay: the charge, its lines and postings, what was paid on site, and what the card is to pay.

Pure: everything that is written at an exit is worked out here from what is known before it, so that the exits of a
whole batch are written together (``ledger.open_charges``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud.billing.records import Charge, Discrepancy, Finding, Payment, discrepancy
from cloud.billing.rules import (
    KIND_OF_METHOD,
    ChargeStatus,
    DiscrepancyKind,
    PaymentKind,
    PaymentStatus,
    Postings,
    Settlement,
    charge_postings,
    payment_postings,
    settlement,
)
from cloud.sessions.store import SitePayment
from shared.rating import Line, Quote


@dataclass(frozen=True, slots=True)
class Transfer:
    """Postings that belong together and sum to zero."""

    transfer_id: str
    charge_id: str
    at_ms: int
    postings: Postings


@dataclass(frozen=True, slots=True)
class Bill:
    """All that follows from one exit. ``card`` is the payment that the customer's card is to make, if any."""

    charge: Charge
    lines: tuple[Line, ...]
    transfers: tuple[Transfer, ...]
    payments: tuple[Payment, ...]
    discrepancies: tuple[Discrepancy, ...]
    card: Payment | None

    @property
    def wants_receipt(self) -> bool:
        """Whether it is settled already and there is somebody to tell."""
        return self.charge.status is ChargeStatus.PAID and self.charge.customer_id is not None


def bill(charge: Charge, quote: Quote, taken: Sequence[SitePayment], *, quoted_by: Sequence[str]) -> Bill:
    """The bill of an OPEN charge that nothing was booked on yet: ``taken`` on site before the exit settles it first, in
    that order, and the customer's card owes the rest. ``quoted_by`` are the tariffs that the lane quoted with."""
    owed, paid_at_ms = charge.total_cents, None
    transfers = [
        Transfer(f"charge/{charge.charge_id}", charge.charge_id, charge.exited_ms, charge_postings(quote.lines))
    ]
    payments: list[Payment] = []
    noticed = _quote_differs(charge, quoted_by)
    for paid in taken:
        payment = site_payment(charge.charge_id, paid)
        split = settlement(payment.amount_cents, owed)
        payments.append(payment)
        transfers.append(payment_transfer(payment, split, at_ms=paid.at_ms))
        noticed += [discrepancy(found, now_ms=paid.at_ms, charge=charge) for found in overpaid(payment, split)]
        if owed == split.applied_cents and paid_at_ms is None:
            paid_at_ms = paid.at_ms
        owed -= split.applied_cents
    if owed <= 0 and paid_at_ms is None:
        paid_at_ms = charge.exited_ms
    if paid_at_ms is not None:
        charge = replace(charge, status=ChargeStatus.PAID, paid_at_ms=paid_at_ms)
    card = card_payment(charge, owed, attempt=1, now_ms=charge.exited_ms) if owed > 0 and charge.customer_id else None
    return Bill(
        charge=charge,
        lines=quote.lines,
        transfers=tuple(transfers),
        payments=(*payments, card) if card else tuple(payments),
        discrepancies=tuple(noticed),
        card=card,
    )


def site_payment_id(log_id: str, seq: int) -> str:
    """The payment that a PaymentTaken at that place makes, so that it counts once."""
    return f"site-{log_id}-{seq}"


def site_payment(charge_id: str, paid: SitePayment) -> Payment:
    """Money taken at the machine or by an attendant; it is there already."""
    return Payment(
        payment_id=site_payment_id(paid.log_id, paid.seq),
        charge_id=charge_id,
        kind=KIND_OF_METHOD[paid.method],
        status=PaymentStatus.SUCCEEDED,
        amount_cents=paid.amount_cents,
        reference=paid.reference,
        created_at_ms=paid.at_ms,
        settled_at_ms=paid.at_ms,
    )


def card_payment(charge: Charge, owed_cents: int, *, attempt: int, now_ms: int) -> Payment:
    """What the card on file is to be asked for; ``attempt`` counts from 1 within the charge."""
    return Payment(
        payment_id=f"payment-{charge.session_id}-{attempt}",
        charge_id=charge.charge_id,
        kind=PaymentKind.CARD_ON_FILE,
        status=PaymentStatus.PENDING,
        amount_cents=owed_cents,
        created_at_ms=now_ms,
    )


def payment_transfer(payment: Payment, split: Settlement, *, at_ms: int) -> Transfer:
    """The postings of money received."""
    booked = payment_postings(payment.kind, split)
    return Transfer(f"payment/{payment.payment_id}", payment.charge_id, at_ms, booked)


def overpaid(payment: Payment, split: Settlement) -> tuple[Finding, ...]:
    """One finding when more was received than was owed."""
    if not split.excess_cents:
        return ()
    return (
        Finding(
            f"overpaid/{payment.payment_id}",
            DiscrepancyKind.OVERPAID,
            expected_cents=split.applied_cents,
            found_cents=payment.amount_cents,
            detail=f"{payment.kind} of {payment.amount_cents} cents when {split.applied_cents} cents were owed",
        ),
    )


def _quote_differs(charge: Charge, quoted_by: Sequence[str]) -> list[Discrepancy]:
    if charge.total_cents == charge.quoted_cents:
        return []
    found = Finding(
        f"quote/{charge.charge_id}",
        DiscrepancyKind.QUOTE_DIFFERS,
        expected_cents=charge.quoted_cents,
        found_cents=charge.total_cents,
        detail=f"quoted by {', '.join(quoted_by)}, charged by {', '.join(charge.tariff_versions)}",
    )
    return [discrepancy(found, now_ms=charge.exited_ms, charge=charge)]
