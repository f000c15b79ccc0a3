"""The last look at what the cloud's tables say of money."""

from collections.abc import Iterable

from cloud.billing.records import Charge, Payment
from cloud.billing.rules import Account, ChargeStatus, PaymentKind, PaymentStatus
from provisioning.simulation.happenings import CardsSettled, Charged
from provisioning.simulation.paying import ledger
from provisioning.simulation.tables import Tables, Transaction


def charged(tables: Tables) -> list[Charged]:
    """Every charge, and how it was paid."""
    look = Transaction(tables)
    return [_charged(c, ledger.of_charge(look, "payments", c.charge_id)) for c in tables.all("charges").values()]


def _charged(charge: Charge, payments: Iterable[Payment]) -> Charged:
    received = [p for p in payments if p.status is PaymentStatus.SUCCEEDED]
    return Charged(
        session_id=charge.session_id,
        total_cents=charge.total_cents,
        paid_cents=sum(p.amount_cents for p in received if p.kind is not PaymentKind.CARD_ON_FILE),
        by_card_cents=sum(p.amount_cents for p in received if p.kind is PaymentKind.CARD_ON_FILE),
        is_paid=charge.status is ChargeStatus.PAID,
    )


def cards_settled(tables: Tables) -> CardsSettled:
    """The ledger's side of what the provider has."""
    look = Transaction(tables)
    balances = {charge_id: ledger.balances(look, charge_id) for charge_id in tables.all("charges")}
    return CardsSettled(
        at_provider_cents={name: found[Account.GATEWAY] for name, found in balances.items()},
        owed_cents={name: found[Account.RECEIVABLE] for name, found in balances.items()},
        credit_cents={name: -found[Account.CUSTOMER_CREDIT] for name, found in balances.items()},
        noted=frozenset(str(name) for name in tables.all("findings")),
    )
