"""What waits to be decided: in order, each with the instant at which it came, and never more than a bound.

Inputs that somebody waits for are refused beyond the bound; he asks again. What became of our own asking is told once,
so it is never refused: there is no more of it than was asked. Signals of devices cannot be refused: the oldest one that
a newer of its kind has overtaken goes, since what counts in the end is the newest level.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from edge.rules.gathering import DiagnosticsGathered
from edge.rules.inputs import (
    Answer,
    Input,
    LaneSignalled,
    LimitReplied,
    LoadMetered,
    OrderReplied,
    StationClosed,
    Ticked,
)
from shared.devices import ArmMoved, DeviceFailed, DeviceRecovered, LoopChanged, PlateRead

WAITING_MAX = 10_000
_TOLD_ONCE = (LimitReplied, OrderReplied, StationClosed, DiagnosticsGathered)


class RuntimeStoppedError(Exception):
    """The input was not taken, or is not known to be durable: the daemon is stopping."""


class RuntimeBusyError(RuntimeStoppedError):
    """The input was not taken: too many wait already."""


class Waiting(NamedTuple):
    """An input, who waits for its answer, and the lived instant at which it came."""

    given: Input
    future: "asyncio.Future[Answer | None] | None"
    at_ms: int


class Inbox:
    """The queue. ``wake`` is set whenever something is put."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.wake = asyncio.Event()
        self._now_ms = now_ms
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, given: Input, future: "asyncio.Future[Answer | None] | None" = None) -> None:
        """Let an input wait. Raises RuntimeBusyError when there is no room for one that somebody waits for."""
        if len(self._waiting) >= WAITING_MAX and not isinstance(given, _TOLD_ONCE):
            if future is not None:
                raise RuntimeBusyError(f"{WAITING_MAX} inputs wait already")
            self._drop_overtaken()
        self._waiting.append(Waiting(given, future, self._now_ms()))
        self.wake.set()

    def take(self, count: int) -> list[Waiting]:
        """The next inputs, at most ``count``."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), count))]

    def _drop_overtaken(self) -> None:
        newer: set[tuple[str, ...]] = set()
        oldest = None
        for index in range(len(self._waiting) - 1, -1, -1):
            kind = _kind(self._waiting[index])
            if kind is None:
                continue
            if kind in newer:
                oldest = index
            newer.add(kind)
        if oldest is not None:
            del self._waiting[oldest]


def _kind(waiting: Waiting) -> tuple[str, ...] | None:
    """What a newer input of the same kind makes unimportant; None for what must not be lost."""
    if waiting.future is not None:
        return None
    match waiting.given:
        case LaneSignalled(signal=LoopChanged(lane_id=lane_id, loop=loop)):
            return (lane_id, loop)
        case LaneSignalled(signal=PlateRead(lane_id=lane_id)):
            return (lane_id, "plate")
        case LaneSignalled(signal=ArmMoved(lane_id=lane_id)):
            return (lane_id, "arm")
        case LaneSignalled(signal=DeviceFailed(lane_id=lane_id, device=device)):
            return (lane_id, "device", device)
        case LaneSignalled(signal=DeviceRecovered(lane_id=lane_id, device=device)):
            return (lane_id, "device", device)
        case LoadMetered():
            return ("load",)
        case Ticked():
            return ("tick",)
    return None
