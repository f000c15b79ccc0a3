"""Those who look after money at HQ, and the customers with their cards."""

from cloud.billing.records import Charge, Payment
from cloud.billing.rules import ChargeStatus, PaymentKind, PaymentStatus
from provisioning.simulation.paying import ledger, payments
from provisioning.simulation.paying.provider import BAD_CARD
from provisioning.simulation.world import World


def ask_again(world: World) -> None:
    """A customer, or somebody of finance, tries again to pay what is owed."""
    universe, headquarters = world.universe, world.headquarters
    unpaid = [c for c in _charges(world) if c.status is ChargeStatus.OPEN and c.customer_id is not None]
    if headquarters.up and unpaid:
        charge_id = universe.random.choice(unpaid).charge_id
        headquarters.transact(lambda t: ledger.collect(t, charge_id, universe.now_ms))


def give_back(world: World) -> None:
    """Somebody of finance has all or a part of a card payment given back."""
    universe, headquarters = world.universe, world.headquarters
    paid = _by_card(world)
    if headquarters.up and paid:
        payment = universe.random.choice(paid)
        cents = None if universe.chance(0.5) else universe.between(1, payment.amount_cents)
        headquarters.transact(lambda t: payments.request_refund(t, payment.charge_id, cents, universe.now_ms))


def give_back_elsewhere(world: World) -> None:
    """Somebody gives money back on the provider's own pages."""
    paid = _by_card(world)
    if paid:
        intent_id = world.universe.random.choice(paid).gateway_payment_id or ""
        world.provider.give_back_by_hand(intent_id, world.universe.random.choice((0.1, 0.5, 1)))


def change_card(world: World) -> None:
    """A customer saves another card; some are never any good."""
    universe, headquarters = world.universe, world.headquarters
    if headquarters.up:
        customer_id = universe.random.choice([p.customer_id for p in world.people if p.right_id is not None])
        card = BAD_CARD if universe.chance(0.2) else f"card-{universe.now_ms}"
        headquarters.transact(lambda t: t.put("cards", customer_id, card))


def _charges(world: World) -> list[Charge]:
    return list(world.headquarters.tables.all("charges").values())


def _by_card(world: World) -> list[Payment]:
    return [
        p
        for p in world.headquarters.tables.all("payments").values()
        if p.kind is PaymentKind.CARD_ON_FILE and p.status is PaymentStatus.SUCCEEDED
    ]
