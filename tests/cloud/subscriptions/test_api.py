"""Passes over HTTP on a real database: facilities know them at once, for the customer's cars of the day."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.customers import accounts
from cloud.db import transaction
from shared.decisions import RightAssigned, RightRevoked
from shared.rights import RightKind, Vehicle
from tests.cloud.customers.serving import NOW_MS, Caller, calling, decided, save_card

pytestmark = pytest.mark.anyio

PARKING = {"name": "Monthly parking", "covers_parking": True}


@pytest.fixture
async def call(engine: AsyncEngine) -> AsyncIterator[Caller]:
    async with calling(engine) as caller:
        await caller("PUT", "/plans/monthly", PARKING, expect=200)
        yield caller


async def subscribed(call: Caller, customer_id: str, **fields: object) -> dict[str, object]:
    body = {"customer_id": customer_id, "plan_id": "monthly", **fields}
    return await call("POST", "/subscriptions", body, expect=201)


async def newest_pass(engine: AsyncEngine) -> RightAssigned | RightRevoked:
    told = [d for d in await decided(engine) if d.key.startswith("right/sub-")]
    assert len(told) == 1
    assert isinstance(told[0], RightAssigned | RightRevoked)
    return told[0]


async def test_a_pass_is_good_from_now_until_cancelled_for_the_cars_and_tokens_of_its_customer(
    call: Caller, engine: AsyncEngine
) -> None:
    ada = await call.customer()
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    await call("POST", f"/customers/{ada}/tokens", {"token": "tag"}, expect=201)
    made = await subscribed(call, ada)
    told = await newest_pass(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.right_id == made["right_id"] == f"sub-{made['subscription_id']}"
    assert told.right.kind is RightKind.SUBSCRIPTION
    assert (told.right.vehicles, told.right.tokens) == ((Vehicle(plate="ADA1"),), ("TAG",))
    assert (told.right.from_ms, told.right.until_ms) == (NOW_MS, None)
    assert (told.right.covers_parking, told.right.covers_charging) == (True, False)


async def test_a_new_car_is_let_in_under_an_old_pass(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await subscribed(call, ada)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "NEW1"}, expect=201)
    told = await newest_pass(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.vehicles == (Vehicle(plate="NEW1"),)


async def test_a_cancelled_pass_is_revoked_at_once_and_no_later_change_brings_it_back(
    call: Caller, engine: AsyncEngine
) -> None:
    ada = await call.customer()
    made = await subscribed(call, ada)
    for _ in range(2):
        await call("DELETE", f"/subscriptions/{made['subscription_id']}", expect=204)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "NEW1"}, expect=201)
    await save_card(engine, ada)
    assert isinstance(await newest_pass(engine), RightRevoked)
    assert (await call("GET", f"/subscriptions/{made['subscription_id']}", expect=200))["cancelled_ms"] == NOW_MS


async def test_whatever_happens_at_the_same_time_facilities_end_with_what_the_tables_say(
    call: Caller, engine: AsyncEngine
) -> None:
    ada = await call.customer()
    made = await subscribed(call, ada)
    await asyncio.gather(
        *(call("POST", f"/customers/{ada}/vehicles", {"plate": f"ADA{n}"}, expect=201) for n in range(6)),
        call("DELETE", f"/subscriptions/{made['subscription_id']}", expect=204),
        save_card(engine, ada),
    )
    assert isinstance(await newest_pass(engine), RightRevoked)
    (account,) = [d for d in await decided(engine) if d.key == f"right/acct-{ada}"]
    assert isinstance(account, RightAssigned)
    assert [v.plate for v in account.right.vehicles] == [f"ADA{n}" for n in range(6)]


async def test_a_pass_is_not_revoked_under_somebody_who_is_telling_the_customers_rights(
    call: Caller, engine: AsyncEngine
) -> None:
    """Else the one who read the pass before it was cancelled would tell it after, and bring it back."""
    ada = await call.customer()
    made = await subscribed(call, ada)
    async with transaction(engine) as conn:
        customer = await accounts.locked(conn, ada)
        cancelling = asyncio.create_task(call("DELETE", f"/subscriptions/{made['subscription_id']}", expect=204))
        await asyncio.sleep(0.2)
        assert not cancelling.done()
        await accounts.republish(conn, customer)
    await cancelling
    assert isinstance(await newest_pass(engine), RightRevoked)


async def test_a_pass_for_some_facilities_is_told_to_those(call: Caller, engine: AsyncEngine) -> None:
    await call("PUT", "/plans/monthly", {**PARKING, "facility_ids": ["boston"]}, expect=200)
    await subscribed(call, await call.customer())
    async with transaction(engine) as conn:
        assert (await conn.execute(text("SELECT facility_ids FROM link.decisions"))).scalar_one() == ["boston"]


async def test_a_plan_changed_later_leaves_what_was_sold_as_it_was(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await subscribed(call, ada)
    await call("PUT", "/plans/monthly", {"name": "Nothing", "on_sale": False}, expect=200)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    told = await newest_pass(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.covers_parking


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"plan_id": "unknown"}, 404),
        ({"customer_id": "nobody"}, 404),
        ({"from_ms": NOW_MS, "until_ms": NOW_MS}, 409),
        ({"until_ms": 2**60}, 422),
        ({"from_ms": -1}, 422),
    ],
)
async def test_a_pass_that_cannot_be_is_refused_and_leaves_nothing(
    call: Caller, engine: AsyncEngine, changes: dict[str, object], status: int
) -> None:
    ada = await call.customer()
    body = {"customer_id": ada, "plan_id": "monthly", **changes}
    await call("POST", "/subscriptions", body, expect=status)
    async with transaction(engine) as conn:
        assert (await conn.execute(text("SELECT count(*) FROM subscriptions.subscriptions"))).scalar_one() == 0
    assert await decided(engine) == []


async def test_a_plan_off_sale_is_not_sold(call: Caller) -> None:
    await call("PUT", "/plans/monthly", {**PARKING, "on_sale": False}, expect=200)
    body = {"customer_id": await call.customer(), "plan_id": "monthly"}
    assert (await call("POST", "/subscriptions", body, expect=409))["detail"] == "plan monthly is not on sale"


async def test_a_customer_sees_and_cancels_their_own_passes_only(call: Caller) -> None:
    ada = await call.customer()
    made = await subscribed(call, ada)
    path = f"/subscriptions/{made['subscription_id']}"
    bob, owner = call.acting(Role.CUSTOMER, "bob"), call.acting(Role.CUSTOMER, ada)
    await bob("GET", path, expect=403)
    await bob("DELETE", path, expect=403)
    await bob("GET", f"/subscriptions?customer_id={ada}", expect=403)
    await owner("POST", "/subscriptions", {"customer_id": ada, "plan_id": "monthly"}, expect=403)
    await owner("PUT", "/plans/free", PARKING, expect=403)
    assert [s["plan_id"] for s in await owner("GET", f"/subscriptions?customer_id={ada}", expect=200)] == ["monthly"]
    await owner("DELETE", path, expect=204)


async def test_plans_are_listed_for_everybody_with_a_token(call: Caller) -> None:
    listed = await call.acting(Role.CUSTOMER, "ada")("GET", "/plans", expect=200)
    assert listed == [{**PARKING, "plan_id": "monthly", "covers_charging": False, "facility_ids": [], "on_sale": True}]


@pytest.mark.parametrize("path", ["/subscriptions/0123456789abcdef", "/subscriptions/fedcba9876543210"])
async def test_a_pass_that_does_not_exist_is_not_found(call: Caller, path: str) -> None:
    await call("GET", path, expect=404)
    await call("DELETE", path, expect=404)
