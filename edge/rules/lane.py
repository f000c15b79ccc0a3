"""One lane serving one car at a time, as a table. The arm follows from the phase: level, not pulse.

The arm is never told to come down while the loop under it is occupied or not known: every phase that a car can be under
the arm in holds it up, and ``LOWERING`` goes back up when the loop becomes occupied again.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.rules.state import LaneState, Phase
from shared.devices import Arm, ArmPosition, Device, Loop, LoopChanged

READ_TIMEOUT_MS = 10_000
"""From a car on the front loop to giving up on its plate."""
ARM_TIMEOUT_MS = 30_000
"""From a changed setpoint to the limit switch; the slowest boom gates take 5 s."""
BACKED_OFF_MS = 10_000
"""A car that left the front loop of an open lane and is not under the arm by then has gone away."""
PASS_TIMEOUT_MS = 60_000
"""From an open arm to a car under it; then the grant is taken back."""
RETRY_MS = 5_000
"""How often a refused exit is looked at again: the driver may have paid by phone."""


class Trigger(StrEnum):
    """What can happen to a lane, named by what it means."""

    ARRIVED = "ARRIVED"
    LEFT = "LEFT"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    RAISED = "RAISED"
    LOWERED = "LOWERED"
    UNDER = "UNDER"
    THROUGH = "THROUGH"
    BACKED_OUT = "BACKED_OUT"
    TIMED_OUT = "TIMED_OUT"
    FAILED = "FAILED"
    RECOVERED = "RECOVERED"
    OPENED = "OPENED"
    """A person raises the arm, whatever the lane thinks of it."""
    RELEASED = "RELEASED"
    """A person lets go of an arm that was held up."""


class Fault(StrEnum):
    """Named outcomes of a lane that cannot serve; it stops deciding until the device recovers."""

    STUCK_DOWN = "STUCK_DOWN"
    STUCK_UP = "STUCK_UP"
    LOOP_DEAD = "LOOP_DEAD"
    BARRIER_DEAD = "BARRIER_DEAD"


_ANY_FAULT = {Trigger.FAILED: Phase.FAULTED}

NEXT: dict[Phase, dict[Trigger, Phase]] = {
    Phase.IDLE: {
        Trigger.ARRIVED: Phase.WAITING,
        Trigger.UNDER: Phase.TAILGATED,
        Trigger.OPENED: Phase.RAISING,
        **_ANY_FAULT,
    },
    Phase.WAITING: {
        Trigger.LEFT: Phase.IDLE,
        Trigger.GRANTED: Phase.RAISING,
        Trigger.REFUSED: Phase.REFUSED,
        Trigger.UNDER: Phase.TAILGATED,
        Trigger.OPENED: Phase.RAISING,
        **_ANY_FAULT,
    },
    Phase.REFUSED: {
        Trigger.LEFT: Phase.IDLE,
        Trigger.GRANTED: Phase.RAISING,
        Trigger.REFUSED: Phase.REFUSED,
        Trigger.UNDER: Phase.TAILGATED,
        Trigger.OPENED: Phase.RAISING,
        **_ANY_FAULT,
    },
    Phase.RAISING: {
        Trigger.RAISED: Phase.OPEN,
        Trigger.UNDER: Phase.PASSING,
        Trigger.TIMED_OUT: Phase.FAULTED,
        **_ANY_FAULT,
    },
    Phase.OPEN: {
        Trigger.UNDER: Phase.PASSING,
        Trigger.TIMED_OUT: Phase.LOWERING,
        Trigger.OPENED: Phase.OPEN,
        **_ANY_FAULT,
    },
    Phase.PASSING: {Trigger.THROUGH: Phase.LOWERING, Trigger.BACKED_OUT: Phase.LOWERING, **_ANY_FAULT},
    Phase.TAILGATED: {Trigger.THROUGH: Phase.LOWERING, Trigger.BACKED_OUT: Phase.LOWERING, **_ANY_FAULT},
    Phase.LOWERING: {
        Trigger.LOWERED: Phase.IDLE,
        Trigger.UNDER: Phase.TAILGATED,
        Trigger.TIMED_OUT: Phase.FAULTED,
        Trigger.OPENED: Phase.RAISING,
        **_ANY_FAULT,
    },
    Phase.HELD: {Trigger.UNDER: Phase.PASSING, Trigger.RELEASED: Phase.LOWERING, **_ANY_FAULT},
    Phase.FAULTED: {
        Trigger.RAISED: Phase.OPEN,
        Trigger.RECOVERED: Phase.LOWERING,
        Trigger.FAILED: Phase.FAULTED,
    },
}
"""Phase, trigger, next phase. A trigger that is missing for a phase changes nothing there. While a person holds the
arm up, every way that would lower it leads to HELD instead."""

ARM: dict[Phase, Arm | None] = {
    Phase.IDLE: Arm.LOWERED,
    Phase.WAITING: Arm.LOWERED,
    Phase.REFUSED: Arm.LOWERED,
    Phase.RAISING: Arm.RAISED,
    Phase.OPEN: Arm.RAISED,
    Phase.PASSING: Arm.RAISED,
    Phase.TAILGATED: Arm.RAISED,
    Phase.LOWERING: Arm.LOWERED,
    Phase.HELD: Arm.RAISED,
    Phase.FAULTED: None,
}
"""Where the arm should be in each phase. A faulted lane's arm is left where it is."""

