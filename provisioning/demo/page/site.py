"""What a box on site says of itself over its own API, whether or not headquarters can hear it."""

import time
from collections import deque
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel, ValidationError

from cloud.dashboard.rules.overview import Tone
from cloud.dashboard.rules.telling import tell
from shared.events import Entry, VehicleEntered, VehicleExited, parse_event
from shared.facilities import Facility

TOLD = 3
PAGE = 500
TIMEOUT_REAL_S = 1.5
UNANSWERED_REAL_S = 4.0
"""A log that grows while nothing of it is acknowledged for so long has nobody listening."""


class LaneSeen(BaseModel):
    lane_id: str
    direction: str
    phase: str
    plate: str
    reason: str
    arm: str | None


class SpacesSeen(BaseModel):
    kind: str
    total: int
    free: int


class ChargerSeen(BaseModel):
    """``limit_w`` is in force; ``drawn_w`` None: nothing is charging, or its meter has not said yet."""

    station_id: str
    evse_id: int
    connected: bool
    status: str
    limit_w: int
    worst_case_w: int
    drawn_w: int | None
    plate: str


class LinkSeen(BaseModel):
    """``backlog`` None: the cloud has not said yet what it holds."""

    connected: bool
    head: int
    acked: int | None
    backlog: int | None


class SiteState(BaseModel):
    """The answer of ``/api/v1/state``, as far as it is shown."""

    now_ms: int
    configured: bool
    link: LinkSeen
    sessions: int = 0
    lanes: tuple[LaneSeen, ...] = ()
    spaces: tuple[SpacesSeen, ...] = ()
    chargers: tuple[ChargerSeen, ...] = ()
    drawn_w: int | None = None
    worst_case_w: int | None = None
    budget_w: int | None = None


class LogPage(BaseModel):
    """The answer of ``/api/v1/events``: entries of one log, oldest first."""

    log_id: str
    head: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box listens and the token that it knows us by."""

    facility: Facility
    api_url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    at_ms: int
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class SiteNow:
    """``state`` None: the box does not answer. ``plates`` are the last car through each lane. ``acknowledged``: the
    cloud holds all of the log, or took some of it in lately."""

    facility: Facility
    state: SiteState | None
    lines: tuple[Line, ...]
    plates: dict[str, str]
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was read."""

    log_id: str
    position: int


class SiteWatch:
    """Asks one box again and again, for its state and for the entries of its log since the last time."""

    def __init__(self, box: Box, client: httpx.AsyncClient) -> None:
        self._box = box
        self._client = client
        self._seen: Place | None = None
        self._lines: deque[Line] = deque(maxlen=TOLD)
        self._plates: dict[str, str] = {}
        self._acked: int | None = None
        self._acked_at_real_s = time.monotonic()

    async def look(self) -> SiteNow:
        """The site now; never raises for a box that is away."""
        try:
            state = SiteState.model_validate(await self._get("/api/v1/state", {}))
            await self._read_on()
        except (httpx.HTTPError, ValidationError):
            state = None
        acknowledged = state is not None and self._is_acknowledged(state.link)
        return SiteNow(self._box.facility, state, tuple(self._lines), dict(self._plates), acknowledged)

    def _is_acknowledged(self, link: LinkSeen) -> bool:
        now_real_s = time.monotonic()
        if link.acked != self._acked or link.backlog == 0:
            self._acked, self._acked_at_real_s = link.acked, now_real_s
        return now_real_s - self._acked_at_real_s < UNANSWERED_REAL_S

    async def _read_on(self) -> None:
        """A box with another log than before (its data was lost) is read anew the next time."""
        query = {"limit": PAGE} if self._seen is None else {"limit": PAGE, "after": self._seen.position}
        page = LogPage.model_validate(await self._get("/api/v1/events", query))
        if self._seen is not None and page.log_id != self._seen.log_id:
            self._seen = None
            return
        for entry in page.entries:
            self._take(entry)
        position = page.entries[-1].seq if page.entries else query.get("after", page.head)
        self._seen = Place(page.log_id, position)

    def _take(self, entry: Entry) -> None:
        event = parse_event(entry)
        if isinstance(event, VehicleEntered | VehicleExited):
            self._plates[event.lane_id] = event.plate
        told = None if event is None else tell(event)
        if told is not None:
            self._lines.appendleft(Line(entry.at_ms, told.text, told.tone))

    async def _get(self, path: str, query: dict[str, int]) -> object:
        answer = await self._client.get(
            self._box.api_url + path,
            params=query,
            headers={"Authorization": f"Bearer {self._box.token}"},
            timeout=TIMEOUT_REAL_S,
        )
        answer.raise_for_status()
        found: object = answer.json()
        return found
