"""The edge's HTTP API, for pages, pay machines and attendants on site. It reads the runtime's state and submits inputs;
it decides nothing. Errors are RFC 9457 problem+json.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from edge.link import Link
from edge.rules.inputs import Answer, Due, Input, PaymentOffered, PaymentResult, QuoteAsked
from edge.rules.state import FacilityState
from edge.rules.view import view
from edge.runtime import Runtime, RuntimeStoppedError
from edge.store import Store
from edge.tokens import Bearer, bearer_of
from shared.clock import Clock
from shared.ids import normalise_plate

EVENTS_MAX = 500
GRACE_REAL_S = 1
"""How long open requests may go on when the daemon stops; a page's event stream never ends by itself."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What the API looks at. ``parts`` names each part of the daemon with its problem, None when it runs."""

    facility_id: str
    clock: Clock
    runtime: Runtime[FacilityState]
    store: Store
    link: Link
    bearers: Mapping[str, Bearer]
    parts: Callable[[], Mapping[str, str | None]]


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


def build(inside: Inside) -> FastAPI:
    """The application. Every route but ``/health`` needs a token of the token file."""
    app = FastAPI(title="EasyParkPlus edge", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.inside = inside
    app.add_exception_handler(StarletteHTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _request_problem)
    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/api/v1/state", state, methods=["GET"])
    app.add_api_route("/api/v1/events", events, methods=["GET"])
    app.add_api_route("/api/v1/quotes", quote, methods=["POST"])
    app.add_api_route("/api/v1/payments", pay, methods=["POST"])
    return app


def _inside(request: Request) -> Inside:
    inside: Inside = request.app.state.inside
    return inside


InsideDep = Annotated[Inside, Depends(_inside)]
_scheme = HTTPBearer(auto_error=False)


def _bearer(inside: InsideDep, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]) -> Bearer:
    bearer = None if given is None else bearer_of(given.credentials, inside.bearers)
    if bearer is None:
        raise HTTPException(401, "a token of this box's token file is needed", {"WWW-Authenticate": "Bearer"})
    return bearer


BearerDep = Annotated[Bearer, Depends(_bearer)]


async def health(inside: InsideDep) -> JSONResponse:
    """200 while every part runs, else 503. A cloud that is away is no ill health: the facility works alone."""
    parts = inside.parts()
    commits_ms = sorted(1_000 * s for s in inside.runtime.commits_real_s)
    body = {
        "facility_id": inside.facility_id,
        "healthy": not any(parts.values()),
        "parts": {name: problem or "running" for name, problem in parts.items()},
        "cloud": "connected" if inside.link.view().connected else "away",
        "inputs_waiting": inside.runtime.waiting,
        "commit_ms": {f"p{q}": round(_quantile(commits_ms, q), 3) for q in (50, 99)},
        "unread_decisions": inside.store.unread_decisions(),
    }
    return JSONResponse(body, 503 if any(parts.values()) else 200)


async def state(inside: InsideDep, _: BearerDep) -> dict[str, Any]:
    """The facility now. Without a configuration from headquarters only the link can be told."""
    now_ms = inside.clock.now_ms()
    seen = view(inside.runtime.state, inside.runtime.knowledge, now_ms)
    return {
        "facility_id": inside.facility_id,
        "now_ms": now_ms,
        "configured": seen is not None,
        **({} if seen is None else asdict(seen)),
        "link": asdict(inside.link.view()),
    }


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


async def quote(inside: InsideDep, _: BearerDep, asked: QuoteRequest) -> dict[str, Any]:
    """What a session costs now."""
    if (asked.session_id is None) == (asked.plate is None):
        raise HTTPException(422, "give session_id or plate, one of them")
    plate = None if asked.plate is None else normalise_plate(asked.plate)
    due = await _submitted(inside, QuoteAsked(session_id=asked.session_id, plate=plate))
    if isinstance(due, Due) and due.problem is None:
        return asdict(due)
    problem = due.problem if isinstance(due, Due) else None
    raise HTTPException(404 if isinstance(due, Due) and due.session_id is None else 409, problem or "there is no price")


async def pay(inside: InsideDep, bearer: BearerDep, offered: PaymentRequest) -> dict[str, Any]:
    """Book money that was taken on site; answered once it is durable."""
    result = await _submitted(inside, PaymentOffered(**offered.model_dump(), taken_by=bearer.name))
    if not isinstance(result, PaymentResult) or not result.accepted:
        raise HTTPException(409, getattr(result, "problem", None) or "the payment was not accepted")
    return {"accepted": True}


async def _submitted(inside: Inside, given: Input) -> Answer | None:
    try:
        return await inside.runtime.submit(given)
    except RuntimeStoppedError as error:
        raise HTTPException(503, "the daemon is stopping; it is not known whether this was taken: ask again") from error


def _quantile(ascending: list[float], percent: int) -> float:
    return ascending[min(len(ascending) - 1, len(ascending) * percent // 100)] if ascending else 0.0


async def _http_problem(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    detail = error.detail if isinstance(error, StarletteHTTPException) else "unexpected"
    headers = error.headers if isinstance(error, StarletteHTTPException) else None
    return _problem(status, detail, headers)


async def _request_problem(_: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return _problem(422, "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found), None)


def _problem(status: int, detail: str, headers: Mapping[str, str] | None) -> JSONResponse:
    body = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has one place that decides to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until cancelled. Raises OSError when the address cannot be taken."""
    # Named as TCP, or asyncio leaves TCP_NODELAY off and every answer waits 40 ms for a delayed acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_REAL_S
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving
