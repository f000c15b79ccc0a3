"""Keep what facilities know of a customer's rights true, in the transaction that changes the customer.

Other contexts give rights with ``grant`` and take them with ``withdraw``; they say the terms, and the vehicles and
tokens are always those of the customer, so that a new car is let in under an old pass without anybody's doing.
"""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.customers import rules, store
from cloud.customers.rules import Customer, Grant, PaymentMethod
from cloud.link.decisions import publish
from shared.decisions import RightAssigned, RightRevoked


class SavedCard(Protocol):
    """What the gateway tells of a card."""

    @property
    def payment_method_id(self) -> str: ...
    @property
    def brand(self) -> str: ...
    @property
    def last4(self) -> str: ...


class UnknownCustomer(LookupError):  # noqa: N818 - says what is so
    """There is no customer of that id."""


async def locked(conn: AsyncConnection, customer_id: str) -> Customer:
    """The customer, held until the transaction ends; lock before changing anything of theirs.

    Raises UnknownCustomer.
    """
    found = await store.lock_customer(conn, customer_id)
    if found is None:
        raise UnknownCustomer(f"there is no customer {customer_id}")
    return found


async def republish(conn: AsyncConnection, customer: Customer) -> None:
    """Tell the facilities every right of a customer as it is now. The customer must be locked."""
    profile = rules.Profile(
        customer_id=customer.customer_id,
        vehicles=await store.vehicles_of(conn, customer.customer_id),
        tokens=await store.tokens_of(conn, customer.customer_id),
        has_payment_method=await store.payment_method_of(conn, customer.customer_id) is not None,
        account_assigned=customer.account_assigned,
        grants=await store.grants_of(conn, customer.customer_id),
    )
    await store.set_account_assigned(conn, customer.customer_id, rules.account(profile) is not None)
    for decision in rules.decisions(profile):
        await publish(conn, decision, _facilities(decision))


def _facilities(decision: RightAssigned | RightRevoked) -> tuple[str, ...]:
    return decision.right.facility_ids if isinstance(decision, RightAssigned) else ()


async def grant(conn: AsyncConnection, terms: Grant) -> None:
    """Give a customer a right, or change its terms, at once at every facility it is for. Raises UnknownCustomer."""
    customer = await locked(conn, terms.customer_id)
    await store.put_grant(conn, terms)
    await republish(conn, customer)


async def withdraw(conn: AsyncConnection, customer_id: str, right_id: str, *, reason: str) -> None:
    """Take a granted right away, at once, from every facility that was told of it. Twice does no harm.

    Raises UnknownCustomer.
    """
    await locked(conn, customer_id)
    if await store.remove_grant(conn, right_id):
        await publish(conn, RightRevoked(right_id=right_id, reason=reason))


async def payment_method_attached(
    conn: AsyncConnection, *, gateway_customer_id: str, payment_method: SavedCard
) -> bool:
    """The gateway saved a card; from now on it is the one that is charged. The same card twice does no harm.

    False when no customer of ours has that gateway id: the gateway's account may serve others too.
    """
    customer_id = await store.customer_of_gateway(conn, gateway_customer_id)
    if customer_id is None:
        return False
    customer = await locked(conn, customer_id)
    card = PaymentMethod(payment_method.payment_method_id, payment_method.brand, payment_method.last4)
    cards = rules.with_card(await store.payment_methods_of(conn, customer_id), card)
    await store.replace_payment_methods(conn, customer_id, cards)
    await republish(conn, customer)
    return True


async def remove_payment_method(conn: AsyncConnection, customer: Customer, payment_method_id: str) -> bool:
    """Forget a card of a locked customer; with the last one the account right ends. False when there is no such card.

    The gateway still has the card, which can do no harm: nothing is charged but what is stored here.
    """
    cards = await store.payment_methods_of(conn, customer.customer_id)
    left = rules.without_card(cards, payment_method_id)
    if len(left) == len(cards):
        return False
    await store.replace_payment_methods(conn, customer.customer_id, left)
    await republish(conn, customer)
    return True
