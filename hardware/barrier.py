"""A barrier behind two relays (raise, lower) and two limit switches.

The rule above never lowers onto an occupied loop. This driver looks once more before it pulses, and raises an arm on
its way down as soon as the safety loop is occupied, without waiting for a decision to be written. That is a second
line, not a replacement for the barrier's own safety edge.
"""

import logging
import threading
from collections.abc import Callable

from hardware.gpio import Contact, Relay
from shared.clock import Clock
from shared.devices import Arm, ArmMoved, ArmPosition, Device, DeviceFailed, DeviceRecovered, LaneSignal

PULSE_MS = 500
PULSE_REAL_S_MIN = 0.005

_log = logging.getLogger(__name__)


def position_of(*, up: bool, down: bool) -> ArmPosition | None:
    """What the two limit switches say together; None when both are closed, which no arm can do."""
    if up and down:
        return None
    if up:
        return ArmPosition.RAISED
    return ArmPosition.LOWERED if down else ArmPosition.BETWEEN


class RelayBarrier:
    """One lane's arm (the port ``shared.devices.Barrier``). ``relays`` are raise and lower, ``limits`` up and down.

    The two relays are never energised together. Telling the same setpoint again pulses again, which a barrier that is
    there already ignores.
    """

    def __init__(
        self,
        lane_id: str,
        *,
        relays: tuple[Relay, Relay],
        limits: tuple[Contact, Contact],
        under: Contact,
        clock: Clock,
    ) -> None:
        self._lane_id = lane_id
        self._raise, self._lower = relays
        self._up, self._down = limits
        self._under = under
        self._pulse_real_s = max(clock.real_s(PULSE_MS), PULSE_REAL_S_MIN)
        self._lock = threading.RLock()
        self._told: Arm | None = None
        self._position: ArmPosition | None = None
        self._has_failed = False
        self._closed = False
        self._emit: Callable[[LaneSignal], None]

    def start(self, emit: Callable[[LaneSignal], None]) -> None:
        """Report where the arm is now and from then on; later reports come from the pins' threads."""
        self._emit = emit
        self._up.watch(self._limit_changed)
        self._down.watch(self._limit_changed)
        self._under.watch(self._under_changed)

    def close(self) -> None:
        """End any pulse and begin no other; the arm stays where it is."""
        with self._lock:
            self._closed = True
            self._raise.off()
            self._lower.off()

    def set_arm(self, arm: Arm) -> None:
        """Pulse towards ``arm``; returns at once, from any thread.

        Lowering is not done while the safety loop is occupied, and not made up for later: whoever wants it lowered
        says so again when the loop is free.
        """
        with self._lock:
            if self._closed:
                return
            if arm is Arm.RAISED:
                self._drive_up()
            elif self._under.active_now or self._under.active:
                _log.warning("lane %s: not lowering the arm, the safety loop is occupied", self._lane_id)
            else:
                self._raise.off()
                self._lower.pulse(self._pulse_real_s)
                self._told = Arm.LOWERED

    def _drive_up(self) -> None:
        self._lower.off()
        self._raise.pulse(self._pulse_real_s)
        self._told = Arm.RAISED

    def _under_changed(self, occupied: bool) -> None:
        with self._lock:
            going_down = self._told is Arm.LOWERED and self._position is not ArmPosition.LOWERED
            if occupied and going_down and not self._closed:
                _log.warning("lane %s: raising the arm again, a car came under it on its way down", self._lane_id)
                self._drive_up()

    def _limit_changed(self, _: bool) -> None:
        with self._lock:
            position = position_of(up=self._up.active, down=self._down.active)
            if position is None:
                self._contradiction()
                return
            if self._has_failed:
                self._has_failed = False
                self._emit(DeviceRecovered(lane_id=self._lane_id, device=Device.BARRIER))
            if position is not self._position:
                self._position = position
                self._emit(ArmMoved(lane_id=self._lane_id, position=position))

    def _contradiction(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._position = None
            reason = "both limit switches say that the arm has arrived"
            self._emit(DeviceFailed(lane_id=self._lane_id, device=Device.BARRIER, reason=reason))
