"""What a plan gives and when a subscription may begin and end. Plain values in and out."""

from dataclasses import dataclass

from cloud.customers.rules import Grant
from shared.rights import RightKind


@dataclass(frozen=True, slots=True)
class Plan:
    """What is on offer. ``facility_ids`` empty: every facility. A withdrawn plan is sold no more; what was sold
    holds."""

    plan_id: str
    name: str
    covers_parking: bool
    covers_charging: bool
    facility_ids: tuple[str, ...] = ()
    on_sale: bool = True


@dataclass(frozen=True, slots=True)
class Subscription:
    """``until_ms`` None: until cancelled. ``cancelled_ms`` None: not cancelled."""

    subscription_id: str
    customer_id: str
    plan_id: str
    from_ms: int
    until_ms: int | None
    created_ms: int
    cancelled_ms: int | None = None

    @property
    def right_id(self) -> str:
        """The id of the right that facilities know."""
        return f"sub-{self.subscription_id}"


def refusal(plan: Plan, *, from_ms: int, until_ms: int | None, now_ms: int) -> str | None:
    """Why this may not be subscribed to, or None when it may."""
    if not plan.on_sale:
        return f"plan {plan.plan_id} is not on sale"
    if until_ms is not None and until_ms <= from_ms:
        return "a subscription must end after it begins"
    if until_ms is not None and until_ms <= now_ms:
        return "a subscription must not be over already"
    return None


def terms(subscription: Subscription, plan: Plan) -> Grant:
    """The right that a subscription gives, as the plan was when it was sold."""
    return Grant(
        right_id=subscription.right_id,
        customer_id=subscription.customer_id,
        kind=RightKind.SUBSCRIPTION,
        from_ms=subscription.from_ms,
        until_ms=subscription.until_ms,
        facility_ids=plan.facility_ids,
        covers_parking=plan.covers_parking,
        covers_charging=plan.covers_charging,
    )