TIMEOUT_MS: dict[Phase, int] = {
    Phase.WAITING: READ_TIMEOUT_MS,
    Phase.REFUSED: RETRY_MS,
    Phase.RAISING: ARM_TIMEOUT_MS,
    Phase.OPEN: PASS_TIMEOUT_MS,
    Phase.LOWERING: ARM_TIMEOUT_MS,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A change of phase; ``arm`` is what to tell the barrier, None when it already has been told."""

    before: Phase
    after: Phase
    trigger: Trigger
    arm: Arm | None


def move(lane: LaneState, trigger: Trigger, now_ms: int) -> Step | None:
    """Move a lane along the table. None when the trigger means nothing in its phase; the lane is then untouched."""
    before = lane.phase
    after = NEXT[before].get(trigger)
    if after is None:
        return None
    if ARM[after] is Arm.LOWERED and lane.held_by:
        after = Phase.HELD
    elif ARM[after] is Arm.LOWERED and lane.under:
        after = Phase.TAILGATED
    lane.phase = after
    timeout_ms = TIMEOUT_MS.get(after)
    lane.deadline_ms = None if timeout_ms is None else now_ms + timeout_ms
    if after in (Phase.PASSING, Phase.TAILGATED):
        lane.front_cleared = not lane.front
    told = None if before is Phase.FAULTED else ARM[before]
    return Step(before, after, trigger, ARM[after] if ARM[after] is not told else None)


def sense_loop(lane: LaneState, signal: LoopChanged) -> Trigger | None:
    """Take a loop's level and say what it means, None when nothing changed.

    Leaving the loop under the arm means THROUGH only if the front loop was free at some time while the car was under
    the arm; a car that still stands on it has backed out.
    """
    if signal.loop is Loop.FRONT:
        changed, lane.front = lane.front is not signal.occupied, signal.occupied
        if not changed:
            return None
        if not lane.front:
            lane.front_cleared = True
        return Trigger.ARRIVED if lane.front else Trigger.LEFT
    changed, lane.under = lane.under is not signal.occupied, signal.occupied
    if not changed:
        return None
    if lane.under:
        return Trigger.UNDER
    return Trigger.THROUGH if lane.front_cleared or not lane.front else Trigger.BACKED_OUT


def sense_arm(lane: LaneState, position: ArmPosition) -> Trigger | None:
    """Take the arm's position and say what it means."""
    lane.arm = position
    return {ArmPosition.RAISED: Trigger.RAISED, ArmPosition.LOWERED: Trigger.LOWERED}.get(position)


def fault_of(device: Device) -> Fault | None:
    """What a dead device does to the lane. A dead reader or display leaves it working, with help from a person."""
    return {Device.LOOP: Fault.LOOP_DEAD, Device.BARRIER: Fault.BARRIER_DEAD}.get(device)
