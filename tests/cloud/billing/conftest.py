"""Stripe's stand-in on a socket, the gateway that speaks to it, and a site that sends its log."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing.payments import Cashier
from cloud.billing.refunding import Refunder
from cloud.gateway import Gateway
from shared.clock import Clock, Timeline
from tests.cloud.billing.stays import Site, add_customer, open_site
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET, rules, running


@pytest.fixture(scope="session")
def stripe_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(rules(), tmp_path_factory.mktemp("stripe")) as base:
        yield base


@pytest.fixture
async def gateway(stripe_base: str) -> AsyncIterator[Gateway]:
    gateway = Gateway(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    yield gateway
    await gateway.aclose()


@pytest.fixture
async def site(engine: AsyncEngine) -> Site:
    return await open_site(engine)


@pytest.fixture
def clock() -> Clock:
    return Clock(Timeline(), time.time)


@pytest.fixture
def cashier(engine: AsyncEngine, gateway: Gateway, clock: Clock) -> Cashier:
    return Cashier(engine, gateway, clock)


@pytest.fixture
def refunder(engine: AsyncEngine, gateway: Gateway, clock: Clock) -> Refunder:
    return Refunder(engine, gateway, clock)


@pytest.fixture
async def payer(engine: AsyncEngine, gateway: Gateway) -> str:
    """A customer with a good card."""
    return await add_customer(engine, gateway)
