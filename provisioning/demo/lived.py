"""Where lived time stands: a demo goes on where the last one stopped, and never goes back.

While it runs, the instant that is kept lies a little ahead, so that after a power cut nothing is dated before what the
facilities' logs already hold.
"""

import time
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo

from provisioning.local.errors import SetupError
from provisioning.local.state import State
from shared.clock import HOUR_MS, Clock, Timeline, from_datetime

OPENING = time_of_day(7, 0)
MEASURED_DAY = date(2026, 9, 16)
"""A Wednesday on which no clock is changed. A measured run lives this day, whenever it is run: the traffic of a seed
depends on the date."""
AHEAD_REAL_S = 20.0
KEEP_EVERY_REAL_S = 5.0
_NAME = "lived"


def morning_of(day: date, zone: str) -> int:
    """07:00 of a day at a place, in milliseconds UTC."""
    return from_datetime(datetime.combine(day, OPENING, ZoneInfo(zone)))


class LivedTime:
    """The one timeline of a demo, remembered in its state folder. ``starts_at_ms`` is where this run's time begins.

    It stands still until ``begin``: registering customers in an empty cloud must not cost the drivers their morning.
    """

    def __init__(self, state: State, *, speed: float, first_ms: int, head_start_real_s: float = 0.0) -> None:
        """``first_ms`` is where a new state folder begins; that instant comes ``head_start_real_s`` after ``begin``, so
        that what is started then is up by then. Raises SetupError when what was kept cannot be read."""
        kept = state.remembered(_NAME)
        self._state = state
        self._speed = speed
        self._head_start_real_s = head_start_real_s if kept is None else 0.0
        self._kept_at_real_s = 0.0
        self._begun = False
        self.starts_at_ms = first_ms if kept is None else _instant(kept)
        self.clock = Clock(self.eve(), time.time)

    def eve(self) -> Timeline:
        """A timeline for what has to be done before: it goes as life does, in the hour before the first instant."""
        return Timeline(origin_real_s=time.time(), origin_ms=self.starts_at_ms - HOUR_MS, speed=1.0)

    def begin(self) -> Timeline:
        """Let lived time run. The timeline is for every process."""
        timeline = Timeline(
            origin_real_s=time.time() + self._head_start_real_s, origin_ms=self.starts_at_ms, speed=self._speed
        )
        self.clock = Clock(timeline, time.time)
        self._begun = True
        return timeline

    def wait_for_the_start(self, say: Callable[[str], None]) -> None:
        """Sleep until the first instant. Says so when a head start was too short: then the first cars come together."""
        late_real_s = self.clock.timeline.real_s(self.clock.now_ms() - self.starts_at_ms)
        if self._head_start_real_s and late_real_s > 0:
            say(f"This machine is slow: everything was up {late_real_s:.1f} s after the first cars were due")
        time.sleep(self.clock.real_s_until(self.starts_at_ms))

    def tend(self) -> None:
        """Call often: keeps the instant every few seconds, a little ahead."""
        now_real_s = time.time()
        if self._begun and now_real_s - self._kept_at_real_s >= KEEP_EVERY_REAL_S:
            self._kept_at_real_s = now_real_s
            self._keep(self.clock.timeline.at_ms(now_real_s + AHEAD_REAL_S))

    def close(self) -> None:
        """Keep exactly where lived time stands: everybody who could write is stopped."""
        if self._begun:
            self._keep(max(self.clock.now_ms(), self.starts_at_ms))

    def _keep(self, at_ms: int) -> None:
        self._state.keep(_NAME, {"at_ms": at_ms})


def _instant(kept: dict[str, Any]) -> int:
    at_ms = kept.get("at_ms")
    if not isinstance(at_ms, int) or at_ms < 0:
        raise SetupError(f"{_NAME}.json in the state folder is corrupt (at_ms is {at_ms!r}): start over with --fresh")
    return at_ms
