"""HTTP for money: staff and the customer look, finance gives back, Stripe tells."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field

from cloud.auth import Caller, Role, require
from cloud.billing import collecting, queries, refunding, webhooks
from cloud.billing.queries import ChargeFilter
from cloud.billing.records import Charge, ChargeLine, Discrepancy, Payment, Refund
from cloud.billing.refunding import NothingToRefund, RefundRequest
from cloud.billing.rules import ChargeStatus
from cloud.db import Connection, transaction
from cloud.gateway import BadSignature, Gateway, GatewayUnavailable
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from shared.ids import Id

router = APIRouter(prefix="/api/v1", tags=["billing"])

Reader = Annotated[Caller, Depends(require(Role.CUSTOMER, Role.ATTENDANT, Role.MANAGER, Role.HQ, Role.FINANCE))]
Payer = Annotated[Caller, Depends(require(Role.CUSTOMER, Role.FINANCE))]
Finance = Annotated[Caller, Depends(require(Role.FINANCE))]
ChargeId = Annotated[str, Path(max_length=120, pattern=r"^[a-z0-9-]+$")]

WEBHOOK_BYTES_MAX = 1024 * 1024
RETRY_AFTER_REAL_S = 5


class Page(BaseModel):
    """Charges, the newest exit first. ``next`` is the ``before`` of the next page, None on the last."""

    charges: list[Charge]
    next: str | None


class ChargeDetail(BaseModel):
    """A charge with what it is the sum of, how it was paid and what was given back."""

    charge: Charge
    lines: list[ChargeLine]
    payments: list[Payment]
    refunds: list[Refund]


class ListQuery(BaseModel):
    facility_id: Id | None = None
    customer_id: Id | None = None
    status: ChargeStatus | None = None
    before: str | None = None
    limit: int = Query(50, ge=1, le=500)


class NewRefund(BaseModel):
    """``amount_cents`` left out: all that is left of the card payment."""

    amount_cents: int | None = Field(None, gt=0)
    reason: str = Field(min_length=1, max_length=200)


@router.get("/charges")
async def list_charges(query: Annotated[ListQuery, Query()], caller: Reader, conn: Connection) -> Page:
    """The newest charges that fit; a customer sees their own only."""
    customer_id = query.customer_id
    if caller.role is Role.CUSTOMER:
        customer_id = customer_id or caller.subject
        caller.must_be_customer(customer_id)
    wanted = ChargeFilter(
        facility_id=query.facility_id,
        customer_id=customer_id,
        status=query.status,
        before=None if query.before is None else _place(query.before),
        limit=query.limit + 1,
    )
    found = await queries.find_charges(conn, wanted)
    page = found[: query.limit]
    more = len(found) > query.limit
    return Page(charges=page, next=f"{page[-1].exited_ms}_{page[-1].charge_id}" if more else None)


@router.get("/charges/{charge_id}")
async def get_charge(charge_id: ChargeId, caller: Reader, conn: Connection) -> ChargeDetail:
    """One charge; a customer sees their own only."""
    charge = await _charge_for(caller, charge_id, conn)
    return ChargeDetail(
        charge=charge,
        lines=await queries.lines_of(conn, charge_id),
        payments=await queries.payments_of(conn, charge_id),
        refunds=await queries.refunds_of(conn, charge_id),
    )


@router.post("/charges/{charge_id}/payments", status_code=202)
async def pay_again(charge_id: ChargeId, caller: Payer, conn: Connection, now_ms: NowMs) -> Payment:
    """Try again to take what is owed, with the card that is on file now. 409 when nothing is owed, nobody is known to
    pay, or a payment is under way."""
    charge = await _charge_for(caller, charge_id, conn)
    payment = await collecting.collect(conn, charge, now_ms=now_ms)
    if payment is None:
        raise Problem(409, "nothing is owed, nobody is known who could pay, or a payment is under way")
    return payment


@router.post("/charges/{charge_id}/refunds", status_code=202)
async def refund_charge(
    charge_id: ChargeId, new: NewRefund, caller: Finance, conn: Connection, now_ms: NowMs
) -> Refund:
    """Give back all or part of the card payment. The refund is PENDING until the gateway has done it."""
    wanted = RefundRequest(charge_id, new.amount_cents, new.reason, caller.subject)
    try:
        return await refunding.request_refund(conn, wanted, now_ms=now_ms)
    except NothingToRefund as error:
        raise Problem(409, str(error)) from error
    except LookupError as error:
        raise not_found(f"charge {charge_id}") from error


@router.get("/discrepancies", dependencies=[Depends(require(Role.FINANCE, Role.HQ))])
async def list_discrepancies(conn: Connection, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[Discrepancy]:
    """What did not come out as it should and waits for a person, oldest first."""
    return await queries.find_discrepancies(conn, limit=limit)


@router.post("/stripe/webhooks", status_code=204)
async def stripe_webhook(request: Request, now_ms: NowMs, stripe_signature: Annotated[str, Header()] = "") -> None:
    """Open to the world; Stripe's signature over the very bytes is the rule. What is not answered with 2xx comes
    again, so an answer goes out only after the commit."""
    body = await request.body()
    if len(body) > WEBHOOK_BYTES_MAX:
        raise Problem(413, f"a webhook has at most {WEBHOOK_BYTES_MAX} bytes, this one {len(body)}")
    gateway: Gateway = request.app.state.gateway
    try:
        event = gateway.read_webhook(body, stripe_signature)
        card = await webhooks.card_of(gateway, event)
    except BadSignature as error:
        raise Problem(400, "this was not signed by Stripe with our secret, lately") from error
    except GatewayUnavailable as error:
        headers = {"Retry-After": str(RETRY_AFTER_REAL_S)}
        raise HTTPException(503, "the card gateway cannot be reached; send this again", headers) from error
    async with transaction(request.app.state.engine) as conn:
        await webhooks.receive(conn, event, card, now_ms=now_ms)


async def _charge_for(caller: Caller, charge_id: str, conn: Connection) -> Charge:
    """A customer is told of another's charge what they are told of none: that there is none of theirs."""
    charge = await queries.charge(conn, charge_id)
    if charge is None or (caller.role is Role.CUSTOMER and charge.customer_id != caller.subject):
        raise not_found(f"charge {charge_id}")
    return charge


def _place(before: str) -> tuple[int, str]:
    exited_ms, _, charge_id = before.partition("_")
    if not exited_ms.isdecimal() or not charge_id or len(exited_ms) > 15:
        raise Problem(422, f"before must be the 'next' of another page, got {before!r}")
    return int(exited_ms), charge_id
