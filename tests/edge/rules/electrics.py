"""A facility's rules between its log and modelled stations, with judges that look at every instant.

The judges: the auditor's books, which assume the worst that an honest station can do; the sum of what the modelled
stations may draw in truth by what they acknowledged; that no honest station is called disobedient; that no disobedient
one is overlooked, and nothing is lifted that leans on what it draws.
"""

from dataclasses import dataclass, field

from edge.rules import facility as rules
from edge.rules.inputs import (
    Input,
    Knowledge,
    LimitReplied,
    LimitSetpoint,
    OrderReplied,
    OrderSetpoint,
    Started,
    StationClosed,
    StationOpened,
    Ticked,
    TransactionReported,
)
from provisioning.audit.power_allowance import Allowance
from provisioning.audit.power_book import PowerBook, excess_w
from shared.events import (
    BuildingLoadChanged,
    Entry,
    Event,
    LimitBreached,
    LimitObeyed,
    LimitRoundedUp,
    LimitSent,
    entry,
    parse_event,
)
from shared.facilities import Evse, Facility
from tests.builders import right, tariffs
from tests.edge.rules.chargers import Charger
from tests.edge.rules.site import Site

ROUNDING_W = 2
"""Loads of lines are rounded."""
SETTLE_MS = 10_000
READING_PCT = 105
JITTER_MS = 2_000
USED_PCT = 98
ANSWER_ROUNDS = 60
STEADY_MS = 900_000
"""No promise outlives this."""


