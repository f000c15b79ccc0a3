"""What the messages of one transaction add up to, in whatever order and however often they came.

Energy is the sum of the meter's believable increments. Readings are put in the order of their times. One that lies
below the last believed one, or further above it than the EVSE can have given meanwhile, is doubted: it counts for
nothing unless the next reading goes on from it and not from the last believed one (the meter was replaced or reset);
then counting goes on from there, without the step between. Readings of power are never added up.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.clock import HOUR_MS, MINUTE_MS

KEPT = 64
"""Readings kept one by one, the newest; what is older is added up. Bounds the memory of a transaction of days."""
AHEAD_MAX = 256
"""Numbers remembered beyond a gap. A station that leaves out more than this does not number its messages in turn."""
CHANGES_KEPT = 64
OVER_PCT = 110
"""What an EVSE may give above its rating, with its meter's error, before a register is disbelieved."""
SLACK_MS = MINUTE_MS
"""By how much the time of a reading may be off from when its register was read."""
SET_BACK_MAX_MS = 10 * MINUTE_MS
"""A reading that comes later than others by more than this waited on its way."""
UNRATED_W = 1_000_000
"""No EVSE gives more: the rating taken for one that is not configured."""
NOT_TAKING = ("SuspendedEV", "EVConnected", "Idle")
"""Charging states in which the car, not the site, is the reason that no energy flows: the idle clock may run."""


@dataclass(slots=True)
class Numbers:
    """Which numbered messages are here: all up to ``upto``, and those ``ahead`` of a gap."""

    upto: int = -1
    ahead: set[int] = field(default_factory=set)

    def holds(self, number: int) -> bool:
        return number <= self.upto or number in self.ahead

    def begin(self, number: int) -> None:
        """Take the number of the Started message: nothing comes before it."""
        self.upto = max(self.upto, number)
        self.ahead = {n for n in self.ahead if n > self.upto}
        self._close_up()

    def take(self, number: int) -> None:
        if number > self.upto:
            self.ahead.add(number)
            self._close_up()
        if len(self.ahead) > AHEAD_MAX:
            self.give_up()

    def gap_before(self, number: int) -> bool:
        """Whether a message before this one is missing."""
        return number > self.upto + 1 and any(n not in self.ahead for n in range(self.upto + 1, number))

    def give_up(self) -> None:
        """What is missing will not come."""
        self.upto = max(self.ahead, default=self.upto)
        self.ahead.clear()

    def _close_up(self) -> None:
        while self.upto + 1 in self.ahead:
            self.upto += 1
            self.ahead.remove(self.upto)


@dataclass(slots=True, order=True)
class MeterPoint:
    at_ms: int
    register_wh: int
    signed: bool = False
    seq_no: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class Sum:
    """What readings in order add up to. ``last`` is the last believed one; ``doubts`` counts the doubted.
    ``first_signed``, ``last_signed``: the register that it began with, or ended with, came signed at some time."""

    energy_wh: int = 0
    first: MeterPoint | None = None
    last: MeterPoint | None = None
    doubted: MeterPoint | None = None
    doubts: int = 0
    believed: int = 0
    all_signed: bool = True
    first_signed: bool = False
    last_signed: bool = False

    def add(self, point: MeterPoint, rating_w: int, late_ms: int = 0) -> None:
        if self.first is None or self.last is None:
            self.first = point
            self._believe(point, 0)
        elif self._follows(self.last, point, rating_w, late_ms):
            self._believe(point, point.register_wh - self.last.register_wh)
        elif self.doubted is not None and self._follows(self.doubted, point, rating_w, late_ms):
            self._believe(self.doubted, 0)
            self._believe(point, point.register_wh - self.last.register_wh)
        else:
            self.doubted = point
            self.doubts += 1

    def add_before(self, point: MeterPoint, rating_w: int, late_ms: int = 0) -> None:
        """Take a reading from before the first one. One from between those added up has its energy in them already."""
        if self.first is not None and point.at_ms < self.first.at_ms and _fits(point, self.first, rating_w, late_ms):
            self.energy_wh += self.first.register_wh - point.register_wh
            self.first, self.first_signed = point, point.signed
            self.believed += 1
            self.all_signed = self.all_signed and point.signed

    def _believe(self, point: MeterPoint, increment_wh: int) -> None:
        self.energy_wh += increment_wh
        self.first_signed = self.first_signed or (point.signed and self.energy_wh == 0)
        self.last_signed = point.signed or (self.last_signed and increment_wh == 0)
        self.last, self.doubted = point, None
        self.believed += 1
        self.all_signed = self.all_signed and point.signed

    def _follows(self, before: MeterPoint, point: MeterPoint, rating_w: int, late_ms: int) -> bool:
        """Whether the step is possible, by itself and together with all that was added up before it."""
        if self.first is None or not _fits(before, point, rating_w, late_ms):
            return False
        total_wh = self.energy_wh + point.register_wh - before.register_wh
        return total_wh <= _most_wh(point.at_ms - self.first.at_ms + late_ms, rating_w)


