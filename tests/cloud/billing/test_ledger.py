"""Over any sequence of what may happen to a charge, the books balance and say what really came and went."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.billing import collecting, payments, queries, refunding
from cloud.billing.records import Payment, Refund
from cloud.billing.refunding import NothingToRefund, RefundRequest
from cloud.billing.rules import LIVE, ChargeStatus, PaymentKind, PaymentStatus, RefundStatus
from cloud.db import transaction
from cloud.gateway import PaymentOutcome, RefundOutcome
from cloud.gateway import PaymentStatus as GatewayStatus
from cloud.gateway import RefundStatus as GatewayRefundStatus
from cloud.sessions.store import SitePayment
from tests.cloud.billing.stays import FACILITY_ID, Site, balances, transfers_out_of_balance

pytestmark = pytest.mark.anyio

Step = tuple[str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["site", "collect", "succeed", "decline", "refund", "refunded", "refund failed"]),
        st.integers(min_value=1, max_value=400),
    ),
    max_size=14,
)


class Scene:
    """One charge of $3 and what happens to it. ``cash`` and ``card`` are what was really received and kept."""

    def __init__(self, conn: AsyncConnection, charge_id: str) -> None:
        self.conn, self.charge_id = conn, charge_id
        self.cash_cents = self.card_cents = self.count = 0

    async def take(self, step: Step) -> None:
        self.count += 1
        name, cents = step
        await {
            "site": self.pay_on_site,
            "collect": self.collect,
            "succeed": self.settle,
            "decline": self.decline,
            "refund": self.ask_back,
            "refunded": self.give_back,
            "refund failed": self.fail_refund,
        }[name](cents)

    async def pay_on_site(self, cents: int) -> None:
        paid = SitePayment(FACILITY_ID, self.charge_id, self.count, "", cents, "CASH", "slip", "kim", self.count)
        for _ in range(2):
            await collecting.site_payment(self.conn, self.charge_id, paid)
        self.cash_cents += cents

    async def collect(self, _: int) -> None:
        charge = await queries.charge(self.conn, self.charge_id)
        assert charge is not None
        await collecting.collect(self.conn, charge, now_ms=self.count)

    async def _payments(self, *statuses: PaymentStatus) -> list[Payment]:
        return [p for p in await queries.payments_of(self.conn, self.charge_id) if p.status in statuses]

    async def settle(self, which: int) -> None:
        """Any payment that has not succeeded may be told to have, even one that was declined."""
        for payment in (await self._payments(*LIVE, PaymentStatus.DECLINED))[: which % 3]:
            for _ in range(2):
                outcome = PaymentOutcome(GatewayStatus.SUCCEEDED, f"pi-{payment.payment_id}")
                await payments.record(self.conn, payment.payment_id, outcome, now_ms=self.count)
            self.card_cents += payment.amount_cents

    async def decline(self, _: int) -> None:
        for payment in await self._payments(*LIVE, PaymentStatus.SUCCEEDED):
            outcome = PaymentOutcome(GatewayStatus.DECLINED, code="generic_decline")
            await payments.record(self.conn, payment.payment_id, outcome, now_ms=self.count)

    async def ask_back(self, cents: int) -> None:
        wanted = RefundRequest(self.charge_id, cents, "because", "kim")
        try:
            await refunding.request_refund(self.conn, wanted, now_ms=self.count)
        except NothingToRefund:
            kept = await self._refunds(RefundStatus.PENDING, RefundStatus.SUCCEEDED)
            paid_by_card = [
                p for p in await self._payments(PaymentStatus.SUCCEEDED) if p.kind is PaymentKind.CARD_ON_FILE
            ]
            for paid in paid_by_card:
                given_cents = sum(r.amount_cents for r in kept if r.payment_id == paid.payment_id)
                assert cents > paid.amount_cents - given_cents

    async def _refunds(self, *statuses: RefundStatus) -> list[Refund]:
        return [r for r in await queries.refunds_of(self.conn, self.charge_id) if r.status in statuses]

    async def give_back(self, _: int) -> None:
        for refund in await self._refunds(RefundStatus.PENDING):
            for _ in range(2):
                outcome = RefundOutcome(GatewayRefundStatus.SUCCEEDED, f"re-{refund.refund_id}")
                await refunding.record(self.conn, refund.refund_id, outcome, now_ms=self.count)
            self.card_cents -= refund.amount_cents

    async def fail_refund(self, which: int) -> None:
        for refund in (await self._refunds(RefundStatus.PENDING, RefundStatus.SUCCEEDED))[: which % 2]:
            outcome = RefundOutcome(GatewayRefundStatus.FAILED, f"re-{refund.refund_id}", "lost")
            for _ in range(2):
                await refunding.record(self.conn, refund.refund_id, outcome, now_ms=self.count)
            self.card_cents += refund.amount_cents if refund.status is RefundStatus.SUCCEEDED else 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=steps)
@example(happened=[("succeed", 1), ("refund", 100), ("refunded", 1), ("refund failed", 1), ("refund", 300)])
@example(happened=[("decline", 1), ("collect", 1), ("succeed", 2), ("refund", 250), ("refunded", 1)])
@example(happened=[("decline", 1), ("collect", 1), ("succeed", 2), ("refund", 301)])
@example(happened=[("site", 1), ("refund", 1)])
@example(happened=[("site", 200), ("succeed", 1), ("refund", 300), ("refunded", 1), ("refund failed", 1)])
async def test_the_books_balance_over_any_sequence(engine: AsyncEngine, site: Site, happened: list[Step]) -> None:
    charge_id = await site.stay("ada")
    async with transaction(engine) as conn:
        before = await balances(conn)
        scene = Scene(conn, charge_id)
        for step in happened:
            await scene.take(step)
            assert await transfers_out_of_balance(conn) == 0
        booked = await queries.balances_of(conn, charge_id)
        charge = await queries.charge(conn, charge_id)
        after = await balances(conn)
    assert charge is not None
    assert booked.get("SITE_CASH", 0) == scene.cash_cents
    assert booked.get("GATEWAY", 0) == scene.card_cents
    assert booked.get("CUSTOMER_CREDIT", 0) <= 0
    assert (charge.status is ChargeStatus.PAID) == (booked.get("RECEIVABLE", 0) == 0)
    assert sum(after.values()) == sum(before.values()) == 0
