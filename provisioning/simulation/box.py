"""One facility's daemon: the real rules over a simulated disk, ended and started again at any moment.

A model of ``edge/runtime.py``. Between crashes an input is decided, written and acted on in one instant. A doomed box
goes on deciding some inputs that wait for one commit, as the runtime's group commit does, and then dies: before that
commit, so that nothing of them happened, or after it, so that all is written and nothing was acted on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal

from edge.rules import facility
from edge.rules.clock_inputs import ClockRead, ClockTaken, TakeClock
from edge.rules.inputs import (
    NO_MATCHES,
    Answer,
    AuthorizeAsked,
    Input,
    Knowledge,
    LaneSignalled,
    LimitSetpoint,
    Outcome,
    Setpoint,
    Started,
    Ticked,
    TransactionReported,
)
from edge.rules.knowledge import Learned, StandingSeen
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Heard, LimitTold, Logged
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import LocalClock
from shared.decisions import Decision, parse_decision
from shared.devices import PlateRead
from shared.events import Entry, parse_event
from shared.sync import SyncEntry

STEP_MIN_MS = 2_000
RINGS_MAX = 50
"""A deadline that its own tick does not move keeps the daemon busy for ever."""


class _Lost(Enum):
    LOST = "LOST"


LOST: Final = _Lost.LOST
"""Nobody answered: the box is down, or died before it could."""
Told = Answer | None | Literal[_Lost.LOST]


@dataclass(slots=True)
class Doom:
    """The next ``inputs`` inputs share a commit that the box does not live to act on."""

    inputs: int
    written: bool


class Box:
    """``obey`` takes setpoints; what begins with ``on_`` is called as its name says. ``life`` counts the crashes.
    ``wall_off_ms``: how far the wall clock is ahead of ``clock``, by which the box lives."""

    def __init__(self, around: Surroundings, facility_id: str, disk: Disk, clock: LocalClock) -> None:
        self.facility_id = facility_id
        self.disk = disk
        self.clock = clock
        self.up = False
        self.frozen = False
        self.wall_off_ms = 0
        self.doom: Doom | None = None
        self.state = facility.new_state(disk.log_id)
        self.knowledge = Knowledge()
        self.obey: Callable[[Setpoint], None] = lambda _setpoint: None
        self.on_started: list[Callable[[], None]] = []
        self.on_crashed: Callable[[], None] = lambda: None
        self.on_stepped: Callable[[int], None] = lambda _by_ms: None
        self.on_appended: Callable[[], None] = lambda: None
        self._around = around
        self._unwritten: list[Entry] = []
        self.life = 0
        self._clock_known = False
        self._armed_ms: int | None = None
        self._due_ms: int | None = None
        self._rung_for_ms = 0
        self._rung = 0

    def start(self) -> None:
        """Come up: rebuild the state, and hear from every device what is so."""
        if self.up:
            return
        self.up, self.doom, self._armed_ms = True, None, None
        self._unwritten = []
        self.state = self.disk.rebuild()
        self.knowledge = self.disk.decisions.knowledge()
        self.give(Started("simulated", self._clock_known))
        self._clock_known = True
        self.look_at_clock()
        for started in self.on_started:
            started()

    def crash(self) -> None:
        """Be gone, with all that was not written."""
        self.up, self.doom, self._armed_ms = False, None, None
        self.life += 1
        self._around.counts["edge restarts"] += 1
        self.on_crashed()

    def have(self, disk: Disk) -> None:
        """Be another machine, with another disk; call while the daemon is down."""
        self.disk, self._clock_known = disk, False
        for written in disk.entries:
            self._around.auditor.tell(Logged(self.facility_id, disk.log_id, written, None))

    def give(self, given: Input) -> Told:
        """Decide an input. LOST when nobody lives to answer."""
        if not self.up or self.frozen:
            return LOST
        self._around.counts["inputs"] += 1
        outcome = facility.advance(self.state, self.knowledge, self._matched(given), self.clock.now_ms())
        if self.doom is not None:
            self._decide_in_vain(outcome, self.doom)
            return LOST
        if outcome.entries:
            self._commit(outcome.entries)
            self.disk.save_snapshot_if_due(self.state)
        self._dispatch(outcome.setpoints)
        self._arm_timer()
        return outcome.answer

    def decisions_came(self, log_id: str, entries: Sequence[SyncEntry], upto: int, *, complete: bool) -> None:
        """Take decisions, durably, and decide by them from now on."""
        told = [(entry.position, _decision(entry)) for entry in entries]
        if self.disk.decisions.apply(log_id, told, upto, complete=complete):
            self.knowledge = self.disk.decisions.knowledge()
        heard = tuple(decision for _, decision in told)
        self._around.auditor.tell(Heard(self.facility_id, log_id, heard, complete))
        self.give(Learned())
        self.look_at_standings()

    def look_at_standings(self) -> None:
        """What HQ thinks of every car inside; the shell looks at each several times a minute."""
        for plate in tuple(self.state.session_of_plate):
            self.give(StandingSeen(plate))

    def look_at_clock(self) -> None:
        """Compare the wall clock, which may have been moved, with the time lived: a small difference is followed, of a
        big one the rules are told."""
        if self.up and abs(self.wall_off_ms) < STEP_MIN_MS:
            self._follow_wall()
            self._arm_timer()
        elif self.up:
            self.give(ClockRead(self.wall_off_ms))

    def _follow_wall(self) -> int:
        by_ms, self.wall_off_ms = self.wall_off_ms, 0
        self.clock.offset_ms += by_ms
        self.on_stepped(by_ms)
        self._armed_ms = None
        return by_ms

    def _take_clock(self) -> None:
        """A box that dies before this is on record lives by the old time again."""
        if self.up and not self.frozen and self.doom is None and self.wall_off_ms:
            self.give(ClockTaken(self._follow_wall()))

    def _matched(self, given: Input) -> Input:
        match given:
            case LaneSignalled(signal=PlateRead(plate=plate) as read, matches=matches) if (
                plate and matches is NO_MATCHES
            ):
                return LaneSignalled(read, self.disk.decisions.matches(plate))
            case StandingSeen(plate=plate):
                return StandingSeen(plate, self.disk.decisions.matches(plate))
            case AuthorizeAsked(id_token=str(token)) | TransactionReported(id_token=str(token)) if token:
                return replace(given, matches=self.disk.decisions.matches(token))
        return given

    def _decide_in_vain(self, outcome: Outcome, doom: Doom) -> None:
        self._unwritten += outcome.entries
        doom.inputs -= 1
        if doom.inputs <= 0:
            if doom.written and self._unwritten:
                self._commit(self._unwritten)
            self.crash()

    def _commit(self, entries: Sequence[Entry]) -> None:
        self.disk.append(entries)
        auditor = self._around.auditor
        for entry in entries:
            event = parse_event(entry) if entry.type in auditor.reads else None
            auditor.tell(Logged(self.facility_id, self.disk.log_id, entry, event))
        self._around.counts["events"] += len(entries)
        self.on_appended()

    def _dispatch(self, setpoints: Sequence[Setpoint]) -> None:
        for setpoint in setpoints:
            if isinstance(setpoint, LimitSetpoint):
                self._around.auditor.tell(LimitTold(self.facility_id, setpoint.request_id, setpoint.limit_w))
            if isinstance(setpoint, TakeClock):
                self._around.universe.after(0, self._take_clock)
            self.obey(setpoint)

    def _arm_timer(self) -> None:
        """One timer, for the rules' next deadline; one that comes too early looks again."""
        self._due_ms = facility.deadline(self.state, self.knowledge)
        self._wait()

    def _wait(self) -> None:
        due_ms = self._due_ms
        if due_ms is None or self.frozen or (self._armed_ms is not None and self._armed_ms <= due_ms):
            return
        self._armed_ms = due_ms
        self._around.universe.after(max(1, due_ms - self.clock.now_ms()), self._ring, self.life, due_ms)

    def _ring(self, life: int, due_ms: int) -> None:
        if life != self.life or due_ms != self._armed_ms or not self.up:
            return
        self._armed_ms = None
        next_ms = self._due_ms
        if next_ms is not None and next_ms <= self.clock.now_ms():
            self._rung = self._rung + 1 if next_ms == self._rung_for_ms else 0
            self._rung_for_ms = next_ms
            if self._rung == RINGS_MAX:
                self._around.auditor.fail(f"{self.facility_id}: the deadline {next_ms} stands, however often it rings")
            self.give(Ticked())
        else:
            self._wait()


def _decision(entry: SyncEntry) -> Decision:
    decision = parse_decision(entry.body)
    if decision is None:
        raise ValueError(f"the simulation knows no decision {entry.body.get('type')}")
    return decision
