"""The box's time: the machine's steady clock, which nobody can move, set by its wall clock only when that is safe.

A wall clock is moved by hours when a dead battery is noticed, by a hand or by a wrong rule for summer. All that waits
would then wait too long or be over at once, and leases at the stations would end each at its own moment. So the box
reads the steady clock, follows small corrections, tells the rules of a big one and follows that when they say so. How
the two clocks stand is kept in a file, so a daemon that comes back while the machine ran on knows of a move meanwhile.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from edge.rules.clock_inputs import ClockRead, ClockTaken, TakeClock
from edge.rules.inputs import Answer, Input, Ticked
from shared.clock import SECOND_MS, Clock

STEP_MIN_MS = 2 * SECOND_MS
"""Lived time. A wall clock that is further off was moved; one that is less was corrected. A small part of what the
clocks of stations may be off (``PowerSettings.drift_s``)."""
LOOK_EVERY_REAL_S = 1.0
NOTE_WITHIN_REAL_S = 0.01
"""Small corrections add up: they are written down before they look like a move at the next start."""
FILE_NAME = "clock.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_log = logging.getLogger(__name__)


def steady_real_s() -> float:
    """Seconds since the machine came up, those that it slept included where the system counts them."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def boot_id() -> str:
    """Names the machine's present life; empty where the system has no name for it."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Readings:
    """The two clocks of the machine, in real seconds, and which of its lives this is."""

    wall_real_s: Callable[[], float] = time.time
    steady_real_s: Callable[[], float] = steady_real_s
    boot_id: Callable[[], str] = boot_id


class SteadyTime:
    """``read_real_s`` is what a ``Clock`` reads. ``known``: it goes on from the daemon's last life."""

    def __init__(self, data_dir: Path, readings: Readings | None = None) -> None:
        self._path = data_dir / FILE_NAME
        self._readings = readings or Readings()
        kept = self._kept_real_s()
        self.known = kept is not None
        self._ahead_real_s = self._wall_ahead_real_s() if kept is None else kept
        self._noted_real_s = kept

    def read_real_s(self) -> float:
        """The time lived, in real seconds since the epoch."""
        return self._readings.steady_real_s() + self._ahead_real_s

    def off_real_s(self) -> float:
        """How far the wall clock is ahead of it; negative when behind."""
        return self._wall_ahead_real_s() - self._ahead_real_s

    def follow(self) -> None:
        """Take the wall clock's time."""
        self._ahead_real_s = self._wall_ahead_real_s()

    def unkept(self) -> bool:
        """Whether the note does not tell how the clocks stand."""
        return self._noted_real_s is None or abs(self._ahead_real_s - self._noted_real_s) > NOTE_WITHIN_REAL_S

    def keep(self) -> None:
        """Write down how the clocks stand. A disk that refuses leaves the old note."""
        ahead_real_s = self._ahead_real_s
        partial = self._path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps({"boot_id": self._readings.boot_id(), "ahead_real_s": ahead_real_s}))
            partial.replace(self._path)
        except OSError as error:
            _log.warning("how the clocks stand could not be kept: %s", error)
        self._noted_real_s = ahead_real_s

    def _wall_ahead_real_s(self) -> float:
        return self._readings.wall_real_s() - self._readings.steady_real_s()

    def _kept_real_s(self) -> float | None:
        """None: there is no note, or it is of another life of the machine."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text())
            if kept["boot_id"] and kept["boot_id"] == self._readings.boot_id():
                return float(kept["ahead_real_s"])
        return None


class Timekeeper:
    """Compares the clocks, tells the rules, and follows when they say so. Everything runs on the event loop."""

    def __init__(
        self,
        steady: SteadyTime,
        clock: Clock,
        *,
        post: Callable[[Input], None],
        submit: Callable[[Input], Awaitable[Answer | None]],
    ) -> None:
        self._steady = steady
        self._clock = clock
        self._post = post
        self._submit = submit
        self._told_ms = 0
        self._followed = asyncio.Event()

    def look(self) -> None:
        """Compare the clocks once: follow a small difference, tell of a big one that is new, and of its end."""
        off_ms = self._off_ms()
        if abs(off_ms) < STEP_MIN_MS:
            self._steady.follow()
            off_ms = 0
        if abs(off_ms - self._told_ms) >= STEP_MIN_MS:
            _log.warning("the wall clock is %d ms ahead of the time lived", off_ms)
            self._told_ms = off_ms
            self._post(ClockRead(off_ms))

    def take(self, _setpoint: TakeClock) -> None:
        """Live by the wall clock from now on; the first input of the new time says so."""
        off_ms = self._off_ms()
        if abs(off_ms) < STEP_MIN_MS:
            self.look()
            return
        self._steady.follow()
        self._told_ms = 0
        self._post(ClockTaken(off_ms))
        self._followed.set()

    async def run(self) -> None:
        """Look again and again, until cancelled. How the clocks stand is kept only after all that went before is
        durable: a daemon that dies in between lives by the old time again, and follows again."""
        while True:
            self.look()
            if self._steady.unkept():
                await self._submit(Ticked())
                await asyncio.to_thread(self._steady.keep)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_REAL_S):
                    await self._followed.wait()
            self._followed.clear()

    def _off_ms(self) -> int:
        return round(self._steady.off_real_s() * self._clock.timeline.speed * SECOND_MS)
