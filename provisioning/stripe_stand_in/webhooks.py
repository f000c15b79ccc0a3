"""Signed webhooks, sent until they are answered with 2xx, sometimes twice and sometimes late.

An event is written with the work it tells of, in one transaction. What is still to be sent survives a restart.
The signature's instant and all waits are real seconds, because the receiver checks them against its real clock.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import httpx

from provisioning.stripe_stand_in.call import shown
from provisioning.stripe_stand_in.store import Body, Store

API_VERSION = "2026-10-28.endive"
TIMEOUT_REAL_S = 10.0
FIRST_WAIT_REAL_S = 0.5
LONGEST_WAIT_REAL_S = 60.0
ATTEMPTS_MAX = 60
AT_ONCE = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Disorder:
    """How unruly delivery is: chances from 0 to 1 that an event is held back (so that later ones overtake it) or is
    sent once more after it arrived, and the longest such delay in real seconds."""

    late: float = 0.1
    repeated: float = 0.1
    delay_real_s: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("late", "repeated"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")


def sign(payload: str, secret: str, *, at_s: int) -> str:
    """The ``Stripe-Signature`` header: an HMAC-SHA256 over the instant and the body, scheme v1."""
    mac = hmac.new(secret.encode(), f"{at_s}.{payload}".encode(), hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


class Webhooks:
    """The outbox and the postman of one store. ``read_real_s`` reads the real clock."""

    def __init__(self, store: Store, *, disorder: Disorder, read_real_s: Callable[[], float]) -> None:
        self._store = store
        self._db = store.db
        self._disorder = disorder
        self._random = Random(disorder.seed)  # noqa: S311 - a simulation, not a secret
        self._real_s = read_real_s
        self._wake = asyncio.Event()
        self._in_flight: set[int] = set()
        columns = {"id": int, "event_id": str, "endpoint_id": str, "due_real_s": float, "attempts": int}
        self._db.table("deliveries").create(columns, pk="id", if_not_exists=True)
        self._db.table("deliveries").create_index(["due_real_s"], if_not_exists=True)

    def emit(self, kind: str, about: Body, *, now_s: int, key: str | None = None) -> None:
        """Write an event and who is to hear of it; called inside the transaction of the work."""
        endpoints = [e for e in self._store.all_of("webhook_endpoint") if _wants(e, kind)]
        event = self._store.add(
            "event",
            {
                "type": kind,
                "api_version": API_VERSION,
                "data": {"object": shown(about)},
                "pending_webhooks": len(endpoints),
                "request": {"id": None, "idempotency_key": key},
            },
            now_s=now_s,
        )
        for endpoint in endpoints:
            held_back = self._random.random() < self._disorder.late
            delay = self._random.uniform(0, self._disorder.delay_real_s) if held_back else 0.0
            self._schedule(event["id"], endpoint["id"], delay)
        self._wake.set()

    def _schedule(self, event_id: str, endpoint_id: str, delay_real_s: float) -> None:
        self._db.execute(
            "INSERT INTO deliveries (event_id, endpoint_id, due_real_s, attempts) VALUES (?, ?, ?, 0)",
            [event_id, endpoint_id, self._real_s() + delay_real_s],
        )

    async def deliver_forever(self) -> None:
        """Send what is due, ``AT_ONCE`` at a time, until cancelled."""
        async with httpx.AsyncClient(timeout=TIMEOUT_REAL_S, trust_env=False) as client, asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for row in self._take_due():
                    tasks.create_task(self._send(client, *row))
                try:
                    async with asyncio.timeout(self._next_due_in_real_s()):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    def _take_due(self) -> list[tuple[int, str, str, int]]:
        free = AT_ONCE - len(self._in_flight)
        rows = self._db.execute(
            "SELECT id, event_id, endpoint_id, attempts FROM deliveries WHERE due_real_s <= ? ORDER BY due_real_s, id "
            "LIMIT ?",
            [self._real_s(), AT_ONCE * 2],
        ).fetchall()
        taken = [row for row in rows if row[0] not in self._in_flight][:free]
        self._in_flight.update(row[0] for row in taken)
        return taken

    def _next_due_in_real_s(self) -> float | None:
        """None: nothing to wait for but new events or room among those in flight."""
        if len(self._in_flight) >= AT_ONCE:
            return None
        rows = self._db.execute("SELECT id, due_real_s FROM deliveries ORDER BY due_real_s LIMIT ?", [AT_ONCE * 2])
        waiting = [due for delivery_id, due in rows.fetchall() if delivery_id not in self._in_flight]
        return max(0.0, min(waiting) - self._real_s()) if waiting else None

    async def _send(
        self, client: httpx.AsyncClient, delivery_id: int, event_id: str, endpoint_id: str, attempts: int
    ) -> None:
        event, endpoint = self._store.find("event", event_id), self._store.find("webhook_endpoint", endpoint_id)
        if event is None or endpoint is None:
            self._close(delivery_id)
            return
        payload = json.dumps(event)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, endpoint["_secret"], at_s=int(self._real_s())),
        }
        try:
            response = await client.post(endpoint["url"], content=payload, headers=headers)
            arrived = response.is_success
        except httpx.HTTPError as error:
            log.debug("webhook to %s failed: %r", endpoint["url"], error)
            arrived = False
        self._settle(delivery_id, event_id, endpoint_id, attempts=attempts + 1, arrived=arrived)

    def _settle(self, delivery_id: int, event_id: str, endpoint_id: str, *, attempts: int, arrived: bool) -> None:
        with self._store.transaction():
            if not arrived and attempts < ATTEMPTS_MAX:
                wait = min(FIRST_WAIT_REAL_S * 2 ** min(attempts - 1, 20), LONGEST_WAIT_REAL_S)
                self._db.execute(
                    "UPDATE deliveries SET attempts = ?, due_real_s = ? WHERE id = ?",
                    [attempts, self._real_s() + wait, delivery_id],
                )
            else:
                self._db.execute("DELETE FROM deliveries WHERE id = ?", [delivery_id])
                if arrived and self._random.random() < self._disorder.repeated:
                    self._schedule(event_id, endpoint_id, self._random.uniform(0, self._disorder.delay_real_s))
        self._in_flight.discard(delivery_id)
        self._wake.set()

    def _close(self, delivery_id: int) -> None:
        self._db.execute("DELETE FROM deliveries WHERE id = ?", [delivery_id])
        self._in_flight.discard(delivery_id)
        self._wake.set()


def _wants(endpoint: Body, kind: str) -> bool:
    events = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in events or kind in events)
