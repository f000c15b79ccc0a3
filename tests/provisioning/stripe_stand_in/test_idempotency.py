"""Idempotency keys: the same request twice happens once, and says so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import stripe

from tests.provisioning.stripe_stand_in.running import API_KEY, client, rules, running
from tests.provisioning.stripe_stand_in.test_payments import USD_20

DAY_S = 24 * 3_600


def order(customer: str, method: str, amount: int = 2_000) -> dict[str, object]:
    return {
        **USD_20,
        "amount": amount,
        "customer": customer,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
    }


def test_the_same_key_and_request_replays_the_first_answer(api, customer, visa):
    first = api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"})
    again = api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"})
    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert again.last_response.headers["original-request"] == first.last_response.headers["request-id"]
    assert "idempotent-replayed" not in first.last_response.headers
    assert len(api.v1.payment_intents.list().data) == 1


def test_a_decline_is_replayed_too(api, customer):
    saved = api.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            api.v1.payment_intents.create(order(customer, saved.id), {"idempotency_key": "k"})
    assert len(api.v1.charges.list().data) == 1


def test_the_same_key_for_something_else_is_an_error(api, customer, visa):
    api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError) as refused:
        api.v1.payment_intents.create(order(customer, visa, 3_000), {"idempotency_key": "k"})
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        api.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"})


def test_a_request_that_was_refused_before_it_began_leaves_its_key_free(api, customer, visa):
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.create(order(customer, "pm_none"), {"idempotency_key": "k"})
    assert api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"}).status == "succeeded"


def test_a_key_is_forgotten_after_a_lived_day(api, customer, visa, lived_s):
    first = api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"})
    lived_s.real_s += DAY_S - 60
    assert api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"}).id == first.id
    lived_s.real_s += 120
    assert api.v1.payment_intents.create(order(customer, visa), {"idempotency_key": "k"}).id != first.id


def test_the_same_key_at_the_same_time_is_a_conflict_and_happens_once(tmp_path: Path):
    with running(rules(latency_real_s=0.3), tmp_path) as base:

        def post(_: int) -> int:
            headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "k"}
            return httpx.post(f"{base}/v1/customers", data={"name": "Ada"}, headers=headers).status_code

        with ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(post, range(4)))
        assert statuses == [200, 409, 409, 409]
        assert len(client(base).v1.customers.list().data) == 1


def test_keys_and_objects_survive_a_restart(tmp_path: Path):
    with running(rules(), tmp_path) as base:
        first = client(base).v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    with running(rules(), tmp_path) as base:
        again = client(base).v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
        assert again.id == first.id
        assert client(base).v1.customers.retrieve(first.id).name == "Ada"
