"""A simulated lane against the real drivers, over ptys and the pin wire: what a driver meets at a gate.

The facility is stood in for by a gatekeeper who knows no more than: raise for a welcome plate, lower behind the car.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hardware.plate_reader import Reading
from hardware.registry import LaneDevices, open_site
from hardware.simulator.lane import Behaviour, Car, Outcome, Passage, SimulatedLane
from shared.devices import (
    Arm,
    ArmMoved,
    ArmPosition,
    Device,
    DeviceFailed,
    DeviceRecovered,
    LaneSignal,
    Loop,
    LoopChanged,
    PlateRead,
)
from tests.hardware.site import Heard, clock, until, wiring

pytestmark = pytest.mark.anyio

SPEED = 30
TRACE = {
    (Loop.FRONT, True): "F+",
    (Loop.FRONT, False): "F-",
    (Loop.UNDER, True): "U+",
    (Loop.UNDER, False): "U-",
}


class Gatekeeper:
    """Decides in the drivers' threads. ``welcome`` plates get in, others get a text, an empty plate gets nothing."""

    def __init__(self, devices: LaneDevices, welcome: set[str]) -> None:
        self.heard = Heard()
        self.welcome = welcome
        self._devices = devices

    def __call__(self, signal: LaneSignal) -> None:
        self.heard(signal)
        if isinstance(signal, PlateRead) and signal.plate and signal.confidence_pct >= 70:
            if signal.plate in self.welcome:
                self._devices.display.show(("WELCOME", signal.plate))
                self._devices.barrier.set_arm(Arm.RAISED)
            else:
                self._devices.display.show(("NO ENTRY", "PLATE NOT KNOWN"))
        if signal == LoopChanged(lane_id="entry-1", loop=Loop.UNDER, occupied=False):
            self._devices.barrier.set_arm(Arm.LOWERED)

    def trace(self) -> str:
        """The loops' story, such as ``F+ U+ F- U-``, without the report at the start."""
        changes = [s for s in self.heard.of(LoopChanged) if isinstance(s, LoopChanged)]
        return " ".join(TRACE[s.loop, s.occupied] for s in changes[2:])


@asynccontextmanager
async def gate(folder: Path, *welcome: str, speed: float = SPEED) -> AsyncIterator[tuple[SimulatedLane, Gatekeeper]]:
    gpio, lane_wiring = wiring(folder)
    lived = clock(speed)
    with open_site(gpio, [lane_wiring], lived) as site:
        keeper = Gatekeeper(site.lanes["entry-1"], set(welcome))
        async with SimulatedLane(lane_wiring, wire=gpio.wire, clock=lived) as lane:
            site.start(keeper)
            await heard(keeper, ArmMoved(lane_id="entry-1", position=ArmPosition.LOWERED))
            yield lane, keeper
        assert lane.arm.crushes == []


async def heard(keeper: Gatekeeper, signal: LaneSignal, times: int = 1) -> None:
    await asyncio.to_thread(keeper.heard.wait_for, signal, times)


async def lowered(keeper: Gatekeeper, times: int) -> None:
    await heard(keeper, ArmMoved(lane_id="entry-1", position=ArmPosition.LOWERED), times)


async def test_a_welcome_car_is_read_waits_for_the_arm_and_drives_through(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        passage = await lane.drive_through(Car("4AB12C"))
        assert passage.outcome is Outcome.PASSED
        assert passage.shown == ("WELCOME", "4AB12C")
        assert passage.green_ms is not None
        assert passage.arrived_ms < passage.green_ms < passage.left_ms
        await lowered(keeper, 2)
        assert keeper.trace() == "F+ U+ F- U-"
        assert set(keeper.heard.of(PlateRead)) == {PlateRead(lane_id="entry-1", plate="4AB12C", confidence_pct=96)}


async def test_what_the_car_before_was_told_is_not_said_to_the_next(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, _):
        await lane.drive_through(Car("4AB12C"))
        passage = await lane.drive_through(Car("9XY", readings=(Reading("", 0),)))
        assert lane.shown == ("WELCOME", "4AB12C")
        assert passage.shown == ()


async def test_cars_come_one_after_the_other(tmp_path: Path) -> None:
    plates = [f"CAR{n}" for n in range(4)]
    async with gate(tmp_path, *plates) as (lane, keeper):
        outcomes = [(await lane.drive_through(Car(plate))).outcome for plate in plates]
        assert outcomes == [Outcome.PASSED] * 4
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=Loop.UNDER, occupied=False), times=5)
        assert keeper.trace() == " ".join(["F+ U+ F- U-"] * 4)


async def test_a_refused_car_reads_the_display_and_backs_out(tmp_path: Path) -> None:
    async with gate(tmp_path) as (lane, keeper):
        passage = await lane.drive_through(Car("4AB12C"))
        assert passage.outcome is Outcome.REFUSED
        assert passage.shown == ("NO ENTRY", "PLATE NOT KNOWN")
        assert passage.green_ms is None
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=Loop.FRONT, occupied=False), times=2)
        assert keeper.trace() == "F+ F-"


