"""The pay machine over real HTTP."""

from pathlib import Path

import pytest

from hardware.simulator.world.pay_machine import Paid, PayMachine
from tests.hardware.simulator.world.box import till

pytestmark = pytest.mark.anyio


@pytest.fixture
def token(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("machine-token\n")
    return tmp_path / "token"


async def test_what_is_due_is_quoted_and_paid_by_card(token: Path) -> None:
    with till(ABC00001=450) as api:
        async with PayMachine(f"http://127.0.0.1:{api.port}", token) as machine:
            assert await machine.pay("ABC00001", "v1") is Paid.PAID
    quote, payment = api.asked
    assert quote == ("/api/v1/quotes", "Bearer machine-token", {"plate": "ABC00001"})
    assert payment[2] == {
        "session_id": "s-ABC00001",
        "amount_cents": 450,
        "method": "CARD",
        "reference": "v1-99",
        "priced_until_ms": 99,
    }


async def test_nothing_due_is_not_paid(token: Path) -> None:
    with till(ABC00001=0) as api:
        async with PayMachine(f"http://127.0.0.1:{api.port}", token) as machine:
            assert await machine.pay("ABC00001", "v1") is Paid.NOTHING_DUE
    assert len(api.asked) == 1


async def test_a_car_that_the_facility_does_not_know_is_refused(token: Path) -> None:
    with till() as api:
        async with PayMachine(f"http://127.0.0.1:{api.port}", token) as machine:
            assert await machine.pay("ABC00001", "v1") is Paid.REFUSED


async def test_a_facility_that_fails_or_is_away_is_out_of_order(token: Path) -> None:
    with till(ABC00001=450) as api:
        api.broken = True
        async with PayMachine(f"http://127.0.0.1:{api.port}", token) as machine:
            assert await machine.pay("ABC00001", "v1") is Paid.OUT_OF_ORDER
    async with PayMachine("http://127.0.0.1:1", token) as machine:
        assert await machine.pay("ABC00001", "v1") is Paid.OUT_OF_ORDER


async def test_without_its_token_the_machine_is_out_of_order(tmp_path: Path) -> None:
    async with PayMachine("http://127.0.0.1:1", tmp_path / "not-yet") as machine:
        assert await machine.pay("ABC00001", "v1") is Paid.OUT_OF_ORDER