@dataclass
class Electrics:
    """``found`` is what a judge objected to, ``most_w`` the most that stations could have drawn together by what they
    acknowledged, ``flagged`` the most that each disobedient one was seen to draw, ``rounding`` by how much those that
    are taken to round up make more of a limit."""

    facility: Facility
    now_ms: int = 0
    most_w: int = 0
    found: list[str] = field(default_factory=list)
    chargers: list[Charger] = field(default_factory=list)
    unanswered: dict[int, LimitSetpoint] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    rounding: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chargers = [
            Charger(s.station_id, s.evses[0].rating_w, ampere_w(s.evses[0])) for s in self.facility.stations
        ]
        self.by_id = {c.station_id: c for c in self.chargers}
        self.drift_ms = self.facility.power.drift_s * 1_000
        self._knowledge = Knowledge(self.facility, tariffs())
        self.log: list[Entry] = []
        self._judging = True
        self._orders: list[OrderSetpoint] = []
        self._judged_by(self.facility)
        parked = Site(self.facility)
        for number in range(1, len(self.chargers) + 1):
            parked.drive_through("in-1", f"CAR{number}", right(f"car{number}", f"CAR{number}"))
        self._state, self.now_ms = parked.state, parked.now_ms
        for n, (event, at_ms) in enumerate(zip(parked.events, parked.event_times, strict=True), 1):
            self._write(entry(n, at_ms, event))

    # What a driver does.

    def give(self, given: Input) -> object:
        """Let the rules decide; what they send is on the wire."""
        outcome = rules.advance(self._state, self._knowledge, given, self.now_ms)
        for written in outcome.entries:
            self._write(written)
        for setpoint in outcome.setpoints:
            if isinstance(setpoint, LimitSetpoint):
                self.unanswered[setpoint.request_id] = setpoint
                self.by_id[setpoint.station_id].wire.append(setpoint)
            elif isinstance(setpoint, OrderSetpoint):
                self._orders.append(setpoint)
        self.judge()
        return outcome.answer

    def wait(self, duration_ms: int, *, dead: bool = False) -> None:
        """Let time pass. Judges look whenever a station's limit changes by itself. ``dead``: there is no daemon."""
        end_ms = self.now_ms + duration_ms
        while True:
            stops = [x for c in self.chargers for x in c.turns_ms() if self.now_ms < x <= end_ms]
            due_ms = None if dead else rules.deadline(self._state, self._knowledge)
            if due_ms is not None and due_ms <= end_ms:
                stops.append(max(due_ms, self.now_ms))
            if not stops:
                break
            self.now_ms = min(stops)
            self.judge()
            if due_ms is not None and due_ms <= self.now_ms:
                self.give(Ticked())
                self._answer_orders()
        self.now_ms = end_ms
        self.judge()

    def open(self, charger: Charger) -> None:
        """A station connects and tells what nobody heard."""
        charger.connected, charger.trusted_ms = True, self.now_ms
        self.give(StationOpened(charger.station_id, "2.0.1"))
        while charger.unheard:
            self.give(charger.unheard.pop(0))

    def close(self, charger: Charger) -> None:
        charger.connected = False
        charger.said.clear()
        self.give(StationClosed(charger.station_id, "cut"))

    def tell(self, charger: Charger, kind: str, **details: object) -> object:
        """A message of the transaction at a station, stamped by its own clock; kept while there is no connection."""
        told = TransactionReported(
            station_id=charger.station_id,
            kind=kind,  # type: ignore[arg-type]
            seq_no=charger.seq_no,
            at_ms=self.now_ms + charger.offset_ms,
            evse_id=1,
            offline=not charger.connected,
            **details,  # type: ignore[arg-type]
        )
        charger.seq_no += 1
        if charger.connected:
            return self.give(told)
        charger.unheard.append(told)
        return None

    def meter(self, charger: Charger, share_pct: int) -> None:
        """A car takes a share of what it may. A reading above what may have been promised must be flagged."""
        power_w = charger.draws_w(self.now_ms) * share_pct // 100
        since_ms = self.now_ms - SETTLE_MS - 2 * self.drift_ms
        before_w = [power_w for at_ms, power_w in charger.before if at_ms >= since_ms]
        may_w = max(self._promised_w(charger), *before_w, 0)
        stamp_ms = max(self.now_ms + charger.offset_ms, charger.started_ms)
        if stamp_ms >= charger.metered_ms:  # else its clock was set back, and the reading seems older than the last
            over = power_w * 100 > charger.agreed_w(self.now_ms) * READING_PCT
            charger.metered_ms, charger.suspect = stamp_ms, over
            charger.above = power_w > charger.agreed_w(self.now_ms)
        self.tell(charger, "Updated", transaction_id=charger.transaction_id, power_w=power_w)
        may_w += self.rounding.get(charger.station_id, 0)
        settled = stamp_ms == charger.metered_ms and self.now_ms >= charger.trusted_ms + SETTLE_MS + 2 * self.drift_ms
        settled = settled and stamp_ms >= charger.started_ms + SETTLE_MS
        settled = settled and stamp_ms - self.now_ms <= charger.ahead_ms + JITTER_MS
        charger.ahead_ms = max(charger.ahead_ms, stamp_ms - self.now_ms)
        if settled and power_w * 100 > may_w * READING_PCT and charger.station_id not in self.flagged:
            self.found.append(f"{charger.station_id} draws {power_w} W, may at most {may_w} W, and is not flagged")

    def _promised_w(self, charger: Charger) -> int:
        """The most that it may have been promised lately. A clock that was set back since makes a reading seem so much
        older."""
        lately = (self.now_ms - SETTLE_MS - 2 * self.drift_ms, self.now_ms)
        return max(self._book.promised_w(charger.station_id, 1, at_ms) for at_ms in lately)

    def restart(self) -> None:
        """The daemon is killed and comes back with what its log says."""
        state = rules.new_state(self._state.log_id)
        for written in self.log:
            rules.apply(state, written)
        self._state = state
        self.unanswered.clear()
        self._orders.clear()
        for charger in self.chargers:
            charger.connected = False
            charger.said.clear()
        self.give(Started("test"))

    def configure(self, facility: Facility) -> None:
        """Headquarters changes the facility. What was promised before may hold for a while, and what is away keeps it,
        so the judges look again when all have come back and that is over."""
        self._knowledge, self._judging = Knowledge(facility, tariffs()), False
        for charger in self.chargers:
            if not charger.connected:
                self.open(charger)
        for _ in range(STEADY_MS // 30_000):
            self.wait(30_000)
            self.settle()
        self._judging, self.most_w = True, 0
        self._judged_by(facility)
        for written in self.log:
            self._audit(written)
        self._book.over_w_max = 0
        self.judge()

    def hear(self, charger: Charger) -> None:
        """The oldest answer of a station arrives; if nobody waits for it any more it says nothing."""
        limit, outcome = charger.said.popleft()
        self.answer(limit, outcome)

    def answer(self, limit: LimitSetpoint, outcome: str) -> None:
        """What is to be known of a limit."""
        if self.unanswered.pop(limit.request_id, None) is not None:
            charger = self.by_id[limit.station_id]
            promised_w = self._promised_w(charger) if charger.ready else charger.rating_w
            charger.before.append((self.now_ms, promised_w))
            charger.ready = charger.ready or (outcome == "ACCEPTED" and limit.until_ms is None)
            self.give(LimitReplied(limit.request_id, limit.station_id, limit.evse_id, outcome))  # type: ignore[arg-type]

    def settle(self) -> None:
        """All that is connected answers, and answers what follows from that."""
        for _ in range(ANSWER_ROUNDS):
            busy = [c for c in self.chargers if c.connected and (c.wire or c.said)]
            for charger in busy:
                while charger.wire:
                    charger.look()
                while charger.said:
                    self.hear(charger)
            if not busy:
                return
        self.found.append("limits follow from limits without end")

    # What the judges do.

    def judge(self) -> None:
        """Look at this instant."""
        if not self._judging:
            return
        if self._book.over_w_max > ROUNDING_W:
            self.found.append(f"the auditor finds {self._book.over_w_max} W too much")
            self._book.over_w_max = 0
        drawn_w = {(c.station_id, 1): c.agreed_w(self.now_ms) for c in self.chargers}
        fallbacks_w = {(c.station_id, 1): c.agreed.fallback_w or 0 for c in self.chargers}
        self.most_w = max(self.most_w, sum(drawn_w.values()))
        over_w = excess_w(self._allowance, drawn_w, fallbacks_w, self.now_ms)
        if over_w > ROUNDING_W:
            self.found.append(f"stations that keep their word may draw {over_w} W too much: {drawn_w}")

    def judge_use(self) -> None:
        """When more is wanted than there is, what there is is given, at a site where that is one number."""
        power, known = self.facility.power, any(e.phases for s in self.facility.stations for e in s.evses)
        if power.peaks or power.building is not None or known:
            return
        given_w = sum(self._book.promised_w(c.station_id, 1, self.now_ms) for c in self.chargers)
        wanted_w = min(self._allowance.at_w(self.now_ms), sum(c.rating_w for c in self.chargers))
        if given_w * 100 < wanted_w * USED_PCT:
            self.found.append(f"only {given_w} W of {wanted_w} W are given")

    def _judged_by(self, facility: Facility) -> None:
        self.facility = facility
        self._book, self._allowance = PowerBook(facility), Allowance(facility)

    def _answer_orders(self) -> None:
        """A station that is asked about a transaction says whether it goes on."""
        asked, self._orders = self._orders, []
        for order in asked:
            charger = self.by_id[order.station_id]
            going_on = bool(charger.transaction_id) and charger.transaction_id == getattr(
                order.order, "transaction_id", ""
            )
            details = {"messagesInQueue": bool(charger.unheard), "ongoingIndicator": going_on}
            outcome = "ACCEPTED" if charger.connected else "UNSENT"
            self.give(OrderReplied(order.order_id, order.station_id, outcome, details=details))  # type: ignore[arg-type]

    def _write(self, written: Entry) -> None:
        self.log.append(written)
        lifted = self.flagged and written.type == "LimitSent"
        before_w = self._book.promised_w(written.body["station_id"], 1, written.at_ms) if lifted else 0
        event = self._audit(written)
        if isinstance(event, LimitBreached):
            self.flagged[event.station_id] = max(event.drawn_w, self.flagged.get(event.station_id, 0))
            if not self.by_id[event.station_id].suspect:
                self.found.append(f"{event.station_id} kept its limits and is called disobedient: {event}")
        elif isinstance(event, LimitRoundedUp):
            self.rounding[event.station_id] = event.by_w
            if not self.by_id[event.station_id].above:
                self.found.append(f"{event.station_id} kept its limits and is taken to round up: {event}")
        elif isinstance(event, LimitObeyed):
            self.flagged.pop(event.station_id, None)
            self.by_id[event.station_id].trusted_ms = self.now_ms
        elif isinstance(event, LimitSent):
            self._judge_cap(event)
            if lifted:
                self._judge_lift(event, before_w)

    def _audit(self, written: Entry) -> Event:
        event = parse_event(written)
        assert event is not None
        self._book.take(event, written.at_ms)
        if isinstance(event, BuildingLoadChanged):
            self._allowance.building_draws(event.load_w, written.at_ms)
        return event

    def _judge_lift(self, sent: LimitSent, before_w: int) -> None:
        """Nothing is lifted beside what the disobedient draw."""
        if self._book.promised_w(sent.station_id, sent.evse_id, self.now_ms) <= before_w:
            return
        total_w = 0
        for charger in self.chargers:
            known = charger.connected and self._book.charging(charger.station_id, 1)
            drawn_w = self.flagged.get(charger.station_id, 0) if known else 0
            total_w += max(drawn_w, self._book.promised_w(charger.station_id, 1, self.now_ms))
        if total_w > self.facility.power.budget_w and self._judging:
            self.found.append(f"{sent} is a lift to {total_w} W beside {self.flagged}")

    def _judge_cap(self, sent: LimitSent) -> None:
        """No lease is above a person's ceiling, but for a station that cannot go so low."""
        cap_w = self._state.caps.get(f"{sent.station_id}/{sent.evse_id}")
        station = self.facility.station(sent.station_id)
        assert station is not None
        if cap_w is not None and sent.until_ms is not None and sent.limit_w > max(cap_w, station.evses[0].minimum_w):
            self.found.append(f"{sent} is above the ceiling of {cap_w} W")


def ampere_w(evse: Evse) -> int:
    """What one ampere on each of its lines is."""
    return evse.voltage_v * {"": 3, "L1L2L3": 3}.get(evse.phases, 1)
