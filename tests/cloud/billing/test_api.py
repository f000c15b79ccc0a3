"""Who may see and do what with money over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role, issue_token
from cloud.billing import queries
from cloud.billing.payments import Cashier
from cloud.config import Settings
from cloud.db import transaction
from cloud.main import create_app
from tests.cloud.billing.stays import Site, jobs_of
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET

pytestmark = pytest.mark.anyio

SECRET = "a secret of at least thirty-two characters"


@pytest.fixture
async def http(database_url: str, stripe_base: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        database_url=database_url,
        jwt_secret=SECRET,
        stripe_api_key=API_KEY,
        stripe_api_base=stripe_base,
        stripe_webhook_secret=WEBHOOK_SECRET,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://cloud") as c:
        yield c


def as_(role: Role, subject: str = "somebody") -> dict[str, str]:
    token = issue_token(SECRET, role=role, subject=subject, ttl_s=600, now_s=int(time.time()))
    return {"Authorization": f"Bearer {token}"}


async def test_staff_list_charges_by_customer_facility_and_status(http: httpx.AsyncClient, site: Site) -> None:
    mine = await site.stay("ada")
    await site.stay("bob")
    found = (await http.get("/api/v1/charges", params={"customer_id": "ada"}, headers=as_(Role.FINANCE))).json()
    assert [c["charge_id"] for c in found["charges"]] == [mine]
    for params, count in (({"status": "OPEN"}, 2), ({"status": "PAID"}, 0), ({"facility_id": "nowhere"}, 0)):
        answer = await http.get("/api/v1/charges", params=params, headers=as_(Role.HQ))
        assert len(answer.json()["charges"]) == count


async def test_pages_go_back_in_time_without_gaps_or_repeats(http: httpx.AsyncClient, site: Site) -> None:
    made = [await site.stay("ada") for _ in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await http.get("/api/v1/charges", params=params, headers=as_(Role.HQ))).json()
        seen += [c["charge_id"] for c in page["charges"]]
        if page["next"] is None:
            break
        params["before"] = page["next"]
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))


async def test_a_customer_sees_their_own_charges_and_no_others(http: httpx.AsyncClient, site: Site) -> None:
    mine, other = await site.stay("ada"), await site.stay("bob")
    ada = as_(Role.CUSTOMER, "ada")
    listed = (await http.get("/api/v1/charges", headers=ada)).json()["charges"]
    assert [c["charge_id"] for c in listed] == [mine]
    assert (await http.get("/api/v1/charges", params={"customer_id": "bob"}, headers=ada)).status_code == 403
    assert (await http.get(f"/api/v1/charges/{mine}", headers=ada)).json()["lines"][0]["amount_cents"] == 300
    for charge_id in (other, "charge-none"):
        assert (await http.get(f"/api/v1/charges/{charge_id}", headers=ada)).status_code == 404


async def test_only_finance_gives_money_back(
    http: httpx.AsyncClient, site: Site, cashier: Cashier, engine: AsyncEngine, payer: str
) -> None:
    charge_id = await site.stay(payer)
    path, body = f"/api/v1/charges/{charge_id}/refunds", {"amount_cents": 100, "reason": "barrier stuck"}
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    assert (await http.post(path, json=body, headers=as_(Role.FINANCE))).status_code == 409, "not paid yet"
    await cashier.pay_charge(payment_id=payment.payment_id)
    for role in (Role.CUSTOMER, Role.ATTENDANT, Role.HQ):
        assert (await http.post(path, json=body, headers=as_(role, payer))).status_code == 403
    assert (await http.post(path, json=body)).status_code == 401
    given = await http.post(path, json=body, headers=as_(Role.FINANCE, "kim"))
    assert (given.status_code, given.json()["status"], given.json()["requested_by"]) == (202, "PENDING", "kim")
    detail = (await http.get(f"/api/v1/charges/{charge_id}", headers=as_(Role.FINANCE))).json()
    assert [r["amount_cents"] for r in detail["refunds"]] == [100]


async def test_a_customer_pays_again_what_was_declined(
    http: httpx.AsyncClient, site: Site, engine: AsyncEngine
) -> None:
    charge_id = await site.stay("ada")
    path = f"/api/v1/charges/{charge_id}/payments"
    assert (await http.post(path, headers=as_(Role.CUSTOMER, "ada"))).status_code == 409, "one is under way"
    async with transaction(engine) as conn:
        await conn.execute(text("UPDATE billing.payments SET status = 'DECLINED'"))
    assert (await http.post(path, headers=as_(Role.CUSTOMER, "bob"))).status_code == 404
    again = await http.post(path, headers=as_(Role.CUSTOMER, "ada"))
    assert (again.status_code, again.json()["amount_cents"]) == (202, 300)
    assert [task for task, _ in await jobs_of(engine)] == ["pay_charge", "pay_charge"]


async def test_finance_sees_what_does_not_add_up(http: httpx.AsyncClient, site: Site) -> None:
    await site.stay("ada", quoted_cents=299)
    (found,) = (await http.get("/api/v1/discrepancies", headers=as_(Role.FINANCE))).json()
    assert (found["kind"], found["expected_cents"], found["found_cents"]) == ("QUOTE_DIFFERS", 299, 300)
    assert (await http.get("/api/v1/discrepancies", headers=as_(Role.ATTENDANT))).status_code == 403


async def test_a_webhook_is_believed_by_its_signature_alone_and_taken_once(
    http: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "customer.created", "created": 7, "data": {"object": {}}}'
    signature = {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)}
    refused = await http.post("/api/v1/stripe/webhooks", content=body + " ", headers=signature)
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    sent = (http.post("/api/v1/stripe/webhooks", content=body, headers=signature) for _ in range(5))
    assert {answer.status_code for answer in await asyncio.gather(*sent)} == {204}
    async with transaction(engine) as conn:
        assert await conn.scalar(text("SELECT count(*) FROM billing.webhooks")) == 1
