"""``easypark demo`` from the first line that it prints to the exit code."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

from provisioning.demo.facilities import ZONE
from provisioning.demo.house import House
from provisioning.demo.lived import MEASURED_DAY, LivedTime, morning_of
from provisioning.demo.measure import Measurement, check_writable, write
from provisioning.local.errors import SetupError
from provisioning.local.state import State
from shared.clock import to_local

HOME = Path(".easypark")
TEND_REAL_S = 0.2
HEAD_START_REAL_S = 20.0
"""A measured run's lived day begins this long after its processes do, so that the same cars find everything up."""
INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Somebody asked us to stop. A KeyboardInterrupt, since asyncio lets that pass through everything unwrapped."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for. ``seed`` None: the one of the state folder; ``port`` None: 8080 or any other;
    ``duration_ms`` None: until it is stopped."""

    speed: float
    seed: int | None
    port: int | None
    fresh: bool
    duration_ms: int | None
    headless: bool
    summary: Path | None
    state: Path | None

    @property
    def folder(self) -> Path:
        """A measured run is about itself, so it has a folder of its own, which starts empty."""
        return self.state or HOME / ("demo" if self.duration_ms is None else "headless")

    @property
    def begins_empty(self) -> bool:
        return self.fresh or (self.duration_ms is not None and self.state is None)


def run(wish: Wish) -> int:
    """Run a demo. 0: it was stopped, or was measured and everything reconciles; 1: something does not; 130: it was
    stopped before its end. Raises SetupError."""
    check_writable(wish.summary)
    with _interruptible(), State(wish.folder, fresh=wish.begins_empty) as state:
        measured = wish.duration_ms is not None
        first_day = MEASURED_DAY if measured else datetime.now(ZoneInfo(ZONE)).date()
        lived = LivedTime(
            state,
            speed=wish.speed,
            first_ms=morning_of(first_day, ZONE),
            head_start_real_s=HEAD_START_REAL_S if measured else 0.0,
        )
        house = House(state, lived, say=_say, port=wish.port)
        try:
            return _live(wish, house, lived)
        except Interrupted:
            _say("Stopping; the data is kept")
            return INTERRUPTED
        finally:
            with _deaf():
                house.close()
                lived.close()


def _live(wish: Wish, house: House, lived: LivedTime) -> int:
    seed = _seed(wish, house.state)
    _say(
        f"{to_local(lived.starts_at_ms, ZONE):%A %d %B %Y, %H:%M} in Boston and Philadelphia, {wish.speed:g} times as"
        f" fast as life, seed {seed}; data in {house.state.folder}"
    )
    house.open(seed)
    with nullcontext() if wish.headless else _page(house):
        if wish.duration_ms is not None:
            return _measure(wish, house, lived, seed)
        return _until_stopped(house, lived)


@contextmanager
def _page(house: House) -> Iterator[None]:
    """The page, open to whoever has the address that is printed."""
    page = house.page()
    page.start()
    _say(f"\n    {house.page_with_token()}\n\nCtrl-C stops everything and keeps the data; --fresh starts over")
    try:
        yield
    finally:
        page.stop()


def _until_stopped(house: House, lived: LivedTime) -> int:
    try:
        while True:
            lived.tend()
            house.stack.tend()
            time.sleep(TEND_REAL_S)
    except Interrupted:
        _say("Stopping; the data is kept")
        return 0


def _measure(wish: Wish, house: House, lived: LivedTime, seed: int) -> int:
    duration_ms = wish.duration_ms or 0
    measurement = Measurement(house, lived, say=_say)
    measurement.live(duration_ms)
    found = measurement.conclude(seed=seed, duration_ms=duration_ms)
    write(found, wish.summary)
    failures = found["audit"]
    if not isinstance(failures, list) or not failures:
        _say("Everything reconciles")
        return 0
    for failure in failures:
        _say(f"DOES NOT RECONCILE: {failure}")
    return 1


def _seed(wish: Wish, state: State) -> int:
    """The folder's customers come from one seed. Raises SetupError for another one."""
    kept = state.remembered("seed")
    if kept is None:
        chosen = 1 if wish.seed is None else wish.seed
        state.keep("seed", {"seed": chosen})
        return chosen
    known = kept.get("seed")
    if not isinstance(known, int):
        raise SetupError(f"seed.json in {state.folder} is corrupt: start over with --fresh")
    if wish.seed not in (None, known):
        raise SetupError(f"{state.folder} lives with seed {known}: leave --seed out, or start over with --fresh")
    return known


def _say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted in the main thread."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _deaf() -> Iterator[None]:
    """Nothing interrupts the stopping: each child has its own time limit."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    yield
