"""Money goes back to the card it came from, never more than came, and the books follow."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import payments, queries, refunding, webhooks
from cloud.billing.payments import Cashier
from cloud.billing.records import Refund
from cloud.billing.refunding import NothingToRefund, Refunder, RefundRequest, request_refund
from cloud.billing.rules import RefundStatus
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayEvent, GatewayUnavailable, PaymentOutcome, PaymentStatus, RefundOutcome
from cloud.gateway import RefundStatus as GatewayStatus
from shared.clock import Clock
from tests.cloud.billing.stays import Site, balances, jobs_of, transfers_out_of_balance
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paid(engine: AsyncEngine, site: Site, cashier: Cashier, payer: str) -> str:
    """A charge of $3 paid by card."""
    charge_id = await site.stay(payer)
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    return charge_id


async def ask(engine: AsyncEngine, charge_id: str, amount_cents: int | None) -> Refund:
    async with transaction(engine) as conn:
        return await request_refund(conn, RefundRequest(charge_id, amount_cents, "barrier stuck", "kim"), now_ms=1)


async def refund_of(engine: AsyncEngine, refund_id: str) -> Refund:
    async with transaction(engine) as conn:
        found = await queries.refund(conn, refund_id)
    assert found is not None
    return found


async def test_a_refund_is_asked_for_done_by_a_job_and_booked(
    engine: AsyncEngine, refunder: Refunder, paid: str
) -> None:
    asked = await ask(engine, paid, 100)
    assert (asked.status, asked.requested_by) == (RefundStatus.PENDING, "kim")
    assert (await jobs_of(engine))[-1] == ("give_refund", {"refund_id": asked.refund_id})
    await refunder.give_refund(refund_id=asked.refund_id)
    assert (await refund_of(engine, asked.refund_id)).status is RefundStatus.SUCCEEDED
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}


async def test_run_again_or_at_once_it_gives_back_once(engine: AsyncEngine, refunder: Refunder, paid: str) -> None:
    asked = await ask(engine, paid, 100)
    await asyncio.gather(*(refunder.give_refund(refund_id=asked.refund_id) for _ in range(4)))
    await refunder.give_refund(refund_id=asked.refund_id)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}
        assert await transfers_out_of_balance(conn) == 0


async def test_all_together_never_exceed_what_was_paid_by_card(
    engine: AsyncEngine, refunder: Refunder, paid: str
) -> None:
    await ask(engine, paid, 250)
    with pytest.raises(NothingToRefund, match="50 cents are left"):
        await ask(engine, paid, 51)
    rest = await ask(engine, paid, None)
    assert rest.amount_cents == 50
    await refunder.give_refund(refund_id=rest.refund_id)
    with pytest.raises(NothingToRefund, match="0 cents are left"):
        await ask(engine, paid, None)


async def test_money_taken_on_site_is_not_given_back_by_card(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter(None)
    site.pay(session_id, 300)
    site.leave(session_id, 300)
    await site.sync()
    with pytest.raises(NothingToRefund):
        await ask(engine, f"charge-{session_id}", 100)


async def test_a_refund_that_fails_later_is_reversed(engine: AsyncEngine, refunder: Refunder, paid: str) -> None:
    asked = await ask(engine, paid, 100)
    await refunder.give_refund(refund_id=asked.refund_id)
    done = await refund_of(engine, asked.refund_id)
    failed = RefundOutcome(GatewayStatus.FAILED, done.gateway_refund_id or "", "expired_or_canceled_card")
    for _ in range(2):
        async with transaction(engine) as conn:
            await refunding.record(conn, asked.refund_id, failed, now_ms=2)
    assert (await refund_of(engine, asked.refund_id)).code == "expired_or_canceled_card"
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
        assert await transfers_out_of_balance(conn) == 0


async def told(engine: AsyncEngine, event_id: str, type_: str, created_ms: int, body: dict[str, Any]) -> None:
    async with transaction(engine) as conn:
        await webhooks.receive(conn, GatewayEvent(event_id, type_, created_ms, body), None, now_ms=5)


async def intent_of(engine: AsyncEngine, charge_id: str) -> str:
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    return payment.gateway_payment_id or ""


def refund_at_gateway(
    intent: str, status: str, amount_cents: int = 100, refund_id: str | None = None
) -> dict[str, Any]:
    """A refund as Stripe writes it; without ``refund_id`` it was made in Stripe's own pages."""
    metadata = {} if refund_id is None else {"refund_id": refund_id}
    return {"id": "re_1", "status": status, "amount": amount_cents, "payment_intent": intent, "metadata": metadata}


