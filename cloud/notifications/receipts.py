"""The jobs that tell customers of their money: a receipt when a charge is paid, a word when a card was declined.

Every attempt is on record. A message that could not be sent is tried again by the queue; one sent twice after a crash
carries the same Message-ID, so that mail readers show it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.billing import queries
from cloud.billing.ledger import SEND_PAYMENT_FAILED, SEND_RECEIPT
from cloud.billing.records import Charge
from cloud.customers.rules import Customer
from cloud.customers.store import customer as customer_of
from cloud.db import transaction
from cloud.facilities.store import facility as facility_of
from cloud.jobs import Task
from cloud.notifications import rules
from cloud.notifications.mail import Envelope, Mailer, MailRefused, MailUnavailable, compose
from cloud.notifications.rules import FailedPayment, Receipt, Stay
from cloud.notifications.store import (
    Attempt,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    open_delivery,
    record_attempt,
)
from cloud.sessions.store import parking_session
from shared.clock import Clock

TEMPLATES = {DeliveryKind.RECEIPT: "receipt", DeliveryKind.PAYMENT_FAILED: "payment_failed"}


@dataclass(frozen=True, slots=True)
class _Account:
    """``customer`` None: who it was is not known here any more."""

    charge: Charge
    customer: Customer | None
    stay: Stay

    @property
    def name(self) -> str:
        return self.customer.name if self.customer else ""


@dataclass(frozen=True, slots=True)
class _Letter:
    subject: str
    content: Receipt | FailedPayment


@dataclass(frozen=True, slots=True)
class Postman:
    """What the jobs need: the database, a mail server, who we are, and lived time."""

    engine: AsyncEngine
    mailer: Mailer
    sender: str
    clock: Clock

    async def send_receipt(self, *, charge_id: str) -> None:
        """Send the receipt of a paid charge, once. Raises MailUnavailable: tried again later."""
        async with transaction(self.engine) as conn:
            account = await _account(conn, charge_id)
            delivery = await self._open(conn, f"receipt-{charge_id}", DeliveryKind.RECEIPT, account)
            letter = await _receipt(conn, account)
        await self._send(delivery, letter)

    async def send_payment_failed(self, *, charge_id: str, payment_id: str) -> None:
        """Tell that a card could not be charged, once per payment. Raises MailUnavailable: tried again later."""
        async with transaction(self.engine) as conn:
            account = await _account(conn, charge_id)
            delivery = await self._open(conn, f"failed-{payment_id}", DeliveryKind.PAYMENT_FAILED, account)
            letter = await _failed_payment(conn, account, payment_id)
        await self._send(delivery, letter)

    async def _open(self, conn: AsyncConnection, delivery_id: str, kind: DeliveryKind, account: _Account) -> Delivery:
        known = account.customer is not None
        new = Delivery(
            delivery_id=delivery_id,
            kind=kind,
            charge_id=account.charge.charge_id,
            recipient=account.customer.email if account.customer else None,
            status=DeliveryStatus.PENDING if known else DeliveryStatus.FAILED,
            attempts=0,
            created_at_ms=self.clock.now_ms(),
            sent_at_ms=None,
            error=None if known else "nobody is known who could be told",
        )
        return await open_delivery(conn, new)

    async def _send(self, delivery: Delivery, letter: _Letter) -> None:
        if delivery.status is not DeliveryStatus.PENDING or delivery.recipient is None:
            return
        envelope = Envelope(
            self.sender, delivery.recipient, letter.subject, delivery.delivery_id, delivery.created_at_ms
        )
        try:
            await self.mailer.send(compose(envelope, TEMPLATES[delivery.kind], letter.content))
        except MailRefused as refusal:
            await self._record(delivery, str(refusal), final=True)
        except MailUnavailable as error:
            await self._record(delivery, str(error), final=False)
            raise
        else:
            await self._record(delivery, None, final=True)

    async def _record(self, delivery: Delivery, error: str | None, *, final: bool) -> None:
        async with transaction(self.engine) as conn:
            attempt = Attempt(self.clock.now_ms(), error, final)
            await record_attempt(conn, delivery.delivery_id, attempt)


async def _account(conn: AsyncConnection, charge_id: str) -> _Account:
    """Everything a message about a charge is made of. Raises LookupError when its facility or session is not here."""
    charge = await queries.charge(conn, charge_id)
    facility = await facility_of(conn, charge.facility_id) if charge else None
    session = await parking_session(conn, charge.session_id) if charge else None
    if charge is None or facility is None or session is None:
        raise LookupError(f"charge {charge_id}, its facility or its session is not known here")
    customer = await customer_of(conn, charge.customer_id) if charge.customer_id else None
    return _Account(charge, customer, rules.stay(facility, charge, session.plate))


async def _receipt(conn: AsyncConnection, account: _Account) -> _Letter:
    charge_id = account.charge.charge_id
    lines, payments = await queries.lines_of(conn, charge_id), await queries.payments_of(conn, charge_id)
    content = rules.receipt(account.charge, lines, payments, customer=account.name, stay=account.stay)
    return _Letter(f"Your receipt: {content.total}, {account.stay.facility}", content)


async def _failed_payment(conn: AsyncConnection, account: _Account, payment_id: str) -> _Letter:
    payment = await queries.payment(conn, payment_id)
    if payment is None:
        raise LookupError(f"there is no payment {payment_id}")
    content = rules.failed_payment(account.charge, payment, customer=account.name, stay=account.stay)
    return _Letter(f"Your payment of {content.amount} did not go through", content)


def tasks(postman: Postman) -> Mapping[str, Task]:
    """The jobs of notifications by name, for a worker to run."""
    return {SEND_RECEIPT: postman.send_receipt, SEND_PAYMENT_FAILED: postman.send_payment_failed}
