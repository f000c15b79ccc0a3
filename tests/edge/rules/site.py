"""A facility under test: feed it what devices say, look at what it books and asks for."""

from dataclasses import dataclass, field

from edge.rules import facility as rules
from edge.rules.inputs import (
    Answer,
    Input,
    Knowledge,
    LaneSignalled,
    LimitReplied,
    LimitSetpoint,
    Matches,
    Setpoint,
    StationOpened,
    Ticked,
    TransactionReported,
)
from edge.rules.state import FacilityState
from shared.devices import ArmMoved, ArmPosition, Loop, LoopChanged, PlateRead
from shared.events import Event, parse_event
from shared.facilities import Facility
from shared.rights import Right
from shared.tariffs import Tariff
from tests.builders import NINE_MS, tariffs


@dataclass
class Site:
    """Drives the rules by plain values; ``now_ms`` moves only when a test says so."""

    facility: Facility
    now_ms: int = NINE_MS
    tariffs: tuple[Tariff, ...] = field(default_factory=tariffs)
    state: FacilityState = field(default_factory=lambda: rules.new_state("test-log"))
    events: list[Event] = field(default_factory=list)
    event_times: list[int] = field(default_factory=list)
    setpoints: list[Setpoint] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge(self.facility, self.tariffs)

    def give(self, given: Input) -> Answer | None:
        outcome = rules.advance(self.state, self.knowledge, given, self.now_ms)
        for written in outcome.entries:
            event = parse_event(written)
            assert event is not None
            self.events.append(event)
            self.event_times.append(written.at_ms)
        self.setpoints += outcome.setpoints
        return outcome.answer

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick at every deadline as the runtime gives it."""
        end_ms = self.now_ms + round(seconds * 1000)
        while True:
            due_ms = rules.deadline(self.state, self.knowledge)
            if due_ms is None or due_ms > end_ms:
                break
            self.now_ms = max(self.now_ms, due_ms)
            before = (due_ms, self.now_ms)
            self.give(Ticked())
            assert rules.deadline(self.state, self.knowledge) != due_ms or before[0] != before[1], "a deadline stands"
        self.now_ms = end_ms

    def loop(self, lane_id: str, loop: Loop, *, occupied: bool) -> None:
        self.give(LaneSignalled(LoopChanged(lane_id=lane_id, loop=loop, occupied=occupied)))

    def arm(self, lane_id: str, position: ArmPosition) -> None:
        self.give(LaneSignalled(ArmMoved(lane_id=lane_id, position=position)))

    def read(self, lane_id: str, plate: str, *rights: Right, confidence_pct: int = 95, **matches: object) -> None:
        signal = PlateRead(lane_id=lane_id, plate=plate, confidence_pct=confidence_pct)
        self.give(LaneSignalled(signal, Matches(rights=rights, **matches)))  # type: ignore[arg-type]

    def drive_through(self, lane_id: str, plate: str, *rights: Right) -> None:
        """A car that arrives, is read and, if the arm rises, drives through; the arm then comes down."""
        self.loop(lane_id, Loop.FRONT, occupied=True)
        self.read(lane_id, plate, *rights)
        self.arm(lane_id, ArmPosition.RAISED)
        self.loop(lane_id, Loop.UNDER, occupied=True)
        self.loop(lane_id, Loop.FRONT, occupied=False)
        self.loop(lane_id, Loop.UNDER, occupied=False)
        self.arm(lane_id, ArmPosition.LOWERED)

    def connect(self, *station_ids: str) -> None:
        """Stations connect and accept their fallbacks."""
        for station_id in station_ids:
            self.give(StationOpened(station_id, "2.0.1"))
        self.accept_limits()

    def unanswered(self) -> list[LimitSetpoint]:
        limits = [s for s in self.setpoints if isinstance(s, LimitSetpoint)]
        return [s for s in limits if s.request_id not in self.answered]

    def accept_limits(self) -> None:
        """Every limit sent is accepted, and those that follow from it."""
        for _ in range(50):
            for limit in self.unanswered():
                self.reply(limit, "ACCEPTED")
            if not self.unanswered():
                return
        raise AssertionError("limits follow from limits without end")

    def reply(self, limit: LimitSetpoint, outcome: str) -> None:
        self.answered.add(limit.request_id)
        self.give(LimitReplied(limit.request_id, limit.station_id, limit.evse_id, outcome))  # type: ignore[arg-type]

    def transaction(self, station_id: str, kind: str, seq_no: int, **details: object) -> Answer | None:
        values = {"transaction_id": "tx", "at_ms": self.now_ms, "evse_id": 1, **details}
        return self.give(TransactionReported(station_id=station_id, kind=kind, seq_no=seq_no, **values))  # type: ignore[arg-type]

    def of(self, kind: type) -> list:
        return [e for e in self.events if isinstance(e, kind)]
