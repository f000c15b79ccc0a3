"""The facility now, its log, and what the pay machine asks."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from edge.api.inside import BearerDep, Inside, InsideDep, submitted
from edge.rules.inputs import Due, PaymentOffered, PaymentResult, QuoteAsked
from edge.rules.view import view
from shared.ids import normalise_plate

EVENTS_MAX = 500
router = APIRouter(prefix="/api/v1")


class QuoteRequest(BaseModel):
    """Exactly one of the two; the plate may be as typed."""

    session_id: str | None = None
    plate: str | None = None


class PaymentRequest(BaseModel):
    """Money that was taken. ``reference`` is the machine's own number for it: a repeat of it changes nothing."""

    session_id: str
    amount_cents: int = Field(gt=0)
    method: Literal["CASH", "CARD"]
    reference: str = Field(min_length=1, max_length=100)
    priced_until_ms: int


@router.get("/state")
async def state(inside: InsideDep, _: BearerDep) -> dict[str, Any]:
    """The facility now. Without a configuration from headquarters only the link can be told."""
    return told(inside)


def told(inside: Inside) -> dict[str, Any]:
    """The facility as people see it."""
    now_ms = inside.clock.now_ms()
    seen = view(inside.runtime.state, inside.runtime.knowledge, now_ms)
    return {
        "facility_id": inside.facility_id,
        "now_ms": now_ms,
        "configured": seen is not None,
        **({} if seen is None else asdict(seen)),
        "link": asdict(inside.link.view()),
    }


@router.get("/events")
async def events(
    inside: InsideDep,
    _: BearerDep,
    after: Annotated[int | None, Query(ge=0, description="a position; without it, the newest")] = None,
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 100,
) -> dict[str, Any]:
    """Entries of the log, oldest first."""
    head = inside.store.head
    after = max(0, head - limit) if after is None else after
    entries = await inside.store.in_reader(inside.store.entries, after=after, limit=limit)
    return {"log_id": inside.store.log_id, "head": head, "entries": [e.model_dump(mode="json") for e in entries]}


@router.post("/quotes")
async def quote(inside: InsideDep, _: BearerDep, asked: QuoteRequest) -> dict[str, Any]:
    """What a session costs now."""
    if (asked.session_id is None) == (asked.plate is None):
        raise HTTPException(422, "give session_id or plate, one of them")
    plate = None if asked.plate is None else normalise_plate(asked.plate)
    due = await submitted(inside, QuoteAsked(session_id=asked.session_id, plate=plate))
    if isinstance(due, Due) and due.problem is None:
        return asdict(due)
    problem = due.problem if isinstance(due, Due) else None
    raise HTTPException(404 if isinstance(due, Due) and due.session_id is None else 409, problem or "there is no price")


@router.post("/payments")
async def pay(inside: InsideDep, bearer: BearerDep, offered: PaymentRequest) -> dict[str, Any]:
    """Book money that was taken on site; answered once it is durable."""
    result = await submitted(inside, PaymentOffered(**offered.model_dump(), taken_by=bearer.name))
    if not isinstance(result, PaymentResult) or not result.accepted:
        raise HTTPException(409, getattr(result, "problem", None) or "the payment was not accepted")
    return {"accepted": True}