async def test_a_refused_driver_may_do_something_about_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as (lane, keeper):

        async def pay(shown: tuple[str, ...]) -> bool:
            assert shown == ("NO ENTRY", "PLATE NOT KNOWN")
            keeper.welcome.add("4AB12C")
            return True

        passage = await lane.drive_through(Car("4AB12C"), on_refusal=pay)
        assert passage.outcome is Outcome.PASSED


async def test_a_car_that_is_never_read_gives_up_unanswered(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        passage = await lane.drive_through(Car("4AB12C", readings=(Reading("", 0),)))
        assert (passage.outcome, passage.shown) == (Outcome.UNANSWERED, ())
        looks = keeper.heard.of(PlateRead)
        assert len(looks) > 1
        assert set(looks) == {PlateRead(lane_id="entry-1", plate="", confidence_pct=0)}


async def test_the_camera_looks_again_at_a_car_it_could_not_read(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        looks = (Reading("", 0), Reading("4A812C", 41), Reading("4AB12C", 93))
        passage = await lane.drive_through(Car("4AB12C", readings=looks))
        assert passage.outcome is Outcome.PASSED
        read = [(s.plate, s.confidence_pct) for s in keeper.heard.of(PlateRead) if isinstance(s, PlateRead)]
        assert read == [(look.plate, look.confidence_pct) for look in looks]


@pytest.mark.parametrize(
    ("behaviour", "outcome", "trace"),
    [
        (Behaviour.REVERSE_OUT, Outcome.TURNED_BACK, "F+ F-"),
        (Behaviour.REVERSE_UNDER, Outcome.TURNED_BACK, "F+ U+ U- F-"),
        (Behaviour.STOP_UNDER, Outcome.PASSED, "F+ U+ F- U-"),
    ],
)
async def test_a_driver_behaves_as_told(tmp_path: Path, behaviour: Behaviour, outcome: Outcome, trace: str) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        passage = await lane.drive_through(Car("4AB12C", behaviour=behaviour, stop_ms=5_000))
        assert passage.outcome is outcome
        last = Loop.UNDER if trace.endswith("U-") else Loop.FRONT
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=last, occupied=False), times=2)
        assert keeper.trace() == trace


async def test_a_tailgater_follows_under_the_open_arm_and_is_not_crushed(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C", speed=4) as (lane, keeper):
        await lane.drive_through(Car("4AB12C"))
        passage = await lane.drive_through(Car("9XY", behaviour=Behaviour.TAILGATE))
        assert passage.outcome is Outcome.PASSED
        assert passage.green_ms is None
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=Loop.UNDER, occupied=False), times=3)
        assert keeper.trace() == "F+ U+ F- U- F+ U+ F- U-"


async def test_a_tailgater_before_a_lowered_arm_asks_like_everybody(tmp_path: Path) -> None:
    async with gate(tmp_path) as (lane, _):
        passage = await lane.drive_through(Car("9XY", behaviour=Behaviour.TAILGATE))
        assert passage.outcome is Outcome.REFUSED


async def test_an_arm_that_comes_down_on_a_car_is_recorded(tmp_path: Path) -> None:
    """A barrier that drives down by itself: no relay, no program, and still on the record."""
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        driving = asyncio.create_task(lane.drive_through(Car("4AB12C", behaviour=Behaviour.STOP_UNDER)))
        under = LoopChanged(lane_id="entry-1", loop=Loop.UNDER, occupied=True)
        await heard(keeper, under)
        lane.arm.fall()
        await until(lambda: bool(lane.arm.crushes), "the crush")
        lane.arm.crushes.clear()
        driving.cancel()


async def test_a_second_car_on_the_same_spot_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, _):
        driving = asyncio.create_task(lane.drive_through(Car("4AB12C")))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="has a car already"):
            await lane.drive_through(Car("9XY"))
        assert (await driving).outcome is Outcome.PASSED


async def test_a_cancelled_drive_leaves_no_car_behind(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        driving: asyncio.Task[Passage] = asyncio.create_task(lane.drive_through(Car("9XY")))
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=Loop.FRONT, occupied=True))
        driving.cancel()
        await heard(keeper, LoopChanged(lane_id="entry-1", loop=Loop.FRONT, occupied=False), times=2)
        assert (await lane.drive_through(Car("4AB12C"))).outcome is Outcome.PASSED


async def test_a_pulled_camera_cable_is_seen_and_mended(tmp_path: Path) -> None:
    async with gate(tmp_path, "4AB12C") as (lane, keeper):
        lane.camera.unplug()
        await until(lambda: bool(keeper.heard.of(DeviceFailed)), "failed")
        (failed,) = keeper.heard.of(DeviceFailed)
        assert isinstance(failed, DeviceFailed)
        assert failed.device is Device.PLATE_READER
        lane.camera.plug_in()
        await heard(keeper, DeviceRecovered(lane_id="entry-1", device=Device.PLATE_READER))
        assert (await lane.drive_through(Car("4AB12C"))).outcome is Outcome.PASSED


async def test_a_foreign_file_where_the_camera_should_be_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "camera").write_text("somebody's")
    gpio, lane_wiring = wiring(tmp_path)
    with pytest.raises(FileExistsError, match="not a link of ours"):
        await SimulatedLane(lane_wiring, wire=gpio.wire, clock=clock()).__aenter__()
    assert (tmp_path / "camera").read_text() == "somebody's"
