"""The stand-in on a real socket, in a thread of its own, for tests of it and of what speaks to it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stripe
import uvicorn

from provisioning.stripe_stand_in.app import Rules, make_app
from provisioning.stripe_stand_in.main import listen
from provisioning.stripe_stand_in.webhooks import Disorder
from shared.clock import Clock, Timeline

API_KEY = "sk_test_for_tests"
WEBHOOK_SECRET = "whsec_for_tests"
ORDERLY = Disorder(late=0, repeated=0)


@dataclass(slots=True)
class HandClock:
    """A clock that tests move: seconds since the epoch, as ``time.time`` gives them."""

    real_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.real_s


def rules(**changes: object) -> Rules:
    """Orderly webhooks, no latency."""
    plain: dict[str, object] = {"api_key": API_KEY, "webhook_secret": WEBHOOK_SECRET, "disorder": ORDERLY}
    return Rules(**{**plain, **changes})  # type: ignore[arg-type]  # a test's shorthand


@contextmanager
def running(rules: Rules, folder: Path, *, lived_s: HandClock | None = None) -> Iterator[str]:
    """Yields the base address. ``lived_s`` moves lived time by hand; webhooks always go by the real clock."""
    listener = listen("127.0.0.1", 0)
    clock = Clock(Timeline(), lived_s or time.time)
    app = make_app(rules, folder, clock=clock, read_real_s=time.time)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="on")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started, "the stand-in did not start"
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def client(base: str, key: str = API_KEY) -> stripe.StripeClient:
    """Stripe's own library, not retrying by itself."""
    return stripe.StripeClient(key, base_addresses={"api": base}, max_network_retries=0)