class SlowBank(Gateway):
    """It answers every refund with PENDING, and says ``knows`` when it is asked what became of it."""

    knows: RefundOutcome | None = None
    asked: int = 0

    async def refund(self, refund_id: str, *, gateway_payment_id: str, amount_cents: int) -> RefundOutcome:
        self.asked += 1
        self.knows = RefundOutcome(GatewayStatus.PENDING, "re_slow", None, amount_cents)
        return self.knows

    async def find_refund(
        self, refund_id: str, *, gateway_payment_id: str, gateway_refund_id: str | None
    ) -> RefundOutcome | None:
        return self.knows


@pytest.fixture
async def slow_bank(stripe_base: str) -> AsyncIterator[SlowBank]:
    slow = SlowBank(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    yield slow
    await slow.aclose()


@pytest.mark.parametrize(
    ("outcome", "left_cents"), [(GatewayStatus.SUCCEEDED, 200), (GatewayStatus.FAILED, 300)], ids=str
)
async def test_a_refund_that_is_on_its_way_is_asked_about_until_it_is_known(
    engine: AsyncEngine, slow_bank: SlowBank, clock: Clock, paid: str, outcome: GatewayStatus, left_cents: int
) -> None:
    """The webhook that should tell never comes, and the gateway goes on answering the same key with the same."""
    asked = await ask(engine, paid, 100)
    refunder = Refunder(engine, slow_bank, clock)
    for _ in range(2):
        with pytest.raises(GatewayUnavailable, match="on its way"):
            await refunder.give_refund(refund_id=asked.refund_id)
    slow_bank.knows = RefundOutcome(outcome, "re_slow", None, 100)
    for _ in range(2):
        await refunder.give_refund(refund_id=asked.refund_id)
    assert (await refund_of(engine, asked.refund_id)).status == outcome
    assert slow_bank.asked == 1
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": left_cents, "PARKING_REVENUE": -left_cents}


async def test_a_refund_that_a_lost_database_had_given_is_found_and_booked_as_it_was_given(
    engine: AsyncEngine, refunder: Refunder, gateway: Gateway, paid: str
) -> None:
    asked = await ask(engine, paid, 100)
    intent = await intent_of(engine, paid)
    await gateway.refund(asked.refund_id, gateway_payment_id=intent, amount_cents=70)
    await refunder.give_refund(refund_id=asked.refund_id)
    done = await refund_of(engine, asked.refund_id)
    assert (done.status, done.amount_cents) == (RefundStatus.SUCCEEDED, 70)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 230, "PARKING_REVENUE": -230}


async def test_what_is_given_back_in_stripes_pages_while_a_refund_waits_is_booked_and_that_is_refused(
    engine: AsyncEngine, refunder: Refunder, gateway: Gateway, paid: str
) -> None:
    asked = await ask(engine, paid, None)
    intent = await intent_of(engine, paid)
    made = await gateway._client.v1.refunds.create_async({"payment_intent": intent, "amount": 120})
    await told(engine, "evt_1", "refund.created", 1, made.to_dict())
    with pytest.raises(NothingToRefund, match="0 cents are left"):
        await ask(engine, paid, None)
    await refunder.give_refund(refund_id=asked.refund_id)
    assert (await refund_of(engine, asked.refund_id)).status is RefundStatus.FAILED
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 180, "PARKING_REVENUE": -180}
        assert await transfers_out_of_balance(conn) == 0


