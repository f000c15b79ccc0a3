"""The worker that runs the cloud's jobs about cards. A model of ``cloud/job_worker.py`` and of the jobs in
``cloud/billing/payments.py`` and ``refunding.py``: transactions before and after a call, none during it.

A job runs at least once: again after a while when it could not be done, when its worker died, and when the cloud was
restored to a time at which it waited. It leaves out mail, and waits longer than ten minutes.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from cloud.billing.ledger import PAY_CHARGE
from cloud.billing.payments import Question, order_of
from cloud.billing.records import Payment, Refund
from cloud.billing.refunding import GIVE_REFUND
from cloud.billing.rules import RefundStatus
from cloud.gateway import (
    GatewayEvent,
    GatewayRefused,
    GatewayUnavailable,
    PaymentOutcome,
    PaymentStatus,
    RefundOutcome,
)
from cloud.gateway import RefundStatus as GatewayRefundStatus
from provisioning.simulation.headquarters import Headquarters
from provisioning.simulation.paying import inbox, payments
from provisioning.simulation.paying.provider import Provider
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import Process

DEAD_AFTER_MS = 20_000
LONGEST_WAIT_MS = 600_000

Job = tuple[str, str]
Steps = Generator[int, None, bool]
"""Ends with whether the job is done."""


class Cashier:
    """``doomed``: the next worker that has an answer of the provider dies before it can book it."""

    def __init__(self, around: Surroundings, headquarters: Headquarters, provider: Provider) -> None:
        self.doomed = False
        self._around = around
        self._headquarters = headquarters
        self._provider = provider
        self._known: set[Job] = set()
        headquarters.on_committed = self.wake
        headquarters.on_restored.append(self.start_over)
        provider.tell = self._hear

    def start_over(self) -> None:
        """A worker that has just started finds the jobs that are there."""
        self._known.clear()
        self.wake()

    def wake(self) -> None:
        """Somebody committed, perhaps a job."""
        for job in self._headquarters.tables.all("jobs"):
            if job not in self._known:
                self._known.add(job)
                delay_ms = self._around.universe.between(10, 500)
                self._around.universe.after(delay_ms, self._begin, job, self._headquarters.era)

    def _begin(self, job: Job, era: int) -> None:
        self._around.universe.begin(self._work(job, era))

    def _hear(self, event: GatewayEvent) -> bool:
        if not self._headquarters.up:
            return False
        now_ms = self._around.universe.now_ms
        self._headquarters.transact(lambda t: inbox.receive(t, event, now_ms))
        return True

    def _work(self, job: Job, era: int) -> Process:
        wait_ms = 1_000
        task, row_id = job
        while era == self._headquarters.era:
            try:
                done = yield from _TASKS[task](self, row_id, era)
            except GatewayUnavailable:
                done = False
            if era != self._headquarters.era:
                return
            if done:
                self._known.discard(job)
                self._headquarters.transact(lambda t: t.put("jobs", job, None))
                return
            yield wait_ms
            wait_ms = min(2 * wait_ms, LONGEST_WAIT_MS)

    def pay_charge(self, payment_id: str, era: int) -> Steps:
        """Take a payment."""
        question: Question | None = self._headquarters.transact(
            lambda t: payments.submit(t, payment_id, self._around.universe.now_ms)
        )
        if question is None:
            return True
        outcome = yield from self._ask(question)
        if (yield from self._dies((PAY_CHARGE, payment_id))) or era != self._headquarters.era:
            return False
        now_ms = self._around.universe.now_ms
        self._headquarters.transact(lambda t: payments.record(t, payment_id, outcome, now_ms))
        return outcome.status is not PaymentStatus.PROCESSING

    def _ask(self, question: Question) -> Generator[int, None, PaymentOutcome]:
        payment_id, since_ms = question.payment.payment_id, question.since_ms
        if question.looks_first(self._around.universe.now_ms):
            found = yield from self._provider.find_payment(payment_id, since_ms)
            if found is not None:
                return found
        try:
            return (yield from self._provider.pay(order_of(question.payment)))
        except GatewayRefused as refusal:
            found = yield from self._provider.find_payment(payment_id, since_ms)
            return found or PaymentOutcome(PaymentStatus.DECLINED, code=refusal.code)

    def give_refund(self, refund_id: str, era: int) -> Steps:
        """Give money back."""
        refund: Refund = self._headquarters.tables.all("refunds")[refund_id]
        payment: Payment = self._headquarters.tables.all("payments")[refund.payment_id]
        if refund.status is not RefundStatus.PENDING:
            return True
        outcome = yield from self._ask_for_refund(refund, payment.gateway_payment_id or "")
        if (yield from self._dies((GIVE_REFUND, refund_id))) or era != self._headquarters.era:
            return False
        now_ms = self._around.universe.now_ms
        known: Refund = self._headquarters.transact(lambda t: payments.record_refund(t, refund_id, outcome, now_ms))
        return known.status is not RefundStatus.PENDING

    def _ask_for_refund(self, refund: Refund, intent_id: str) -> Generator[int, None, RefundOutcome]:
        found = yield from self._provider.find_refund(refund.refund_id, intent_id, refund.gateway_refund_id)
        if found is not None:
            return found
        try:
            return (yield from self._provider.refund(refund.refund_id, intent_id, refund.amount_cents))
        except GatewayRefused as refusal:
            return RefundOutcome(GatewayRefundStatus.FAILED, "", refusal.code)

    def _dies(self, job: Job) -> Steps:
        """Die if doomed, to be found dead later; or only be taken for dead, and have another begin the same."""
        if not self.doomed:
            return False
        self.doomed = False
        universe = self._around.universe
        if universe.chance(0.5):
            universe.after(universe.between(0, 2_000), self._begin, job, self._headquarters.era)
            yield universe.between(0, DEAD_AFTER_MS)
            return False
        yield DEAD_AFTER_MS
        return True


_TASKS: Mapping[str, Callable[[Cashier, str, int], Any]] = {
    PAY_CHARGE: Cashier.pay_charge,
    GIVE_REFUND: Cashier.give_refund,
}
