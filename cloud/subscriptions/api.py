"""Plans and subscriptions over HTTP.

A subscription lets its customer in at once at every facility of its plan. No money moves here: no price is charged for
a pass, none is renewed and none lapses for want of payment.
"""

import secrets
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from cloud.auth import STAFF, Caller, Role, require
from cloud.customers import accounts
from cloud.customers.inputs import NO_CONTROLS
from cloud.db import Connection
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from cloud.subscriptions import rules, store
from shared.ids import Id

router = APIRouter(prefix="/api/v1", tags=["subscriptions"])

Offerer = Annotated[Caller, Depends(require(Role.HQ, Role.FINANCE))]
Clerk = Annotated[Caller, Depends(require(Role.ATTENDANT, Role.MANAGER, Role.HQ))]
Anybody = Annotated[Caller, Depends(require(Role.CUSTOMER, *STAFF))]
SubscriptionId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]

AT_MS_MAX = 2**53
"""Beyond this, integers are not exact in every JSON reader."""


class PlanTerms(BaseModel):
    name: str = Field(min_length=1, max_length=200, pattern=NO_CONTROLS)
    covers_parking: bool = False
    covers_charging: bool = False
    facility_ids: tuple[Id, ...] = Field((), description="empty: every facility")
    on_sale: bool = True


class PlanView(PlanTerms):
    plan_id: str


class NewSubscription(BaseModel):
    customer_id: Id
    plan_id: Id
    from_ms: int | None = Field(None, ge=0, le=AT_MS_MAX, description="milliseconds UTC; nothing: from now")
    until_ms: int | None = Field(None, ge=0, le=AT_MS_MAX, description="milliseconds UTC; nothing: until cancelled")


class SubscriptionView(BaseModel):
    subscription_id: str
    right_id: str
    customer_id: str
    plan_id: str
    from_ms: int
    until_ms: int | None
    created_ms: int
    cancelled_ms: int | None


@router.put("/plans/{plan_id}")
async def offer(plan_id: Id, offered: PlanTerms, conn: Connection, _caller: Offerer) -> PlanView:
    """Offer a plan, or change it for those who subscribe from now on; what was sold keeps its terms."""
    plan = rules.Plan(plan_id=plan_id, **offered.model_dump())
    await store.put_plan(conn, plan)
    return _plan_view(plan)


@router.get("/plans")
async def offered(conn: Connection, _caller: Anybody) -> list[PlanView]:
    """Every plan, on sale or not."""
    return [_plan_view(plan) for plan in await store.all_plans(conn)]


@router.post("/subscriptions", status_code=201)
async def subscribe(new: NewSubscription, conn: Connection, now_ms: NowMs, _caller: Clerk) -> SubscriptionView:
    """Give a customer a pass; staff only, as long as no price is charged for one."""
    plan = await store.plan(conn, new.plan_id)
    if plan is None:
        raise not_found(f"plan {new.plan_id}")
    from_ms = now_ms if new.from_ms is None else new.from_ms
    refused = rules.refusal(plan, from_ms=from_ms, until_ms=new.until_ms, now_ms=now_ms)
    if refused:
        raise Problem(409, refused)
    made = rules.Subscription(
        subscription_id=secrets.token_hex(8),
        customer_id=new.customer_id,
        plan_id=new.plan_id,
        from_ms=from_ms,
        until_ms=new.until_ms,
        created_ms=now_ms,
    )
    await store.add(conn, made)
    try:
        await accounts.grant(conn, rules.terms(made, plan))
    except accounts.UnknownCustomer as error:
        raise not_found(f"customer {new.customer_id}") from error
    return _view(made)


@router.get("/subscriptions/{subscription_id}")
async def one(subscription_id: SubscriptionId, conn: Connection, caller: Anybody) -> SubscriptionView:
    """A subscription, by its customer or by staff."""
    found = await _known(conn, subscription_id)
    caller.must_be_customer(found.customer_id)
    return _view(found)


@router.get("/subscriptions")
async def held(customer_id: Id, conn: Connection, caller: Anybody) -> list[SubscriptionView]:
    """A customer's subscriptions, newest first."""
    caller.must_be_customer(customer_id)
    return [_view(each) for each in await store.subscriptions_of(conn, customer_id)]


@router.delete("/subscriptions/{subscription_id}", status_code=204)
async def cancel(subscription_id: SubscriptionId, conn: Connection, now_ms: NowMs, caller: Anybody) -> None:
    """End a subscription now, at every facility. A session that began under it goes on as it began. Twice is fine."""
    found = await _known(conn, subscription_id)
    caller.must_be_customer(found.customer_id)
    if await store.cancel(conn, subscription_id, now_ms):
        await accounts.withdraw(conn, found.customer_id, found.right_id, reason="subscription cancelled")


async def _known(conn: Connection, subscription_id: str) -> rules.Subscription:
    found = await store.subscription(conn, subscription_id)
    if found is None:
        raise not_found(f"subscription {subscription_id}")
    return found


def _plan_view(plan: rules.Plan) -> PlanView:
    return PlanView(**asdict(plan))


def _view(made: rules.Subscription) -> SubscriptionView:
    return SubscriptionView(**asdict(made), right_id=made.right_id)
