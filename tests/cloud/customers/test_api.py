"""Customers over HTTP on a real database: what facilities are told follows every change."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.customers import accounts, store
from cloud.customers.rules import PaymentMethod
from cloud.db import transaction
from shared.decisions import PlateBlocked, PlateUnblocked, RightAssigned, RightRevoked
from shared.facilities import ConnectorType
from shared.rights import RightKind, Vehicle
from tests.cloud.customers.serving import NOW_MS, Caller, calling, decided, save_card

pytestmark = pytest.mark.anyio


@pytest.fixture
async def call(engine: AsyncEngine) -> AsyncIterator[Caller]:
    async with calling(engine) as caller:
        yield caller


async def only_right(engine: AsyncEngine) -> RightAssigned | RightRevoked:
    (decision,) = await decided(engine)
    assert isinstance(decision, RightAssigned | RightRevoked)
    return decision


async def test_a_registered_customer_is_read_back_with_everything_theirs(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "4ab-12 c", "is_ev": True}, expect=201)
    await call("POST", f"/customers/{ada}/tokens", {"token": "04a1b2c3"}, expect=201)
    await save_card(engine, ada)
    assert await call("GET", f"/customers/{ada}", expect=200) == {
        "customer_id": ada,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "vehicles": [{"plate": "4AB12C", "is_ev": True, "size": "STANDARD", "connector": None}],
        "tokens": ["04A1B2C3"],
        "payment_methods": [{"payment_method_id": "pm_1", "brand": "visa", "last4": "4242", "is_default": True}],
    }


async def test_an_email_address_is_registered_once_whatever_its_case(call: Caller) -> None:
    await call.customer("ada@example.com")
    problem = await call("POST", "/customers", {"name": "Ada", "email": "ADA@example.com"}, expect=409)
    assert "registered already" in problem["detail"]


async def test_a_customer_registers_themselves_under_their_own_id(call: Caller) -> None:
    ada = call.acting(Role.CUSTOMER, "ada-1815")
    assert await ada.customer() == "ada-1815"
    await ada("GET", "/customers/ada-1815", expect=200)
    nobody = call.acting(Role.CUSTOMER, "auth0|Ada")
    await nobody("POST", "/customers", {"name": "Ada", "email": "a@example.com"}, expect=422)


async def test_staff_page_through_customers(call: Caller) -> None:
    made = sorted([await call.customer(f"c{n}@example.com") for n in range(5)])
    first = await call("GET", "/customers?limit=3", expect=200)
    rest = await call("GET", f"/customers?limit=3&after={first[-1]['customer_id']}", expect=200)
    assert [c["customer_id"] for c in first + rest] == made


# The account right.


async def test_a_vehicle_and_a_card_in_either_order_let_a_customer_in(call: Caller, engine: AsyncEngine) -> None:
    ada, bob = await call.customer("ada@example.com"), await call.customer("bob@example.com")
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    await save_card(engine, bob, "pm_bob")
    assert await decided(engine) == []
    await save_card(engine, ada, "pm_ada")
    await call("POST", f"/customers/{bob}/vehicles", {"plate": "BOB1"}, expect=201)
    rights = [d.right for d in await decided(engine) if isinstance(d, RightAssigned)]
    assert [(r.right_id, r.kind, r.vehicles) for r in rights] == [
        (f"acct-{ada}", RightKind.ACCOUNT, (Vehicle(plate="ADA1"),)),
        (f"acct-{bob}", RightKind.ACCOUNT, (Vehicle(plate="BOB1"),)),
    ]


async def test_every_change_of_vehicles_and_tokens_is_told(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await save_card(engine, ada)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "OLD1"}, expect=201)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "NEW1", "is_ev": True}, expect=201)
    await call("POST", f"/customers/{ada}/tokens", {"token": "tag-1"}, expect=201)
    await call("DELETE", f"/customers/{ada}/vehicles/old-1", expect=204)
    told = await only_right(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.vehicles == (Vehicle(plate="NEW1", is_ev=True),)
    assert told.right.tokens == ("TAG-1",)
    await call("DELETE", f"/customers/{ada}/tokens/Tag-1", expect=204)
    told = await only_right(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.tokens == ()


async def test_what_is_known_of_a_vehicle_can_be_corrected(call: Caller) -> None:
    ada = await call.customer()
    for is_ev in (False, True):
        await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1", "is_ev": is_ev}, expect=201)
    assert (await call("GET", f"/customers/{ada}", expect=200))["vehicles"][0]["is_ev"] is True


@pytest.mark.parametrize("last", ["vehicles/ADA1", "payment-methods/pm_1"])
async def test_when_the_last_card_or_vehicle_goes_the_account_ends(
    call: Caller, engine: AsyncEngine, last: str
) -> None:
    ada = await call.customer()
    await save_card(engine, ada)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    await call("DELETE", f"/customers/{ada}/{last}", expect=204)
    told = await only_right(engine)
    assert isinstance(told, RightRevoked)
    assert told.right_id == f"acct-{ada}"
    await call("DELETE", f"/customers/{ada}/{last}", expect=404)


async def test_a_vehicle_s_inlet_reaches_the_chargers_with_the_right(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await save_card(engine, ada)
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1", "is_ev": True, "connector": "CCS"}, expect=201)
    told = await only_right(engine)
    assert isinstance(told, RightAssigned)
    assert told.right.vehicles == (Vehicle(plate="ADA1", is_ev=True, connector=ConnectorType.CCS),)


async def test_a_second_card_keeps_the_account_when_the_first_goes(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await save_card(engine, ada, "pm_1")
    await save_card(engine, ada, "pm_2")
    await call("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    await call("DELETE", f"/customers/{ada}/payment-methods/pm_2", expect=204)
    assert isinstance(await only_right(engine), RightAssigned)
    async with transaction(engine) as conn:
        assert await store.payment_method_of(conn, ada) == PaymentMethod("pm_1", "visa", "4242", is_default=True)


async def test_the_same_card_told_twice_is_one_card(call: Caller, engine: AsyncEngine) -> None:
    ada = await call.customer()
    await save_card(engine, ada)
    await save_card(engine, ada)
    assert len((await call("GET", f"/customers/{ada}", expect=200))["payment_methods"]) == 1


async def test_a_card_of_somebody_elses_gateway_customer_is_not_ours(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        card = PaymentMethod("pm_9", "visa", "4242")
        assert not await accounts.payment_method_attached(conn, gateway_customer_id="cus_x", payment_method=card)


# What belongs to somebody else.


@pytest.mark.parametrize(("what", "body"), [("vehicles", {"plate": "ADA1"}), ("tokens", {"token": "TAG1"})])
async def test_a_plate_or_token_of_another_customer_is_refused(call: Caller, what: str, body: dict[str, str]) -> None:
    ada, bob = await call.customer("ada@example.com"), await call.customer("bob@example.com")
    await call("POST", f"/customers/{ada}/{what}", body, expect=201)
    problem = await call("POST", f"/customers/{bob}/{what}", body, expect=409)
    assert "another customer's" in problem["detail"]
    await call("DELETE", f"/customers/{bob}/{what}/{next(iter(body.values()))}", expect=404)
    assert len((await call("GET", f"/customers/{ada}", expect=200))[what]) == 1


async def test_a_customer_reaches_only_what_is_theirs(call: Caller) -> None:
    ada = await call.customer()
    bob = call.acting(Role.CUSTOMER, "bob")
    await bob("GET", f"/customers/{ada}", expect=403)
    await bob("POST", f"/customers/{ada}/vehicles", {"plate": "B0B"}, expect=403)
    await bob("DELETE", f"/customers/{ada}/vehicles/B0B", expect=403)
    await bob("DELETE", f"/customers/{ada}/payment-methods/pm_1", expect=403)
    await bob("POST", f"/customers/{ada}/setup-intents", expect=403)
    await bob("GET", "/customers", expect=403)
    await bob("PUT", "/blocks/ADA1", {"reason": "envy"}, expect=403)
    mine = call.acting(Role.CUSTOMER, ada)
    await mine("POST", f"/customers/{ada}/vehicles", {"plate": "ADA1"}, expect=201)
    await mine("POST", f"/customers/{ada}/tokens", {"token": "FOUND-IN-THE-STREET"}, expect=403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/vehicles", {"plate": "X1"}),
        ("POST", "/tokens", {"token": "X1"}),
        ("DELETE", "/vehicles/X1", None),
        ("POST", "/setup-intents", None),
    ],
)
async def test_a_customer_who_does_not_exist_is_not_found(
    call: Caller, method: str, path: str, body: dict[str, str] | None
) -> None:
    problem = await call(method, f"/customers/nobody{path}", body, expect=404)
    assert problem["detail"] == "there is no customer nobody"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/customers", {"name": "", "email": "a@b"}),
        ("/customers", {"name": "A\nBcc: all", "email": "a@b"}),
        ("/customers", {"name": "A", "email": "no address"}),
        ("/customers", {"name": "A", "email": "a@b\r\nBcc: c@d"}),
        ("/customers/ada/vehicles", {"plate": "?!"}),
        ("/customers/ada/vehicles", {"plate": "ADA1", "size": "HUGE"}),
        ("/customers/ada/tokens", {"token": "x" * 37}),
        ("/customers/ada/tokens", {"token": "a\x00b"}),
        ("/customers/a%00b/tokens", {"token": "ab"}),
        ("/customers/Ada/vehicles", {"plate": "ADA1"}),
    ],
)
async def test_input_that_does_not_fit_is_refused(call: Caller, path: str, body: dict[str, str]) -> None:
    await call("POST", path, body, expect=422)


# Blocked plates.


async def test_a_blocked_plate_is_told_to_every_facility_and_so_is_the_end_of_it(
    call: Caller, engine: AsyncEngine
) -> None:
    await call("PUT", "/blocks/4ab-12c", {"reason": "damage to arm 2"}, expect=200)
    assert await decided(engine) == [PlateBlocked(plate="4AB12C", reason="damage to arm 2")]
    assert await call("GET", "/blocks", expect=200) == [
        {"plate": "4AB12C", "reason": "damage to arm 2", "blocked_by": "office", "blocked_ms": NOW_MS}
    ]
    await call("DELETE", "/blocks/4AB12C", expect=204)
    assert await decided(engine) == [PlateUnblocked(plate="4AB12C")]
    assert await call("GET", "/blocks", expect=200) == []
    await call("DELETE", "/blocks/4AB12C", expect=404)


async def test_the_reason_of_a_block_can_be_said_anew(call: Caller, engine: AsyncEngine) -> None:
    for reason in ("first", "second"):
        await call("PUT", "/blocks/4AB12C", {"reason": reason}, expect=200)
    assert await decided(engine) == [PlateBlocked(plate="4AB12C", reason="second")]


async def test_decisions_go_to_every_facility(call: Caller, engine: AsyncEngine) -> None:
    await call("PUT", "/blocks/4AB12C", {"reason": "damage"}, expect=200)
    async with transaction(engine) as conn:
        assert (await conn.execute(text("SELECT facility_ids FROM link.decisions"))).scalar_one() == []
