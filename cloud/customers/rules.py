"""Which rights a customer has, by what is known of them; which card is charged. Plain values in and out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.decisions import RightAssigned, RightRevoked
from shared.rights import Right, RightKind, Vehicle

NO_LONGER = "no payment method or no vehicle"


@dataclass(frozen=True, slots=True)
class Customer:
    customer_id: str
    name: str
    email: str
    gateway_customer_id: str | None
    account_assigned: bool


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    payment_method_id: str
    brand: str
    last4: str
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The terms of a right, without the vehicles and tokens it is for."""

    right_id: str
    customer_id: str
    kind: RightKind
    from_ms: int
    until_ms: int | None
    facility_ids: tuple[str, ...] = ()
    covers_parking: bool = False
    covers_charging: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    plate: str
    reason: str
    blocked_by: str
    blocked_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What rights are made from. ``account_assigned``: facilities were told of the account before."""

    customer_id: str
    vehicles: tuple[Vehicle, ...] = ()
    tokens: tuple[str, ...] = ()
    has_payment_method: bool = False
    account_assigned: bool = False
    grants: tuple[Grant, ...] = ()


def account_id(customer_id: str) -> str:
    """The id of a customer's account right."""
    return f"acct-{customer_id}"


def account(profile: Profile) -> Right | None:
    """The right to come and pay later: with a card and a vehicle, everywhere, until revoked. It covers nothing."""
    if not (profile.vehicles and profile.has_payment_method):
        return None
    return Right(
        right_id=account_id(profile.customer_id),
        kind=RightKind.ACCOUNT,
        customer_id=profile.customer_id,
        vehicles=profile.vehicles,
        tokens=profile.tokens,
    )


def granted(profile: Profile, grant: Grant) -> Right:
    """A right that was given to the customer, for the vehicles and tokens they have now."""
    return Right(
        right_id=grant.right_id,
        kind=grant.kind,
        customer_id=grant.customer_id,
        vehicles=profile.vehicles,
        tokens=profile.tokens,
        facility_ids=grant.facility_ids,
        from_ms=grant.from_ms,
        until_ms=grant.until_ms,
        covers_parking=grant.covers_parking,
        covers_charging=grant.covers_charging,
    )


def decisions(profile: Profile) -> tuple[RightAssigned | RightRevoked, ...]:
    """What to tell the facilities after a change. An account nobody was told of is not revoked."""
    assigned = tuple(RightAssigned(right=granted(profile, grant)) for grant in profile.grants)
    right = account(profile)
    if right is not None:
        return (RightAssigned(right=right), *assigned)
    if profile.account_assigned:
        return (RightRevoked(right_id=account_id(profile.customer_id), reason=NO_LONGER), *assigned)
    return assigned


def with_card(methods: Sequence[PaymentMethod], new: PaymentMethod) -> tuple[PaymentMethod, ...]:
    """A card saved last is the one that is charged. Saving one again changes only that."""
    others = (m for m in methods if m.payment_method_id != new.payment_method_id)
    return (replace(new, is_default=True), *(replace(m, is_default=False) for m in others))


def without_card(methods: Sequence[PaymentMethod], payment_method_id: str) -> tuple[PaymentMethod, ...]:
    """When the card that is charged goes, the next of those left takes its place."""
    left = tuple(m for m in methods if m.payment_method_id != payment_method_id)
    if not left or any(m.is_default for m in left):
        return left
    return (replace(left[0], is_default=True), *left[1:])
