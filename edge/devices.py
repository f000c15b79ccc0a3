"""The devices on site between the drivers' threads and the runtime's loop: signals in, setpoints out.

While the disk takes no entries nothing is decided (``Runtime.stalled``). Then ``edge/rules/unaided.py`` says what the
lanes do by themselves, from the levels of their loops alone.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from edge.config import Config, LaneWires
from edge.rules import unaided
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, LaneSignalled, LoadMetered
from edge.runtime import Runtime
from hardware.registry import GpioWiring, LanePins, LaneWiring, MeterWiring, Site, WiringError, open_site
from shared.clock import Clock
from shared.devices import LaneSignal, LoadRead, Loop, LoopChanged, MeterSignal

__all__ = ["Devices", "WiringError"]

_log = logging.getLogger(__name__)


class Devices:
    """Every device that the box is wired to. Entering starts the signals, leaving releases pins and lines.

    A setpoint for a lane that this box is not wired to goes nowhere: the wiring, not headquarters, says what is here.
    The constructor raises WiringError for wiring that cannot be opened.
    """

    def __init__(self, config: Config, clock: Clock, runtime: Runtime[Any]) -> None:
        wire = config.gpio.wire
        gpio = GpioWiring(config.gpio.factory, "" if wire is None else str(wire))
        lanes = [_wiring(lane_id, wires) for lane_id, wires in config.lanes.items()]
        meter = None if config.meter is None else MeterWiring(**asdict(config.meter))
        self._site: Site = open_site(gpio, lanes, clock, meter)
        self._meter_problem: str | None = "not read yet"
        self._runtime = runtime
        self._waiting: dict[str, bool] = {}
        runtime.on_stalled = self._act_unaided
        runtime.on_setpoint(ArmSetpoint, self._set_arm)
        runtime.on_setpoint(DisplaySetpoint, self._show)

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def to_loop(hear: Callable[[Any], None]) -> Callable[[Any], None]:
            def emit(signal: Any) -> None:
                with suppress(RuntimeError):  # the loop is closed: the daemon is ending
                    loop.call_soon_threadsafe(hear, signal)

            return emit

        self._site.start(to_loop(self._hear))
        if self._site.meter is not None:
            self._site.meter.start(to_loop(self._hear_meter))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._site.close()

    def _hear(self, signal: LaneSignal) -> None:
        if isinstance(signal, LoopChanged) and signal.loop is Loop.FRONT:
            self._waiting[signal.lane_id] = signal.occupied
        self._runtime.post(LaneSignalled(signal))

    def problems(self) -> dict[str, str | None]:
        """What is wrong with the building's meter, None when nothing is; empty where there is none to be. Without
        readings its site stays at the least that its chargers may ever have."""
        facility = self._runtime.knowledge.facility
        if self._site.meter is not None:
            return {"meter": self._meter_problem}
        if facility is not None and facility.power.building is not None:
            return {"meter": "the facility counts on one, and the configuration of this box has no [meter]"}
        return {}

    def _hear_meter(self, signal: MeterSignal) -> None:
        if isinstance(signal, LoadRead):
            if self._meter_problem is not None:
                _log.info("the building's meter is read: %s W", signal.load_w)
            self._meter_problem = None
            self._runtime.post(LoadMetered(signal.load_w))
        else:
            _log.warning("the building's meter gives no reading: %s", signal.reason)
            self._meter_problem = signal.reason

    def _act_unaided(self) -> None:
        for setpoint in unaided.setpoints(self._runtime.knowledge.facility, self._waiting):
            if isinstance(setpoint, ArmSetpoint):
                self._set_arm(setpoint)
            else:
                self._show(setpoint)

    def _set_arm(self, setpoint: ArmSetpoint) -> None:
        lane = self._site.lanes.get(setpoint.lane_id)
        if lane is not None:
            lane.barrier.set_arm(setpoint.arm)

    def _show(self, setpoint: DisplaySetpoint) -> None:
        lane = self._site.lanes.get(setpoint.lane_id)
        if lane is not None:
            lane.display.show(setpoint.lines)


def _wiring(lane_id: str, wires: LaneWires) -> LaneWiring:
    pins = wires.pins
    return LaneWiring(
        lane_id=lane_id,
        plate_reader=wires.plate_reader,
        display=wires.display,
        pins=LanePins(
            front=pins.front,
            under=pins.under,
            arm_up=pins.arm_up,
            arm_down=pins.arm_down,
            raise_=pins.raise_,
            lower=pins.lower,
        ),
    )
