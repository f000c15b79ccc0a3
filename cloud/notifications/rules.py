"""What a message says, in words for people. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloud.billing.records import Charge, ChargeLine, Payment
from cloud.billing.rules import PaymentKind, PaymentStatus
from shared.clock import MINUTE_MS, to_local
from shared.facilities import Facility
from shared.money import format_usd

REASONS = {
    "insufficient_funds": "There was not enough money on the card.",
    "expired_card": "The card has expired.",
    "authentication_required": "Your bank wants you to confirm the payment yourself.",
    "no_payment_method": "There is no card on file.",
    "amount_too_small": "The amount is below what cards can be charged.",
}
OTHER_REASON = "Your bank declined the card."

CARD_BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover"}


@dataclass(frozen=True, slots=True)
class Stay:
    """Where, when and how long, as the driver lived it."""

    facility: str
    address: str
    plate: str
    entered: str
    left: str
    duration: str


@dataclass(frozen=True, slots=True)
class Item:
    what: str
    how_much: str
    amount: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that the templates show, formatted. ``paid`` says how, one line for each way."""

    customer: str
    number: str
    stay: Stay
    items: tuple[Item, ...]
    tax: str | None
    total: str
    paid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FailedPayment:
    customer: str
    number: str
    stay: Stay
    amount: str
    card: str | None
    reason: str


def receipt(
    charge: Charge, lines: Sequence[ChargeLine], payments: Sequence[Payment], *, customer: str, stay: Stay
) -> Receipt:
    """The receipt of a paid charge."""
    return Receipt(
        customer=customer,
        number=charge.charge_id,
        stay=stay,
        items=tuple(_item(line) for line in lines),
        tax=format_usd(charge.tax_cents) if charge.tax_cents else None,
        total=format_usd(charge.total_cents),
        paid=tuple(_paid(p) for p in payments if p.status is PaymentStatus.SUCCEEDED),
    )


def failed_payment(charge: Charge, payment: Payment, *, customer: str, stay: Stay) -> FailedPayment:
    """That a card could not be charged, and why."""
    return FailedPayment(
        customer=customer,
        number=charge.charge_id,
        stay=stay,
        amount=format_usd(payment.amount_cents),
        card=_card(payment),
        reason=REASONS.get(payment.code or "", OTHER_REASON),
    )


def stay(facility: Facility, charge: Charge, plate: str) -> Stay:
    """A session in the facility's own time. A box whose clock was set back meanwhile dates the exit before the entry;
    what the stay was priced until keeps the clock of the entry."""
    left_ms = max(charge.exited_ms, charge.priced_until_ms)
    return Stay(
        facility=facility.name,
        address=facility.address,
        plate=plate,
        entered=local_time(charge.entered_ms, facility.zone),
        left=local_time(left_ms, facility.zone),
        duration=duration(left_ms - charge.entered_ms),
    )


def local_time(at_ms: int, zone: str) -> str:
    """``Thursday, January 1, 2026, 9:05 AM EST``: the zone is said, since an hour comes twice a year."""
    there = to_local(at_ms, zone)
    return f"{there:%A, %B} {there.day}, {there.year}, {there.hour % 12 or 12}:{there:%M %p %Z}"


def duration(of_ms: int) -> str:
    """Elapsed time in days, hours and minutes, minutes begun not counted: ``1 day 2 h 05 min``."""
    hours, minutes = divmod(max(0, of_ms) // MINUTE_MS, 60)
    days, hours = divmod(hours, 24)
    if not days and not hours:
        return f"{minutes} min"
    words = f"{days} day{'s' if days > 1 else ''} " if days else ""
    return f"{words}{hours} h {minutes:02d} min"


def _item(line: ChargeLine) -> Item:
    """Quantities to two places, for reading; the amount was worked out from the exact one."""
    quantity = line.quantity.quantize(Decimal("0.01"))
    figure = f"{quantity:f}".removesuffix(".00")
    how_much = "" if line.kind in ("TAX", "COVERED") else f"{figure} {line.unit}"
    return Item(line.description, how_much, format_usd(line.amount_cents))


def _card(payment: Payment) -> str | None:
    if not payment.card_last4:
        return None
    return f"{CARD_BRANDS.get(payment.card_brand or '', 'card')} ending in {payment.card_last4}"


def _paid(payment: Payment) -> str:
    amount = format_usd(payment.amount_cents)
    if payment.kind is PaymentKind.CARD_ON_FILE:
        return f"{amount} by {_card(payment) or 'card'}"
    return f"{amount} in cash on site" if payment.kind is PaymentKind.SITE_CASH else f"{amount} by card on site"
