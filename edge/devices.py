"""The lanes' devices between the drivers' threads and the runtime's loop: signals in, setpoints out.

While the disk takes no entries nothing is decided (``Runtime.stalled``). Then ``edge/rules/unaided.py`` says what the
lanes do by themselves, from the levels of their loops alone.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from edge.config import Config, LaneWires
from edge.rules import unaided
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, LaneSignalled
from edge.runtime import Runtime
from hardware.registry import GpioWiring, LanePins, LaneWiring, Site, WiringError, open_site
from shared.clock import Clock
from shared.devices import LaneSignal, Loop, LoopChanged

__all__ = ["Devices", "WiringError"]


class Devices:
    """Every device that the box is wired to. Entering starts the signals, leaving releases pins and lines.

    A setpoint for a lane that this box is not wired to goes nowhere: the wiring, not headquarters, says what is here.
    The constructor raises WiringError for wiring that cannot be opened.
    """

    def __init__(self, config: Config, clock: Clock, runtime: Runtime[Any]) -> None:
        wire = config.gpio.wire
        gpio = GpioWiring(config.gpio.factory, "" if wire is None else str(wire))
        self._site: Site = open_site(gpio, [_wiring(lane_id, wires) for lane_id, wires in config.lanes.items()], clock)
        self._runtime = runtime
        self._waiting: dict[str, bool] = {}
        runtime.on_stalled = self._act_unaided
        runtime.on_setpoint(ArmSetpoint, self._set_arm)
        runtime.on_setpoint(DisplaySetpoint, self._show)

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def emit(signal: LaneSignal) -> None:
            with suppress(RuntimeError):  # the loop is closed: the daemon is ending
                loop.call_soon_threadsafe(self._hear, signal)

        self._site.start(emit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._site.close()

    def _hear(self, signal: LaneSignal) -> None:
        if isinstance(signal, LoopChanged) and signal.loop is Loop.FRONT:
            self._waiting[signal.lane_id] = signal.occupied
        self._runtime.post(LaneSignalled(signal))

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
