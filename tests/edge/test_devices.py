"""The lanes' devices at the wire: what they say reaches the runtime, what the runtime asks for reaches them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.config import Api, Config, Gpio, LaneWires, Listen, Pins
from edge.devices import Devices, WiringError
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, Knowledge, LaneSignalled
from hardware.plate_reader import Reading, plate_sentence
from hardware.simulator.pin_wire_client import PinWireClient
from hardware.simulator.pty_line import PtyLine
from shared.clock import REAL_TIME, Clock
from shared.devices import Arm, LaneSignal, Loop, LoopChanged, PlateRead
from tests.builders import facility

pytestmark = pytest.mark.anyio
CLOCK = Clock(REAL_TIME, time.time)
PINS = {"front": 5, "under": 6, "arm_up": 13, "arm_down": 19, "raise": 20, "lower": 21}


class Recorder:
    """What of the runtime the devices use: inputs are kept, setpoints are given by the test."""

    def __init__(self) -> None:
        self.inputs: asyncio.Queue[LaneSignalled] = asyncio.Queue()
        self.handlers: dict[type, Callable[[object], None]] = {}
        self.knowledge = Knowledge()
        self.on_stalled: Callable[[], None]

    def post(self, given: LaneSignalled) -> None:
        self.inputs.put_nowait(given)

    def on_setpoint(self, kind: type, handler: Callable[[object], None]) -> None:
        self.handlers[kind] = handler

    def send(self, setpoint: object) -> None:
        self.handlers[type(setpoint)](setpoint)

    async def hear(self, wanted: LaneSignal) -> None:
        """Wait for a signal; others before it are skipped."""
        async with asyncio.timeout(10):
            while (await self.inputs.get()).signal != wanted:
                pass


@pytest.fixture
def config(tmp_path: Path) -> Config:
    wires = LaneWires(plate_reader=str(tmp_path / "camera"), display=str(tmp_path / "display"), pins=Pins(**PINS))
    return Config(
        facility_id="boston",
        data_dir=tmp_path,
        broker_url="mqtt://x",
        ocpp=Listen(port=1),
        api=Api(port=2, token_file=tmp_path / "tokens"),
        gpio=Gpio(factory="mock", wire=tmp_path / "pins"),
        lanes={"in-1": wires},
    )


@dataclass
class Outside:
    """The world's ends of the cables."""

    camera: PtyLine
    pins: PinWireClient
    levels: "asyncio.Queue[tuple[int, bool]]"
    shown: "asyncio.Queue[bytes]"


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    levels: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()
    shown: asyncio.Queue[bytes] = asyncio.Queue()
    camera = PtyLine(str(tmp_path / "camera"))
    display = PtyLine(str(tmp_path / "display"), shown.put_nowait)
    camera.plug_in()
    display.plug_in()
    pins = PinWireClient(str(tmp_path / "pins"), on_output=lambda pin, level: levels.put_nowait((pin, level)))
    pins.drive(PINS["arm_down"], True)
    running = asyncio.create_task(pins.run())
    yield Outside(camera, pins, levels, shown)
    running.cancel()
    camera.unplug()
    display.unplug()


async def test_loops_and_plates_reach_the_runtime_as_inputs(config: Config, outside: Outside) -> None:
    runtime = Recorder()
    with Devices(config, CLOCK, runtime):
        outside.pins.drive(PINS["front"], False)
        await runtime.hear(LoopChanged(lane_id="in-1", loop=Loop.FRONT, occupied=False))
        outside.pins.drive(PINS["front"], True)
        await runtime.hear(LoopChanged(lane_id="in-1", loop=Loop.FRONT, occupied=True))
        outside.camera.send(plate_sentence(Reading("4AB12", 97)))
        await runtime.hear(PlateRead(lane_id="in-1", plate="4AB12", confidence_pct=97))


async def test_an_arm_setpoint_pulses_the_relay_of_its_lane(config: Config, outside: Outside) -> None:
    runtime = Recorder()
    with Devices(config, CLOCK, runtime):
        runtime.send(ArmSetpoint("in-1", Arm.RAISED))
        async with asyncio.timeout(10):
            while await outside.levels.get() != (PINS["raise"], True):
                pass


async def test_a_display_setpoint_is_shown(config: Config, outside: Outside) -> None:
    runtime = Recorder()
    with Devices(config, CLOCK, runtime):
        runtime.send(DisplaySetpoint("in-1", ("Welcome", "Level 1")))
        async with asyncio.timeout(10):
            while b"Welcome|Level 1" not in await outside.shown.get():
                pass


async def test_a_setpoint_for_a_lane_that_is_not_wired_here_goes_nowhere(config: Config) -> None:
    runtime = Recorder()
    with Devices(config, CLOCK, runtime):
        runtime.send(ArmSetpoint("elsewhere", Arm.RAISED))
        runtime.send(DisplaySetpoint("elsewhere", ("x",)))


async def test_a_box_without_lanes_starts(config: Config) -> None:
    with Devices(replace(config, lanes={}), CLOCK, Recorder()):
        pass


async def test_wiring_that_cannot_be_meant_is_refused(config: Config) -> None:
    twice = {"in-1": config.lanes["in-1"], "in-2": config.lanes["in-1"]}
    with pytest.raises(WiringError, match="used more often"):
        Devices(replace(config, lanes=twice), CLOCK, Recorder())


async def test_while_nothing_is_decided_a_car_at_the_exit_is_let_out(config: Config, outside: Outside) -> None:
    runtime = Recorder()
    runtime.knowledge = Knowledge(facility())
    with Devices(replace(config, lanes={"out-1": config.lanes["in-1"]}), CLOCK, runtime):
        outside.pins.drive(PINS["front"], True)
        await runtime.hear(LoopChanged(lane_id="out-1", loop=Loop.FRONT, occupied=True))
        runtime.on_stalled()
        async with asyncio.timeout(10):
            while await outside.levels.get() != (PINS["raise"], True):
                pass
