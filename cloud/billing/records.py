"""Billing's rows as plain values. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from cloud.billing.rules import ChargeStatus, DiscrepancyKind, PaymentKind, PaymentStatus, RefundStatus


@dataclass(frozen=True, slots=True)
class Charge:
    """What a session costs. ``quoted_cents`` is what the lane said."""

    charge_id: str
    session_id: str
    facility_id: str
    customer_id: str | None
    status: ChargeStatus
    total_cents: int
    tax_cents: int
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    entered_ms: int
    priced_until_ms: int
    exited_ms: int
    log_id: str
    seq: int
    paid_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ChargeLine:
    kind: str
    component: str | None
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to be paid. ``payment_id`` is also the idempotency key at the gateway."""

    payment_id: str
    charge_id: str
    kind: PaymentKind
    status: PaymentStatus
    amount_cents: int
    created_at_ms: int
    reference: str | None = None
    gateway_customer_id: str | None = None
    payment_method_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    gateway_payment_id: str | None = None
    code: str | None = None
    message: str | None = None
    submitted_at_ms: int | None = None
    settled_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    refund_id: str
    charge_id: str
    payment_id: str
    amount_cents: int
    status: RefundStatus
    reason: str
    requested_by: str
    gateway_refund_id: str | None
    code: str | None
    created_at_ms: int
    settled_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """What did not come out as it should; amounts in cents."""

    discrepancy_id: str
    kind: DiscrepancyKind
    facility_id: str | None
    session_id: str | None
    charge_id: str | None
    expected_cents: int
    found_cents: int
    detail: str
    noticed_at_ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A discrepancy about to be written down; its id makes it be written once."""

    discrepancy_id: str
    kind: DiscrepancyKind
    expected_cents: int
    found_cents: int
    detail: str


def discrepancy(
    found: Finding, *, now_ms: int, charge: Charge | None = None, facility_id: str | None = None
) -> Discrepancy:
    """A finding about a charge, or about a facility when there is no charge."""
    return Discrepancy(
        discrepancy_id=found.discrepancy_id,
        kind=found.kind,
        facility_id=charge.facility_id if charge else facility_id,
        session_id=charge.session_id if charge else None,
        charge_id=charge.charge_id if charge else None,
        expected_cents=found.expected_cents,
        found_cents=found.found_cents,
        detail=found.detail,
        noticed_at_ms=now_ms,
    )
