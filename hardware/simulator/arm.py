"""A barrier's arm with inertia. It is latched by a pulse, as a real one, and remembers where it was on the way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.clock import Clock

TRAVEL_MS = 1_500
TRAVEL_REAL_S_MIN = 0.05
"""In time-lapse the facility's processor is not sped up, so the arm is no faster than a processor can see."""
PASSABLE = 0.8
"""A driver goes under an arm that is at least this far up (1 is upright)."""
ROOF = 0.3
"""At this height an arm on its way down meets a car."""


@dataclass(frozen=True, slots=True)
class Crush:
    """An arm came down on a car."""

    at_ms: int


class OnLimits(Protocol):
    """Told when the limit switches change."""

    def __call__(self, *, up: bool, down: bool) -> None: ...


class SimulatedArm:
    """Lowered at first. ``stuck`` holds it where it is. ``crushes`` records the worst that can happen, in order.

    Lives in the running event loop; a crushed car stops the arm until it is raised.
    """

    def __init__(self, clock: Clock, *, on_limits: OnLimits, car_under: Callable[[], bool]) -> None:
        self._clock = clock
        self._on_limits = on_limits
        self._car_under = car_under
        self._travel_real_s = max(clock.real_s(TRAVEL_MS), TRAVEL_REAL_S_MIN)
        self._from = 0.0
        self._target = 0.0
        self._since_real_s = 0.0
        self._due: list[asyncio.TimerHandle] = []
        self.stuck = False
        self.crushes: list[Crush] = []

    @property
    def height(self) -> float:
        """0 is lowered, 1 is upright."""
        if not self._due:
            return self._from
        passed = (asyncio.get_running_loop().time() - self._since_real_s) / self._travel_real_s
        way = self._target - self._from
        return self._from + max(-passed, way) if way < 0 else self._from + min(passed, way)

    @property
    def passable(self) -> bool:
        """Whether a driver would go under it now."""
        return self.height >= PASSABLE

    def rise(self) -> None:
        """Take a raise pulse."""
        self._head_for(1.0)

    def fall(self) -> None:
        """Take a lower pulse."""
        self._head_for(0.0)

    def close(self) -> None:
        """Stop moving and cancel what was due."""
        self._stop_at(self.height)

    def _head_for(self, target: float) -> None:
        height = self.height
        if self.stuck or target == (self._target if self._due else height):
            return
        self._stop_at(height)
        loop = asyncio.get_running_loop()
        self._target, self._since_real_s = target, loop.time()
        self._on_limits(up=False, down=False)
        if target < ROOF < height:
            self._due.append(loop.call_later((height - ROOF) * self._travel_real_s, self._meet_roof))
        self._due.append(loop.call_later(abs(target - height) * self._travel_real_s, self._arrive))

    def _stop_at(self, height: float) -> None:
        for due in self._due:
            due.cancel()
        self._due.clear()
        self._from = height

    def _meet_roof(self) -> None:
        if self._car_under():
            self._stop_at(ROOF)
            self.crushes.append(Crush(self._clock.now_ms()))

    def _arrive(self) -> None:
        self._stop_at(self._target)
        self._on_limits(up=self._from == 1.0, down=self._from == 0.0)
