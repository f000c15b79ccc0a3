"""What the hardware tests share: a box of mock pins with one lane, and a list of its signals that can be waited on."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hardware.registry import GpioWiring, LanePins, LaneWiring
from shared.clock import Clock, Timeline
from shared.devices import LaneSignal

PINS = LanePins(front=17, under=18, arm_up=22, arm_down=23, raise_=24, lower=25)
WAIT_REAL_S = 5.0


def clock(speed: float = 1.0) -> Clock:
    return Clock(Timeline(time.time(), 1_700_000_000_000, speed), time.time)


def wiring(folder: Path) -> tuple[GpioWiring, LaneWiring]:
    gpio = GpioWiring(factory="mock", wire=str(folder / "wire"))
    return gpio, LaneWiring("entry-1", str(folder / "camera"), str(folder / "display"), PINS)


class Heard:
    """Collects what drivers emit from their threads."""

    def __init__(self) -> None:
        self.signals: list[LaneSignal] = []
        self._news = threading.Condition()

    def __call__(self, signal: LaneSignal) -> None:
        with self._news:
            self.signals.append(signal)
            self._news.notify_all()

    def wait_for(self, signal: LaneSignal, times: int = 1) -> None:
        """Return once ``signal`` was heard that often; AssertionError after a few seconds."""
        with self._news:
            found = self._news.wait_for(lambda: self.signals.count(signal) >= times, WAIT_REAL_S)
        assert found, f"never heard {signal!r} {times} times; heard {self.signals!r}"

    def of(self, kind: type) -> list[LaneSignal]:
        with self._news:
            return [signal for signal in self.signals if isinstance(signal, kind)]


async def until(holds: Callable[[], bool], what: str) -> None:
    """``eventually`` for tests in an event loop."""
    give_up = time.monotonic() + WAIT_REAL_S
    while not holds():
        assert time.monotonic() < give_up, f"never: {what}"
        await asyncio.sleep(0.005)


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Return once ``holds()``; AssertionError naming ``what`` after a few seconds."""
    until = time.monotonic() + WAIT_REAL_S
    while not holds():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.005)
