"""Beginning to save a card, with Stripe's own library against the stand-in on a real socket."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.customers import store
from cloud.db import transaction
from cloud.gateway import Gateway
from tests.cloud.customers.serving import Caller, calling
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET, client, rules, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def stripe_base(tmp_path: Path) -> Iterator[str]:
    with running(rules(), tmp_path) as base:
        yield base


@pytest.fixture
async def call(engine: AsyncEngine, stripe_base: str) -> AsyncIterator[Caller]:
    gateway = Gateway(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    async with calling(engine, gateway) as caller:
        yield caller
    await gateway.aclose()


async def test_a_phone_gets_a_secret_that_saves_a_card_with_the_gateway(
    call: Caller, engine: AsyncEngine, stripe_base: str
) -> None:
    ada = await call.customer()
    given = await call("POST", f"/customers/{ada}/setup-intents", expect=201)
    phone = client(stripe_base, "pk_test_phone")
    done = phone.v1.setup_intents.confirm(
        given["setup_intent_id"], {"client_secret": given["client_secret"], "payment_method": "pm_card_visa"}
    )
    assert done.status == "succeeded"
    async with transaction(engine) as conn:
        customer = await store.customer(conn, ada)
    assert customer is not None
    known = client(stripe_base).v1.customers.retrieve(customer.gateway_customer_id or "")
    assert (known.name, known.email) == ("Ada Lovelace", "ada@example.com")


async def test_the_gateway_knows_a_customer_once_however_many_cards_are_begun(
    call: Caller, engine: AsyncEngine, stripe_base: str
) -> None:
    ada = await call.customer()
    secrets = [await call("POST", f"/customers/{ada}/setup-intents", expect=201) for _ in range(3)]
    assert len({s["setup_intent_id"] for s in secrets}) == 3
    assert len(client(stripe_base).v1.customers.list().data) == 1


async def test_a_repeat_with_the_same_key_gives_the_same_intent(call: Caller) -> None:
    ada = await call.customer()
    call.headers["Idempotency-Key"] = "tap-1"
    first, again = [await call("POST", f"/customers/{ada}/setup-intents", expect=201) for _ in range(2)]
    assert first == again


async def test_a_gateway_that_is_away_is_said_and_the_customer_is_as_before(engine: AsyncEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gateway = Gateway(API_KEY, WEBHOOK_SECRET, api_base=f"http://127.0.0.1:{port}")
    async with calling(engine, gateway) as call:
        ada = await call.customer()
        problem = await call("POST", f"/customers/{ada}/setup-intents", expect=503)
        assert problem["detail"] == "the card gateway cannot be reached; nothing was saved"
        async with transaction(engine) as conn:
            customer = await store.customer(conn, ada)
        assert customer is not None
        assert customer.gateway_customer_id is None
    await gateway.aclose()
