"""What the control room shows besides headquarters: each site, the lived clock, the handles and the mails."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from jinja2 import ChoiceLoader, PackageLoader

from cloud.dashboard.live import Picture
from cloud.dashboard.pages import environment as cloud_environment
from provisioning.demo.page.drawing import HEIGHT, bars
from provisioning.demo.page.mail import Mailbox
from provisioning.demo.page.site import Box, SiteNow, SiteWatch
from provisioning.demo.programs import Part
from shared.clock import Clock

REGION = "sites"
NAMES: dict[Part, str] = {"cloud": "the cloud", "broker": "the broker"}

CATCHING_UP = 200
"""A box in touch has fewer entries than this on their way."""

LANE_WORDS = {
    "IDLE": "free",
    "WAITING": "reading the plate",
    "REFUSED": "not let through",
    "RAISING": "opening",
    "OPEN": "open, go",
    "PASSING": "passing",
    "TAILGATED": "passing, without a grant",
    "LOWERING": "closing",
    "FAULTED": "out of order",
}
ARM_WORDS = {"RAISED": "arm up", "LOWERED": "arm down", "BETWEEN": "arm moving"}

environment = cloud_environment.overlay(
    loader=ChoiceLoader([PackageLoader("provisioning.demo.page"), PackageLoader("cloud.dashboard")])
)
environment.globals = {**cloud_environment.globals, "LANE_WORDS": LANE_WORDS, "ARM_WORDS": ARM_WORDS, "BAR_H": HEIGHT}


def render(template: str, **values: Any) -> str:
    """A whole page or a piece of one."""
    return environment.get_template(template).render(**values)


class Handles(Protocol):
    """What can be pulled and brought back; all of it may be called from any thread."""

    def pull(self, part: Part) -> None: ...
    def restore(self, part: Part) -> None: ...
    @property
    def away(self) -> frozenset[Part]: ...


@dataclass(frozen=True, slots=True)
class Around:
    """What the control room stands in. ``jwt_secret`` is the cloud's: who may see headquarters may see this."""

    api_url: str
    boxes: Sequence[Box]
    mailbox: Path
    clock: Clock
    handles: Handles
    jwt_secret: str = field(repr=False)


class Room:
    """``look`` is one round over everything; it never fails because a part of the demo is away."""

    def __init__(self, around: Around) -> None:
        self.mailbox = Mailbox(around.mailbox)
        self._around = around
        self._client = httpx.AsyncClient()
        self._watches = [SiteWatch(box, self._client) for box in around.boxes]
        self._asked: dict[Part, str] = {}
        self._zone = around.boxes[0].facility.zone if around.boxes else "UTC"

    def ask(self, what: str, part: Part) -> None:
        """``pull`` or ``restore`` a part; the supervisor does so within a moment."""
        handles = self._around.handles
        (handles.pull if what == "pull" else handles.restore)(part)
        self._asked[part] = what

    async def look(self) -> Picture:
        sites = await asyncio.gather(*(watch.look() for watch in self._watches))
        now_ms = self._around.clock.now_ms()
        letters = await asyncio.to_thread(self.mailbox.newest)
        parts = {
            "clock": render("clock.html", now_ms=now_ms, zone=self._zone, speed=self._around.clock.timeline.speed),
            "handles": render("handles.html", parts=[self._handle(part) for part in NAMES]),
            "letters": render("letters.html", letters=letters, zone=self._zone, now_ms=now_ms),
            **{f"{site.facility.facility_id}-site": self._site(site, now_ms) for site in sites},
        }
        return Picture(
            as_of="now",
            shape=" ".join(parts),
            whole=render("sites.html", sites=sites, parts=parts),
            parts=parts,
        )

    def _site(self, site: SiteNow, now_ms: int) -> str:
        groups = bars(site.facility, site.state.chargers) if site.state else ()
        return render(
            "site.html", site=site, f=site.facility, state=site.state, touch=_touch(site), groups=groups, now_ms=now_ms
        )

    def _handle(self, part: Part) -> dict[str, str]:
        """How a part stands: ``there``, ``away``, or what was asked and has not come about yet."""
        away = part in self._around.handles.away
        asked = self._asked.get(part, "")
        if (asked == "pull") == away:
            asked = ""
        return {"part": part, "name": NAMES[part], "state": asked or ("away" if away else "there")}

    async def aclose(self) -> None:
        await self._client.aclose()


def _touch(site: SiteNow) -> tuple[str, str]:
    """How a site stands to headquarters, as the kind of a state and its words. It is never an alarm: it can go on."""
    if site.state is None:
        return "away", "The box does not answer"
    if not site.state.link.connected:
        return "attention", "Works alone, no broker"
    if not site.acknowledged:
        return "attention", "Works alone, no answer"
    if (site.state.link.backlog or 0) > CATCHING_UP:
        return "attention", "Catching up"
    return "fine", "At work, in touch"
