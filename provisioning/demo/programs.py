"""The processes of a demo: what each is called, how it is started and when it counts as ready."""

import contextlib
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

from provisioning.demo.facilities import FACILITY_IDS
from provisioning.demo.places import Ports, Secrets, web
from provisioning.local.ports import HOST, answers
from provisioning.local.processes import Child

MAIL_FROM = "EasyParkPlus <receipts@easyparkplus.example>"
WEBHOOK_PATH = "/api/v1/stripe/webhooks"
WEBHOOK_EVENTS = (
    "setup_intent.succeeded",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
)
"""What billing acts on, as somebody would tick it in Stripe's dashboard."""
HEALTH_PATH = "/health"
_OURS = ("EASYPARK_", "STRIPE_")


class Stage(IntEnum):
    """What stands on what. Things start from below and stop from above, those of one stage together."""

    GROUND = 0
    OUTSIDE = 1
    """Stripe and the mail server: not ours, even when stood in for."""
    CLOUD = 2
    EDGE = 3
    WORLD = 4


Part = Literal["broker", "cloud"]
"""What can be pulled from a running demo."""


@dataclass(frozen=True, slots=True)
class Program:
    """``name`` is for people. ``ready`` asks whether it can be used. ``part`` None: it cannot be pulled."""

    name: str
    child: Child
    stage: Stage
    ready: Callable[[], bool]
    part: Part | None = None

    def last_words(self) -> str:
        """What it said last, in one short line: a log line's message, or the line itself."""
        words = self.child.last_words()
        with contextlib.suppress(ValueError):
            line = json.loads(words)
            if isinstance(line, dict) and "msg" in line:
                cause = str(line.get("exception", "")).strip().splitlines()
                words = " / ".join([str(line["msg"]), *cause[-1:]])
        return words[:300] or "it says nothing"

    def how_it_ended(self) -> str:
        """``exit 1`` or ``signal 9``."""
        code = self.child.exit_code
        if code is None:
            return "not ended"
        return f"exit {code}" if code >= 0 else f"signal {-code}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The cloud's addresses of the embedded parts; they hold passwords."""

    database: str
    broker: str


class Programs:
    """Makes each program of a demo, on one timeline. Nothing of our own caller's settings (``EASYPARK_...``,
    ``STRIPE_...``) reaches them, so that a demo never touches a real database or a real Stripe account."""

    def __init__(self, *, logs: Path, timeline: str, ports: Ports, secrets: Secrets) -> None:
        self._logs = logs
        self._timeline = timeline
        self._ports = ports
        self._secrets = secrets

    def stripe(self, folder: Path) -> Program:
        arguments = ["--port", str(self._ports.stripe), "--state", str(folder)]
        hooks = ["--webhook-url", web(self._ports.api) + WEBHOOK_PATH, "--webhook-events", ",".join(WEBHOOK_EVENTS)]
        settings = {"STRIPE_API_KEY": self._secrets.stripe_key, "STRIPE_WEBHOOK_SECRET": self._secrets.webhook}
        child = self._child("stripe", ["stripe-stand-in", *arguments, *hooks], settings)
        return Program("Stripe's stand-in", child, Stage.OUTSIDE, lambda: answers(self._ports.stripe))

    def mailbox(self, folder: Path) -> Program:
        child = self._child("mailbox", ["mailbox", "--folder", str(folder), "--port", str(self._ports.mail)], {})
        return Program("Mailbox", child, Stage.OUTSIDE, lambda: answers(self._ports.mail))

    def cloud(self, process: str, addresses: Addresses) -> Program:
        """``migrate`` ends by itself; ``api`` is ready when it answers; the others as soon as they run."""
        child = self._child(f"cloud-{process}", ["cloud", process], self._cloud_settings(addresses))
        ready = (lambda: healthy(web(self._ports.api) + HEALTH_PATH)) if process == "api" else (lambda: True)
        return Program(f"Cloud {process}", child, Stage.CLOUD, ready, part="cloud")

    def edges(self, configs: Mapping[str, Path], names: Mapping[str, str]) -> dict[str, Program]:
        """One per facility; ready when charging stations can connect. ``names`` are the facilities' own."""
        return {
            facility_id: Program(
                f"{names[facility_id]}, on site",
                self._child(f"edge-{facility_id}", ["edge", "--config", str(configs[facility_id])], {}),
                Stage.EDGE,
                lambda port=self._ports.ocpp[facility_id]: answers(port),  # type: ignore[misc]  # binds the loop's port
            )
            for facility_id in FACILITY_IDS
        }

    def upload(self, facility_id: str, config: Path) -> Program:
        """Carries what a stopped box's file still holds to the cloud, and ends."""
        child = self._child(f"upload-{facility_id}", ["upload", "--config", str(config), "--within", "60"], {})
        return Program(f"What {facility_id} still holds", child, Stage.EDGE, lambda: True)

    def world(self, config: Path) -> Program:
        child = self._child("world", ["world", "--config", str(config)], {})
        return Program("Drivers and cars", child, Stage.WORLD, lambda: True)

    def _cloud_settings(self, addresses: Addresses) -> dict[str, str]:
        return {
            "EASYPARK_DATABASE_URL": addresses.database,
            "EASYPARK_BROKER_URL": addresses.broker,
            "EASYPARK_JWT_SECRET_FILE": str(self._secrets.jwt_file),
            "STRIPE_API_KEY": self._secrets.stripe_key,
            "EASYPARK_STRIPE_API_BASE": web(self._ports.stripe),
            "STRIPE_WEBHOOK_SECRET": self._secrets.webhook,
            "EASYPARK_SMTP_URL": f"smtp://{HOST}:{self._ports.mail}",
            "EASYPARK_MAIL_FROM": MAIL_FROM,
            "EASYPARK_API_HOST": HOST,
            "EASYPARK_API_PORT": str(self._ports.api),
        }

    def _child(self, log: str, arguments: list[str], settings: Mapping[str, str]) -> Child:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_OURS)
            and name != "PYTHONDONTWRITEBYTECODE"  # the next start would compile it all again
        }
        return Child(
            [sys.executable, "-P", "-m", "provisioning", *arguments],
            log=self._logs / f"{log}.log",
            environment={**environment, **settings, "EASYPARK_TIMELINE": self._timeline},
        )


def healthy(url: str) -> bool:
    """Whether a page answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
