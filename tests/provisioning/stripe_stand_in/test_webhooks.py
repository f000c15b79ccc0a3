"""Webhooks: signed as Stripe signs, sent until they arrive, sometimes twice and out of order."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe

from provisioning.stripe_stand_in.webhooks import Disorder
from tests.provisioning.stripe_stand_in.running import ORDERLY, WEBHOOK_SECRET, client, rules, running


@dataclass
class Receiver:
    """A web server that keeps what it is sent; ``statuses`` says what to answer next, then always 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.received]

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.received]

    def wait(self, until: Callable[["Receiver"], bool], timeout_s: float = 10) -> None:
        deadline = time.monotonic() + timeout_s
        while not until(self):
            assert time.monotonic() < deadline, f"received only {self.types}"
            time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the sender hung up in the middle
            kept.received.append((body, self.headers["Stripe-Signature"]))
            self.send_response(kept.statuses.pop(0) if kept.statuses else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield kept
    server.shutdown()


def buy(base: str) -> None:
    api = client(base)
    customer = api.v1.customers.create({"name": "Ada"})
    method = api.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    paid = api.v1.payment_intents.create(
        {
            "amount": 2_000,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": method.id,
            "confirm": True,
            "off_session": True,
        }
    )
    api.v1.refunds.create({"payment_intent": paid.id})


EVENTS_OF_BUY = [
    "customer.created",
    "payment_method.attached",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "refund.created",
    "charge.refunded",
]


def test_what_happens_is_told_and_stripes_library_believes_it(tmp_path: Path, receiver: Receiver):
    with running(rules(webhook_url=receiver.url), tmp_path) as base:
        buy(base)
        receiver.wait(lambda r: len(r.received) == len(EVENTS_OF_BUY))
    assert sorted(receiver.types) == sorted(EVENTS_OF_BUY)
    for body, signature in receiver.received:
        assert stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET).object == "event"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", signature, WEBHOOK_SECRET)


def test_an_event_is_sent_until_it_is_answered_with_success(tmp_path: Path, receiver: Receiver):
    receiver.statuses = [500, 404]
    with running(rules(webhook_url=receiver.url), tmp_path) as base:
        client(base).v1.customers.create({"name": "Ada"})
        receiver.wait(lambda r: len(r.received) == 3)
    assert len(set(receiver.ids)) == 1


def test_what_was_not_delivered_is_delivered_after_a_restart(tmp_path: Path, receiver: Receiver):
    receiver.statuses = [500] * 100
    with running(rules(webhook_url=receiver.url), tmp_path) as base:
        client(base).v1.customers.create({"name": "Ada"})
        receiver.wait(lambda r: len(r.received) == 1)
    receiver.statuses = []
    with running(rules(webhook_url=receiver.url), tmp_path):
        receiver.wait(lambda r: len(r.received) == 2)


def test_events_come_twice_and_out_of_order_when_told_to(tmp_path: Path, receiver: Receiver):
    unruly = Disorder(late=0.5, repeated=0.5, delay_real_s=0.3, seed=3)
    with running(rules(webhook_url=receiver.url, disorder=unruly), tmp_path) as base:
        for _ in range(4):
            buy(base)
        receiver.wait(lambda r: len(set(r.ids)) == 28 and len(r.ids) > 28)
        happened = [event.id for event in client(base).v1.events.list({"limit": 100}).data][::-1]
    assert sorted(set(receiver.ids)) == sorted(happened)
    assert list(dict.fromkeys(receiver.ids)) != happened


def test_an_endpoint_made_by_the_api_hears_only_what_it_asked_for(tmp_path: Path, receiver: Receiver):
    with running(rules(disorder=ORDERLY), tmp_path) as base:
        endpoint = client(base).v1.webhook_endpoints.create(
            {"url": receiver.url, "enabled_events": ["payment_intent.succeeded"]}
        )
        buy(base)
        receiver.wait(lambda r: len(r.received) == 1)
        body, signature = receiver.received[0]
        event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
        assert event.data.object.amount == 2_000
        assert client(base).v1.events.list({"type": "payment_intent.succeeded"}).data[0].id == event.id
        client(base).v1.webhook_endpoints.delete(endpoint.id)
        assert client(base).v1.webhook_endpoints.list().data == []
