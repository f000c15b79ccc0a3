"""The stand-in's HTTP: who may call, what a request says, and how an answer or an error is written."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from pathlib import Path
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response

from provisioning.stripe_stand_in import intents, setups
from provisioning.stripe_stand_in.call import Call, Endpoint, expanded, shown
from provisioning.stripe_stand_in.errors import Fault, invalid, unauthorised, unknown_object
from provisioning.stripe_stand_in.idempotency import KEY_LENGTH_MAX, Answer, Keys, fingerprint
from provisioning.stripe_stand_in.params import nest
from provisioning.stripe_stand_in.routes import ROUTES
from provisioning.stripe_stand_in.store import Body, Store, new_id
from provisioning.stripe_stand_in.webhooks import API_VERSION, Disorder, Webhooks
from shared.clock import Clock

OUR_ENDPOINT = "we_configured"


@dataclass(frozen=True, slots=True)
class Rules:
    """How this stand-in behaves. ``latency_real_s`` is how long Stripe seems to think; with 0 two requests hardly
    ever meet."""

    api_key: str
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_events: tuple[str, ...] = ("*",)
    latency_real_s: float = 0.0
    disorder: Disorder = field(default_factory=Disorder)

    def __post_init__(self) -> None:
        if not self.api_key.startswith("sk_test_"):
            raise ValueError("the API key must begin with sk_test_: this is never the place for a live key")
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("a webhook URL needs a webhook secret to sign with")


class StandIn:
    """One account at Stripe: its store, its keys, its webhooks."""

    def __init__(self, rules: Rules, folder: Path, clock: Clock, read_real_s: Callable[[], float]) -> None:
        self.rules = rules
        self.clock = clock
        self.store = Store(folder)
        self.keys = Keys(self.store)
        self.webhooks = Webhooks(self.store, disorder=rules.disorder, read_real_s=read_real_s)
        self._configure_endpoint()

    def _configure_endpoint(self) -> None:
        """The endpoint of the command line replaces the one of the last start."""
        with self.store.transaction():
            self.store.delete(OUR_ENDPOINT)
            if self.rules.webhook_url:
                endpoint = {
                    "id": OUR_ENDPOINT,
                    "url": self.rules.webhook_url,
                    "enabled_events": list(self.rules.webhook_events),
                    "status": "enabled",
                    "_secret": self.rules.webhook_secret,
                }
                self.store.add("webhook_endpoint", endpoint, now_s=self.now_s())

    def now_s(self) -> int:
        """Lived time, in Stripe's unit."""
        return self.clock.now_ms() // 1000

    def call(self, params: Body, *, publishable: bool = False, key: str | None = None) -> Call:
        """A Call at this instant."""
        now_s = self.now_s()
        emit = partial(self.webhooks.emit, now_s=now_s, key=key)
        return Call(params, now_s, self.store, emit, publishable)

    def is_publishable(self, request: Request) -> bool:
        """Which kind of key the request came with. Raises Fault 401 for none or a wrong one."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise unauthorised("You did not provide an API key. Provide it in the Authorization header, using Bearer.")
        if given.startswith("pk_test_"):
            return True
        if not compare_digest(given.encode(), self.rules.api_key.encode()):
            raise unauthorised(f"Invalid API Key provided: {given[:8]}***{given[-4:]}")
        return False

    async def answer(self, request: Request, endpoint: Endpoint) -> Answer:
        """Do what is asked, once per idempotency key."""
        publishable = self.is_publishable(request)
        text = (await request.body()).decode() if request.method == "POST" else request.url.query
        params = nest(parse_qsl(text, keep_blank_values=True))
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        work = partial(self._work, endpoint, request)
        if not key:
            await asyncio.sleep(self.rules.latency_real_s)
            return work(self.call(params, publishable=publishable))
        if len(key) > KEY_LENGTH_MAX:
            raise invalid(f"Idempotency keys must be at most {KEY_LENGTH_MAX} characters long.")
        print_ = fingerprint(request.method, request.url.path, params)
        kept = self.keys.begin(key, print_, now_s=self.now_s())
        if kept:
            return kept
        try:
            await asyncio.sleep(self.rules.latency_real_s)
            return work(self.call(params, publishable=publishable, key=key), keep=partial(self.keys.keep, key, print_))
        finally:
            self.keys.end(key)

    def _work(
        self, endpoint: Endpoint, request: Request, call: Call, keep: Callable[..., None] | None = None
    ) -> Answer:
        with self.store.transaction():
            try:
                found = endpoint(call, *request.path_params.values())
                listed = {"object": "list", "url": request.url.path} if "has_more" in found else {}
                status, body = 200, expanded(listed | found, call.params.get("expand", []), self.store)
            except Fault as fault:
                if not fault.executed:
                    raise
                status, body = fault.status, {"error": fault.error}
            answer = Answer(status, json.dumps(shown(body)), new_id("req"))
            if keep:
                keep(answer, now_s=call.now_s)
        return answer

    def authenticate(self, intent_id: str, *, approved: bool) -> Body:
        """The card's owner confirms, or not, on the bank's page. Raises Fault."""
        with self.store.transaction():
            call = self.call({})
            setup = self.store.find("setup_intent", intent_id)
            if setup:
                return setups.authenticate(call, setup, approved=approved)
            payment = self.store.find("payment_intent", intent_id)
            if payment:
                return intents.authenticate(call, payment, approved=approved)
        raise unknown_object("intent", intent_id)


def make_app(rules: Rules, folder: Path, *, clock: Clock, read_real_s: Callable[[], float]) -> FastAPI:
    """The application; its state lives in ``folder`` and is opened and closed with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stand_in = StandIn(rules, folder, clock, read_real_s)
        postman = asyncio.create_task(app.state.stand_in.webhooks.deliver_forever())
        yield
        postman.cancel()
        with suppress(asyncio.CancelledError):
            await postman
        app.state.stand_in.store.close()

    app = FastAPI(title="Stripe stand-in", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    for method, path, endpoint in ROUTES:
        app.add_api_route(path, _route(endpoint), methods=[method])
    app.add_api_route("/authenticate/{id}", _authenticate, methods=["POST"])
    app.add_api_route("/{rest:path}", _unknown, methods=["GET", "POST", "DELETE"])
    app.add_exception_handler(Fault, _fault)
    return app


def _route(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        answer = await request.app.state.stand_in.answer(request, endpoint)
        headers = {"Request-Id": answer.request_id, "Stripe-Version": API_VERSION}
        if answer.original:
            headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.original}
        return Response(answer.body, answer.status, headers, media_type="application/json")

    return handle


async def _authenticate(request: Request) -> Response:
    """``POST /authenticate/{intent}``, ``?approved=false`` to say no: stands for the bank's page in the browser."""
    approved = request.query_params.get("approved", "true") == "true"
    intent = request.app.state.stand_in.authenticate(request.path_params["id"], approved=approved)
    return Response(json.dumps(shown(intent)), media_type="application/json")


async def _unknown(request: Request) -> Response:
    raise invalid(
        f"Unrecognized request URL ({request.method}: {request.url.path}). This stand-in knows only part of Stripe.",
        status=404,
    )


async def _fault(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, Fault):
        raise fault
    headers = {"Request-Id": new_id("req"), "Stripe-Version": API_VERSION}
    return Response(json.dumps(shown({"error": fault.error})), fault.status, headers, media_type="application/json")
