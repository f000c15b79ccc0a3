"""The gateway: Stripe's outcomes in our words, by Stripe's own library over HTTP."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import stripe

from cloud.gateway import (
    BadSignature,
    Gateway,
    GatewayRefused,
    GatewayUnavailable,
    PaymentOrder,
    PaymentStatus,
    RefundOutcome,
    RefundStatus,
    payment_outcome,
)
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET, client, rules, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(rules(), tmp_path_factory.mktemp("stripe")) as address:
        yield address


@pytest.fixture
async def gateway(base: str) -> AsyncIterator[Gateway]:
    gateway = Gateway(API_KEY, WEBHOOK_SECRET, api_base=base)
    yield gateway
    await gateway.aclose()


@pytest.fixture
async def ada(gateway: Gateway) -> str:
    return await gateway.create_customer(f"ada-{secrets.token_hex(4)}", name="Ada", email="ada@example.com")


def saved(base: str, customer: str, card: str) -> str:
    return client(base).v1.payment_methods.attach(card, {"customer": customer}).id


def order(customer: str, card: str, payment_id: str | None = None, amount_cents: int = 1_240) -> PaymentOrder:
    return PaymentOrder(payment_id or f"payment-{secrets.token_hex(4)}", amount_cents, customer, card, "Parking")


async def test_a_customer_is_made_once_however_often_it_is_asked(gateway: Gateway) -> None:
    ids = {await gateway.create_customer("bob", name="Bob", email="bob@example.com") for _ in range(2)}
    assert len(ids) == 1


async def test_a_saved_card_pays_and_is_known_by_brand_and_last_four_only(
    gateway: Gateway, base: str, ada: str
) -> None:
    method = saved(base, ada, "pm_card_visa")
    card = await gateway.payment_method(method)
    assert (card.brand, card.last4, card.gateway_customer_id) == ("visa", "4242", ada)
    paid = await gateway.pay(order(ada, method))
    assert paid.status is PaymentStatus.SUCCEEDED
    assert (paid.gateway_payment_id or "").startswith("pi_")


@pytest.mark.parametrize(
    ("card", "status", "code"),
    [
        ("pm_card_chargeCustomerFail", PaymentStatus.DECLINED, "generic_decline"),
        ("pm_card_authenticationRequired", PaymentStatus.REQUIRES_ACTION, "authentication_required"),
    ],
)
async def test_a_decline_is_an_outcome_with_its_reason(
    gateway: Gateway, base: str, ada: str, card: str, status: PaymentStatus, code: str
) -> None:
    outcome = await gateway.pay(order(ada, saved(base, ada, card)))
    assert (outcome.status, outcome.code) == (status, code)
    assert outcome.message
    assert outcome.gateway_payment_id


async def test_the_same_payment_again_is_the_same_payment(gateway: Gateway, base: str, ada: str) -> None:
    same = order(ada, saved(base, ada, "pm_card_visa"))
    assert await gateway.pay(same) == await gateway.pay(same)
    assert len([p async for p in gateway.payments(since_ms=0, gateway_customer_id=ada)]) == 1


async def test_the_same_id_for_another_payment_is_refused(gateway: Gateway, base: str, ada: str) -> None:
    card = saved(base, ada, "pm_card_visa")
    await gateway.pay(order(ada, card, f"payment-of-{ada}"))
    with pytest.raises(GatewayRefused) as refused:
        await gateway.pay(order(ada, card, f"payment-of-{ada}", 999))
    assert refused.value.code == "idempotency_error"


async def test_a_payment_is_found_again_by_our_id(gateway: Gateway, base: str, ada: str) -> None:
    card = saved(base, ada, "pm_card_visa")
    made = order(ada, card)
    paid = await gateway.pay(made)
    for _ in range(3):
        await gateway.pay(order(ada, card))
    assert await gateway.find_payment(made.payment_id, gateway_customer_id=ada, since_ms=0) == paid
    assert await gateway.find_payment("payment-never-made", gateway_customer_id=ada, since_ms=0) is None
    later_ms = int(time.time() * 1000) + 60_000
    assert await gateway.find_payment(made.payment_id, gateway_customer_id=ada, since_ms=later_ms) is None


async def test_a_refund_gives_back_and_more_than_is_left_is_refused(gateway: Gateway, base: str, ada: str) -> None:
    paid = await gateway.pay(order(ada, saved(base, ada, "pm_card_visa")))
    intent = paid.gateway_payment_id or ""
    done = await gateway.refund(f"refund-{ada}-1", gateway_payment_id=intent, amount_cents=1_000)
    assert done.status is RefundStatus.SUCCEEDED
    assert await gateway.refund(f"refund-{ada}-1", gateway_payment_id=intent, amount_cents=1_000) == done
    with pytest.raises(GatewayRefused, match="greater than unrefunded amount"):
        await gateway.refund(f"refund-{ada}-2", gateway_payment_id=intent, amount_cents=241)


async def test_what_became_of_a_refund_is_found_by_our_id_or_by_stripes(gateway: Gateway, base: str, ada: str) -> None:
    paid = await gateway.pay(order(ada, saved(base, ada, "pm_card_visa")))
    intent = paid.gateway_payment_id or ""
    done = await gateway.refund(f"refund-{ada}-1", gateway_payment_id=intent, amount_cents=1_000)
    by_hand = client(base).v1.refunds.create({"payment_intent": intent, "amount": 40})
    find = partial(gateway.find_refund, gateway_payment_id=intent)
    assert await find(f"refund-{ada}-1", gateway_refund_id=None) == done
    found = await find("refund-of-nobody", gateway_refund_id=by_hand.id)
    assert found == RefundOutcome(RefundStatus.SUCCEEDED, by_hand.id, None, 40)
    assert await find("refund-of-nobody", gateway_refund_id=None) is None


async def test_a_card_that_is_not_there_is_refused(gateway: Gateway, ada: str) -> None:
    with pytest.raises(GatewayRefused) as refused:
        await gateway.pay(order(ada, "pm_gone"))
    assert refused.value.code == "resource_missing"


async def test_no_answer_and_a_wrong_key_are_trouble_that_may_pass(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.gateway.NETWORK_RETRIES_MAX", 0)
    for address, key in (("http://127.0.0.1:9", API_KEY), (base, "sk_test_wrong")):
        gateway = Gateway(key, WEBHOOK_SECRET, api_base=address)
        with pytest.raises(GatewayUnavailable):
            await gateway.payment_method("pm_1")
        await gateway.aclose()


async def test_only_what_stripe_signed_is_read(gateway: Gateway) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "charge.refunded", "created": 7, "data": {"object": {}}}'
    signed = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)
    event = gateway.read_webhook(body.encode(), signed)
    assert (event.event_id, event.type, event.created_ms, event.body) == (
        "evt_1",
        "charge.refunded",
        7_000,
        {},
    )
    old = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, timestamp=int(time.time()) - 600)
    foreign = stripe.WebhookSignature.generate_signature_header(body, "whsec_other")
    for signature, sent in ((signed, body + " "), (old, body), (foreign, body), ("", body), ("nonsense", body)):
        with pytest.raises(BadSignature):
            gateway.read_webhook(sent.encode(), signature)


async def test_a_status_that_we_never_use_is_not_guessed_at() -> None:
    with pytest.raises(GatewayRefused, match="is requires_capture"):
        payment_outcome({"id": "pi_1", "status": "requires_capture"})