@pytest.mark.parametrize("refund_id", [None, "refund-forgotten"])
@pytest.mark.parametrize("order", list(permutations(("refund.created", "refund.failed", "charge.refunded"))))
async def test_a_refund_that_nobody_here_knows_and_that_failed_leaves_nothing_booked_in_any_order(
    engine: AsyncEngine, paid: str, order: tuple[str, ...], refund_id: str | None
) -> None:
    """It was made in Stripe's own pages, or by a database that is lost."""
    intent = await intent_of(engine, paid)
    bodies = {
        "refund.created": refund_at_gateway(intent, "succeeded", refund_id=refund_id),
        "refund.failed": refund_at_gateway(intent, "failed", refund_id=refund_id),
        "charge.refunded": {"id": "ch_1", "payment_intent": intent, "amount_refunded": 100},
    }
    for turn in ("a", "b"):
        for type_ in order:
            await told(engine, f"evt_{turn}_{type_}", type_, 1_000, bodies[type_])
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
        assert [r.status for r in await queries.refunds_of(conn, paid)] == [RefundStatus.FAILED]
        assert await transfers_out_of_balance(conn) == 0


async def test_a_refund_in_the_place_of_one_that_failed_is_booked_once_that_is_heard_of(
    engine: AsyncEngine, refunder: Refunder, gateway: Gateway, paid: str
) -> None:
    """The second is told of before the failure of the first, when by our books all has gone back already."""
    intent = await intent_of(engine, paid)
    await told(engine, "evt_1", "refund.created", 1, refund_at_gateway(intent, "succeeded", 300))
    made = await gateway._client.v1.refunds.create_async({"payment_intent": intent, "amount": 250})
    await told(engine, "evt_2", "refund.created", 3, made.to_dict())
    waiting = (await jobs_of(engine))[-1]
    assert waiting[0] == "give_refund"
    with pytest.raises(GatewayUnavailable):
        await refunder.give_refund(**waiting[1])
    await told(engine, "evt_3", "refund.failed", 2, refund_at_gateway(intent, "failed", 300))
    await refunder.give_refund(**waiting[1])
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 50, "PARKING_REVENUE": -50}
        assert await transfers_out_of_balance(conn) == 0


async def test_a_refund_that_is_pending_in_stripes_pages_is_asked_about_too(
    engine: AsyncEngine, refunder: Refunder, gateway: Gateway, paid: str
) -> None:
    intent = await intent_of(engine, paid)
    made = await gateway._client.v1.refunds.create_async({"payment_intent": intent, "amount": 100})
    await told(engine, "evt_1", "refund.created", 1, {**made.to_dict(), "status": "pending"})
    async with transaction(engine) as conn:
        assert (await balances(conn))["GATEWAY"] == 300
    await refunder.give_refund(**(await jobs_of(engine))[-1][1])
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}


async def test_a_new_refund_has_an_id_that_no_forgotten_one_had(engine: AsyncEngine, paid: str) -> None:
    intent = await intent_of(engine, paid)
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, paid)
    forgotten = f"refund-{payment.payment_id}-2"
    await told(engine, "evt_1", "refund.created", 1, refund_at_gateway(intent, "succeeded", refund_id=forgotten))
    assert (await ask(engine, paid, 50)).refund_id == f"refund-{payment.payment_id}-3"


async def test_what_was_given_back_before_the_payment_was_known_is_booked_once_it_is(
    engine: AsyncEngine, site: Site, payer: str
) -> None:
    """A restored database hears of the refund before the job has asked for the payment again."""
    charge_id = await site.stay(payer)
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    await told(engine, "evt_1", "refund.created", 1_000, refund_at_gateway("pi_1", "succeeded"))
    taken = PaymentOutcome(PaymentStatus.SUCCEEDED, "pi_1", received_cents=300)
    async with transaction(engine) as conn:
        await payments.record(conn, payment.payment_id, taken, now_ms=2)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}