@dataclass(slots=True)
class Readings:
    """A transaction's registers: the newest one by one in the order of their times, the older ones added up.

    ``late_ms``: by how much some may stand later than they were read, because their station's clock is wrong. What a
    register can have risen by is judged by so much more time: energy is billed by the register, whatever the clock.
    Then it is the numbers of messages that say the order (2.0.1 E04: they count up), not the times.
    """

    older: Sum = field(default_factory=Sum)
    points: list[MeterPoint] = field(default_factory=list)
    late_ms: int = 0
    lag_least_ms: int = SET_BACK_MAX_MS

    def came(self, lag_ms: int) -> None:
        """A reading came this much later than its time."""
        self.lag_least_ms = min(self.lag_least_ms, lag_ms)

    def came_after_a_step(self, lag_ms: int) -> None:
        """The same once our clock was moved, and stations are told: one that comes later by minutes than another did
        may be of a clock that was set back between the two, by that and by what it was fast. Then more time passed than
        their times tell."""
        self.came(lag_ms)
        later_ms = lag_ms - self.lag_least_ms
        if SLACK_MS < later_ms <= SET_BACK_MAX_MS:
            self.late_ms = max(self.late_ms, later_ms)

    def stepped(self, by_ms: int) -> None:
        """Our clock was moved: a reading may be placed by the wrong one of the two (``edge/rules/own_time.py``)."""
        self.late_ms += abs(by_ms)

    def take(self, point: MeterPoint, rating_w: int | None) -> None:
        point = self._in_turn(point)
        horizon_ms = self.older.last.at_ms if self.older.last is not None else None
        if horizon_ms is not None and point.at_ms <= horizon_ms:
            self.older.add_before(point, rating_w or UNRATED_W, self.late_ms)
        elif point not in self.points:
            insort(self.points, point)
        if len(self.points) > KEPT:
            for old in self.points[: KEPT // 2]:
                self.older.add(old, rating_w or UNRATED_W, self.late_ms)
            del self.points[: KEPT // 2]

    def _in_turn(self, point: MeterPoint) -> MeterPoint:
        """A reading between those of the messages before and after its own, where the clock is known to be wrong: else
        one that was put back would make one register of another meter, and count it again from there."""
        if point.seq_no is None or not self.late_ms:
            return point
        numbered = [(p.seq_no, p.at_ms) for p in self.points if p.seq_no is not None]
        before = [at_ms for seq_no, at_ms in numbered if seq_no < point.seq_no]
        after = [at_ms for seq_no, at_ms in numbered if seq_no > point.seq_no]
        return replace(point, at_ms=min([max([point.at_ms, *before]), *after]))

    def total(self, rating_w: int | None) -> Sum:
        """What they add up to now."""
        found = replace(self.older)
        for point in self.points:
            found.add(point, rating_w or UNRATED_W, self.late_ms)
        return found

    def goes_on(self, point: MeterPoint, rating_w: int | None) -> bool:
        """Whether a reading simply goes on from the newest one; if not it may have to be doubted."""
        return not self.points or _fits(self.points[-1], point, rating_w or UNRATED_W, self.late_ms)

    def before(self, at_ms: int) -> MeterPoint | None:
        """The newest reading before an instant, of those kept."""
        return next((p for p in reversed(self.points) if p.at_ms < at_ms), None)


def _most_wh(duration_ms: int, rating_w: int) -> int:
    return rating_w * OVER_PCT * (max(0, duration_ms) + SLACK_MS) // (100 * HOUR_MS)


def _fits(before: MeterPoint, after: MeterPoint, rating_w: int, late_ms: int) -> bool:
    step_wh = after.register_wh - before.register_wh
    return before.at_ms <= after.at_ms and 0 <= step_wh <= _most_wh(after.at_ms - before.at_ms + late_ms, rating_w)


@dataclass(slots=True, order=True)
class StateChange:
    """From ``at_ms`` the station said ``state`` (OCPP's ChargingStateEnumType); ``order`` parts equal instants."""

    at_ms: int
    order: int
    state: str


def take_change(changes: list[StateChange], change: StateChange) -> None:
    """Put a change in its place; the oldest go when there are many."""
    if change not in changes:
        insort(changes, change)
    del changes[:-CHANGES_KEPT]


def state_at(changes: Sequence[StateChange], at_ms: int) -> str:
    """The charging state at an instant; empty before the first."""
    return next((c.state for c in reversed(changes) if c.at_ms <= at_ms), "")


def finished_ms(changes: Sequence[StateChange]) -> int | None:
    """Since when the car has taken nothing, by itself, after it had taken some; None while it may take more."""
    since_ms = None
    for change in reversed(changes):
        if change.state not in NOT_TAKING:
            return since_ms
        since_ms = change.at_ms
    return None
