"""The box's time: steady, set by the wall clock only when the rules say so, and known again after a restart."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.rules.clock_inputs import ClockRead, ClockTaken, TakeClock
from edge.rules.inputs import Answer, Input, Ticked
from edge.runtime import FACILITY_RULES, Runtime
from edge.store import Store
from edge.timekeeping import FILE_NAME, Readings, SteadyTime, Timekeeper
from shared.clock import HOUR_MS, Clock, Timeline

pytestmark = pytest.mark.anyio

HOUR_S = 3_600.0
WALL_S = 1_800_000_000.0


@dataclass
class Machine:
    """The two clocks of a machine, moved by hand."""

    wall_s: float = WALL_S
    steady_s: float = 500.0
    boot: str = "boot-1"

    @property
    def readings(self) -> Readings:
        return Readings(lambda: self.wall_s, lambda: self.steady_s, lambda: self.boot)

    def live(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


@dataclass
class Box:
    machine: Machine
    folder: Path
    speed: float = 1.0
    given: list[tuple[Input, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steady = SteadyTime(self.folder, self.machine.readings)
        self.clock = Clock(Timeline(WALL_S, round(WALL_S * 1000), self.speed), self.steady.read_real_s)
        self.keeper = Timekeeper(self.steady, self.clock, post=self.post, submit=self.submit)

    def post(self, given: Input) -> None:
        self.given.append((given, self.clock.now_ms()))

    async def submit(self, given: Input) -> Answer | None:
        self.post(given)
        return None

    @property
    def inputs(self) -> list[Input]:
        return [given for given, _ in self.given]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, "boston")
    yield store
    store.close()


@pytest.mark.parametrize("by_s", [3 * HOUR_S, -3 * HOUR_S, 2.5, -2.5])
def test_a_wall_clock_that_is_moved_is_told_once_and_not_followed(
    machine: Machine, tmp_path: Path, by_s: float
) -> None:
    box = Box(machine, tmp_path)
    machine.live(10)
    before_ms = box.clock.now_ms()
    machine.wall_s += by_s
    for _ in range(3):
        box.keeper.look()
    assert box.inputs == [ClockRead(round(by_s * 1000))]
    assert box.clock.now_ms() == before_ms


def test_small_corrections_are_followed_in_silence(machine: Machine, tmp_path: Path) -> None:
    box = Box(machine, tmp_path)
    for _ in range(10):
        machine.wall_s += 1.5
        box.keeper.look()
    assert box.inputs == []
    assert box.clock.now_ms() == round(machine.wall_s * 1000)


def test_the_new_time_begins_with_the_input_that_says_so(machine: Machine, tmp_path: Path) -> None:
    box = Box(machine, tmp_path)
    machine.wall_s += HOUR_S
    box.keeper.look()
    box.keeper.take(TakeClock())
    assert box.given[-1] == (ClockTaken(HOUR_MS), round((WALL_S + HOUR_S) * 1000))
    box.keeper.look()
    assert len(box.given) == 2


def test_a_clock_that_is_put_right_before_it_was_followed_is_told_too(machine: Machine, tmp_path: Path) -> None:
    box = Box(machine, tmp_path)
    machine.wall_s += HOUR_S
    box.keeper.look()
    machine.wall_s -= HOUR_S
    box.keeper.take(TakeClock())
    assert box.inputs == [ClockRead(HOUR_MS), ClockRead(0)]


def test_a_move_counts_in_lived_time(machine: Machine, tmp_path: Path) -> None:
    box = Box(machine, tmp_path, speed=60.0)
    machine.wall_s += 1.0
    box.keeper.look()
    assert box.inputs == [ClockRead(60_000)]


def test_a_daemon_that_comes_back_while_the_machine_ran_on_knows_of_a_move_meanwhile(
    machine: Machine, tmp_path: Path
) -> None:
    Box(machine, tmp_path).steady.keep()
    machine.live(100)
    machine.wall_s -= HOUR_S
    again = Box(machine, tmp_path)
    assert again.steady.known
    assert again.clock.now_ms() == round((WALL_S + 100) * 1000)
    again.keeper.look()
    assert again.inputs == [ClockRead(-HOUR_MS)]


@pytest.mark.parametrize("spoilt", ["another boot", "no file", "not JSON", "no name for the boot"])
def test_without_a_note_of_this_life_of_the_machine_the_clock_is_not_known(
    machine: Machine, tmp_path: Path, spoilt: str
) -> None:
    if spoilt == "no name for the boot":
        machine.boot = ""
    Box(machine, tmp_path).steady.keep()
    machine.steady_s = 3.0
    if spoilt == "another boot":
        machine.boot = "boot-2"
    elif spoilt == "no file":
        (tmp_path / FILE_NAME).unlink()
    elif spoilt == "not JSON":
        (tmp_path / FILE_NAME).write_text("{")
    again = Box(machine, tmp_path)
    assert not again.steady.known
    assert again.clock.now_ms() == round(machine.wall_s * 1000)


async def test_how_the_clocks_stand_is_kept_after_the_step_is_durable(machine: Machine, tmp_path: Path) -> None:
    box = Box(machine, tmp_path)
    box.steady.keep()
    machine.wall_s += HOUR_S
    kept_at_submit: list[float] = []

    async def submit(given: Input) -> Answer | None:
        box.post(given)
        kept_at_submit.append(json.loads((tmp_path / FILE_NAME).read_text())["ahead_real_s"])
        return None

    keeper = Timekeeper(box.steady, box.clock, post=box.post, submit=submit)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0)
    keeper.take(TakeClock())
    async with asyncio.timeout(5):
        while box.steady.unkept():  # noqa: ASYNC110 - a file on another thread tells nobody
            await asyncio.sleep(0.01)
    running.cancel()
    assert box.inputs == [ClockRead(HOUR_MS), ClockTaken(HOUR_MS), Ticked()]
    assert kept_at_submit == [WALL_S - 500.0]
    assert json.loads((tmp_path / FILE_NAME).read_text())["ahead_real_s"] == WALL_S - 500.0 + HOUR_S


async def test_a_facility_without_chargers_follows_at_once(machine: Machine, tmp_path: Path, store: Store) -> None:
    steady = SteadyTime(tmp_path, machine.readings)
    clock = Clock(Timeline(), steady.read_real_s)
    runtime = Runtime(store, clock, FACILITY_RULES, version="1", clock_known=steady.known)
    keeper = Timekeeper(steady, clock, post=runtime.post, submit=runtime.submit)
    runtime.on_setpoint(TakeClock, keeper.take)
    heart = asyncio.create_task(runtime.run())
    await runtime.submit(Ticked())
    machine.wall_s -= HOUR_S
    keeper.look()
    await runtime.submit(Ticked())
    await runtime.submit(Ticked())
    runtime.stop()
    await heart
    told = [(e.type, e.at_ms - round(WALL_S * 1000)) for e in store.entries(after=0, limit=9)]
    begun = [("DaemonStarted", 0), ("ClockStepped", 0)]  # what time its stations have is not known
    assert told == [*begun, ("ClockDiffers", 0), ("ClockStepped", -HOUR_MS)]
