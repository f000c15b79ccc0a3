"""One lane's loops, arm, camera and display. The arm's driver is as careful as ``hardware/barrier.py``: it does not
lower onto a car even when it is told to, which is then in the auditor's book all the same."""

from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, LaneSignalled
from provisioning.simulation.box import Box
from provisioning.simulation.happenings import ArmTold
from provisioning.simulation.surroundings import Surroundings
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

ARM_MOVES_MS = 1_500
_AT = {Arm.RAISED: ArmPosition.RAISED, Arm.LOWERED: ArmPosition.LOWERED}


class Gear:
    """``taken``: a car is using the lane. ``text`` is what the display shows."""

    def __init__(self, around: Surroundings, box: Box, lane_id: str) -> None:
        self.lane_id = lane_id
        self.occupied = {Loop.FRONT: False, Loop.UNDER: False}
        self.arm = ArmPosition.LOWERED
        self.text: tuple[str, ...] = ()
        self.taken = False
        self.failed: Device | None = None
        self._around = around
        self._box = box
        self._told = Arm.LOWERED
        self._moves = 0

    @property
    def is_up(self) -> bool:
        """Whether a driver sees the arm up."""
        return self.arm is ArmPosition.RAISED

    def occupy(self, loop: Loop, occupied: bool) -> None:
        """A car comes onto a loop, or leaves it."""
        self.occupied[loop] = occupied
        if loop is Loop.UNDER and occupied and self._told is Arm.LOWERED and self.arm is not ArmPosition.LOWERED:
            self._drive(Arm.RAISED)
        if self.failed is not Device.LOOP:
            self._signal(LoopChanged(lane_id=self.lane_id, loop=loop, occupied=occupied))

    def read(self, plate: str, confidence_pct: int) -> None:
        """The camera sees a plate."""
        if self.failed is not Device.PLATE_READER:
            self._signal(PlateRead(lane_id=self.lane_id, plate=plate, confidence_pct=confidence_pct))

    def obey(self, setpoint: ArmSetpoint | DisplaySetpoint) -> None:
        """Take a setpoint of the rules."""
        if isinstance(setpoint, DisplaySetpoint):
            self.text = setpoint.lines
            return
        under = self.occupied[Loop.UNDER]
        told = ArmTold(self._box.facility_id, self.lane_id, setpoint.arm, under)
        self._around.auditor.tell(told)
        if setpoint.arm is Arm.RAISED or not under:
            self._drive(setpoint.arm)

    def report(self) -> None:
        """What a starting daemon hears of every device: the loops before the arm, which must not be told to come down
        on a car that is not known of yet."""
        for loop, occupied in self.occupied.items():
            self._signal(LoopChanged(lane_id=self.lane_id, loop=loop, occupied=occupied))
        self._signal(ArmMoved(lane_id=self.lane_id, position=self.arm))
        if self.failed is not None:
            self._signal(DeviceFailed(lane_id=self.lane_id, device=self.failed, reason="simulated"))

    def fail(self, device: Device) -> None:
        """A device dies: a barrier stays where it is, a loop says nothing more."""
        if self.failed is None:
            self.failed = device
            self._signal(DeviceFailed(lane_id=self.lane_id, device=device, reason="simulated"))

    def recover(self) -> None:
        """The device works again, and says what is so."""
        if self.failed is None:
            return
        device, self.failed = self.failed, None
        for loop, occupied in self.occupied.items():
            self._signal(LoopChanged(lane_id=self.lane_id, loop=loop, occupied=occupied))
        self._signal(DeviceRecovered(lane_id=self.lane_id, device=device))
        self._drive(self._told)

    def _drive(self, arm: Arm) -> None:
        self._told = arm
        if self.failed is Device.BARRIER or self.arm is _AT[arm]:
            return
        if self.arm is not ArmPosition.BETWEEN:
            self._moved_to(ArmPosition.BETWEEN)
        self._moves += 1
        self._around.universe.after(ARM_MOVES_MS, self._arrive, self._moves, arm)

    def _arrive(self, move: int, arm: Arm) -> None:
        if move == self._moves and self.failed is not Device.BARRIER:
            self._moved_to(_AT[arm])

    def _moved_to(self, position: ArmPosition) -> None:
        self.arm = position
        self._around.universe.after(1, self._signal, ArmMoved(lane_id=self.lane_id, position=position))

    def _signal(self, signal: LaneSignal) -> None:
        self._box.give(LaneSignalled(signal))
