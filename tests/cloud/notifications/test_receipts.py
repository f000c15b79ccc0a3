"""Who pays is told, once, by a real mail server; what could not be sent is tried again and every attempt is kept."""

import asyncio
from email.message import EmailMessage

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import queries
from cloud.billing.payments import Cashier
from cloud.db import transaction
from cloud.gateway import Gateway
from cloud.jobs import Task
from cloud.notifications import receipts
from cloud.notifications.mail import Mailer, MailUnavailable
from cloud.notifications.receipts import Postman
from cloud.notifications.store import Delivery, DeliveryStatus, delivery
from shared.clock import Clock
from tests.cloud.billing.stays import Site, add_customer
from tests.cloud.notifications.conftest import MailServer
from tests.cloud.test_jobs import working

pytestmark = pytest.mark.anyio

SENDER = "EasyParkPlus <receipts@example.com>"


async def arrives(mail: MailServer) -> None:
    """Returns once a message is there."""
    async with asyncio.timeout(15):
        while True:
            if mail.received:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def postman(engine: AsyncEngine, mail: MailServer, clock: Clock) -> Postman:
    return Postman(engine, Mailer(mail.url), SENDER, clock)


async def pay(engine: AsyncEngine, cashier: Cashier, charge_id: str) -> str:
    async with transaction(engine) as conn:
        payment = (await queries.payments_of(conn, charge_id))[-1]
    await cashier.pay_charge(payment_id=payment.payment_id)
    return payment.payment_id


async def delivery_of(engine: AsyncEngine, delivery_id: str) -> Delivery:
    async with transaction(engine) as conn:
        found = await delivery(conn, delivery_id)
    assert found is not None
    return found


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_a_receipt_says_where_when_how_long_and_how_it_was_paid(
    engine: AsyncEngine, site: Site, cashier: Cashier, postman: Postman, mail: MailServer, payer: str
) -> None:
    charge_id = await site.stay(payer)
    await pay(engine, cashier, charge_id)
    await postman.send_receipt(charge_id=charge_id)
    (message,) = mail.received
    assert message["Subject"] == "Your receipt: $3.00, Test"
    assert message["To"] == f"{payer}@example.com"
    body = text_of(message)
    for words in (
        "Hello Ada <Lovelace>,",
        "1 Test St",
        "Thursday, January 1, 2026, 9:00 AM EST",
        "Stayed    1 h 00 min",
        "Paid      $3.00 by Visa ending in 4242",
        charge_id,
    ):
        assert words in body
    html = message.get_body(("html",))
    assert html is not None
    assert "Ada &lt;Lovelace&gt;" in html.get_content()
    sent = await delivery_of(engine, f"receipt-{charge_id}")
    assert (sent.status, sent.attempts) == (DeliveryStatus.SENT, 1)
    assert sent.sent_at_ms is not None


async def test_the_same_receipt_is_sent_once(
    engine: AsyncEngine, site: Site, cashier: Cashier, postman: Postman, mail: MailServer, payer: str
) -> None:
    charge_id = await site.stay(payer)
    await pay(engine, cashier, charge_id)
    for _ in range(3):
        await postman.send_receipt(charge_id=charge_id)
    assert len(mail.received) == 1


async def test_a_mail_server_that_says_later_is_asked_later_and_each_attempt_is_kept(
    engine: AsyncEngine, site: Site, cashier: Cashier, postman: Postman, mail: MailServer, payer: str
) -> None:
    mail.answers = ["451 busy", "451 still busy"]
    charge_id = await site.stay(payer)
    await pay(engine, cashier, charge_id)
    for _ in range(2):
        with pytest.raises(MailUnavailable, match="busy"):
            await postman.send_receipt(charge_id=charge_id)
    assert (await delivery_of(engine, f"receipt-{charge_id}")).status is DeliveryStatus.PENDING
    await postman.send_receipt(charge_id=charge_id)
    sent = await delivery_of(engine, f"receipt-{charge_id}")
    assert (sent.status, sent.attempts, sent.error) == (DeliveryStatus.SENT, 3, None)
    async with transaction(engine) as conn:
        rows = await conn.execute(text("SELECT error FROM notifications.delivery_attempts ORDER BY attempt"))
        assert [row.error for row in rows] == ["451 busy", "451 still busy", None]


async def test_a_mail_server_that_says_never_is_not_asked_again(
    engine: AsyncEngine, site: Site, cashier: Cashier, postman: Postman, mail: MailServer, payer: str
) -> None:
    mail.answers = ["554 no such person"]
    charge_id = await site.stay(payer)
    await pay(engine, cashier, charge_id)
    for _ in range(2):
        await postman.send_receipt(charge_id=charge_id)
    failed = await delivery_of(engine, f"receipt-{charge_id}")
    assert (failed.status, failed.attempts, failed.error) == (DeliveryStatus.FAILED, 1, "554 no such person")
    assert mail.received == []


async def test_no_mail_server_is_trouble_that_may_pass(
    engine: AsyncEngine, site: Site, cashier: Cashier, clock: Clock, payer: str
) -> None:
    charge_id = await site.stay(payer)
    await pay(engine, cashier, charge_id)
    with pytest.raises(MailUnavailable):
        await Postman(engine, Mailer("smtp://127.0.0.1:9"), SENDER, clock).send_receipt(charge_id=charge_id)
    assert (await delivery_of(engine, f"receipt-{charge_id}")).attempts == 1


async def test_a_decline_is_told_with_its_reason_once_for_each_payment(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, postman: Postman, mail: MailServer
) -> None:
    payer = await add_customer(engine, gateway, "pm_card_authenticationRequired")
    charge_id = await site.stay(payer)
    payment_id = await pay(engine, cashier, charge_id)
    for _ in range(2):
        await postman.send_payment_failed(charge_id=charge_id, payment_id=payment_id)
    (message,) = mail.received
    assert message["Subject"] == "Your payment of $3.00 did not go through"
    assert "from your Visa ending in 3184" in text_of(message)
    assert "Your bank wants you to confirm the payment yourself." in text_of(message)


async def test_when_nobody_is_known_to_tell_that_is_on_record(
    engine: AsyncEngine, site: Site, postman: Postman, mail: MailServer
) -> None:
    charge_id = await site.stay("customer-gone")
    await postman.send_receipt(charge_id=charge_id)
    kept = await delivery_of(engine, f"receipt-{charge_id}")
    assert (kept.status, kept.recipient, kept.error) == (
        DeliveryStatus.FAILED,
        None,
        "nobody is known who could be told",
    )
    assert mail.received == []


@pytest.fixture
def tasks(cashier: Cashier, postman: Postman) -> dict[str, Task]:
    """What the worker runs of an exit's jobs."""
    return {"pay_charge": cashier.pay_charge, **receipts.tasks(postman)}


async def test_from_the_exit_to_the_mailbox_by_the_job_queue(
    database_url: str, site: Site, tasks: dict[str, Task], mail: MailServer, payer: str
) -> None:
    """The way of a session's end: charge, payment and receipt follow from one another by themselves."""
    await site.stay(payer)
    async with working(database_url, tasks):
        await arrives(mail)
    assert "Paid      $3.00 by Visa ending in 4242" in text_of(mail.received[0])
