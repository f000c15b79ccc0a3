"""Ports to the devices on site: signals in, one desired setpoint out. The drivers and their simulated twins are in
``hardware/``; the rules see only these values.

A setpoint is a level, not a pulse: the driver is told what should be, sends it again after a fault, and reports
what is.
"""

from enum import StrEnum
from typing import Protocol

from shared.facilities import Frozen
from shared.ids import Id


class Loop(StrEnum):
    """Inductive loops of a lane: ``FRONT`` where a car waits, ``UNDER`` below the arm (the safety loop)."""

    FRONT = "FRONT"
    UNDER = "UNDER"


class Arm(StrEnum):
    RAISED = "RAISED"
    LOWERED = "LOWERED"


class ArmPosition(StrEnum):
    """What the limit switches say; ``BETWEEN`` while it moves or is stuck."""

    RAISED = "RAISED"
    LOWERED = "LOWERED"
    BETWEEN = "BETWEEN"


class Device(StrEnum):
    LOOP = "LOOP"
    BARRIER = "BARRIER"
    PLATE_READER = "PLATE_READER"
    DISPLAY = "DISPLAY"


class LoopChanged(Frozen):
    lane_id: Id
    loop: Loop
    occupied: bool


class PlateRead(Frozen):
    """A reading; ``plate`` is already normalised and empty when the camera saw a car but no legible plate."""

    lane_id: Id
    plate: str
    confidence_pct: int


class ArmMoved(Frozen):
    lane_id: Id
    position: ArmPosition


class DeviceFailed(Frozen):
    lane_id: Id
    device: Device
    reason: str


class DeviceRecovered(Frozen):
    lane_id: Id
    device: Device


class LoadRead(Frozen):
    """The building's meter: what draws on the grid connection beside the chargers; below 0 while it feeds in."""

    load_w: int


class MeterFailed(Frozen):
    """The building's meter gives no reading; ended by the next ``LoadRead``."""

    reason: str


MeterSignal = LoadRead | MeterFailed

LaneSignal = LoopChanged | PlateRead | ArmMoved | DeviceFailed | DeviceRecovered


class Barrier(Protocol):
    """Moves one lane's arm. Never refuses to raise; the rule above it never lowers onto an occupied loop, and the
    driver checks the safety loop once more before it drives down."""

    def set_arm(self, arm: Arm) -> None: ...


class Display(Protocol):
    """Shows a lane's driver at most four lines of at most 24 characters."""

    def show(self, lines: tuple[str, ...]) -> None: ...
