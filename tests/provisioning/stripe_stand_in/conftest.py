"""A running stand-in and Stripe's own library pointed at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from tests.provisioning.stripe_stand_in.running import HandClock, client, rules, running


@pytest.fixture
def lived_s() -> HandClock:
    return HandClock()


@pytest.fixture
def base(tmp_path: Path, lived_s: HandClock) -> Iterator[str]:
    with running(rules(), tmp_path, lived_s=lived_s) as address:
        yield address


@pytest.fixture
def api(base: str) -> stripe.StripeClient:
    return client(base)


@pytest.fixture
def customer(api: stripe.StripeClient) -> str:
    """A customer's id at Stripe."""
    return api.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id


@pytest.fixture
def visa(api: stripe.StripeClient, customer: str) -> str:
    """A good card saved with that customer."""
    return api.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
