"""What each EVSE could have drawn at worst, second by second, told from a facility's log alone.

The auditor assumes the worst that a station that honours what it accepted could do: it obeys any limit that was sent
and not refused, until one sent later was accepted; it forgets a lease up to ``drift_ms`` too early or too late; without
a lease it takes its fallback; without a fallback, its rating, if a car is being charged there. One that refused limits
and is away may do anything and nothing that is sent prevents it: its rating is taken off what the others are allowed,
once what they were promised before has run out.

Stations follow a clock that was moved when they are next told the time. Until then a lease may end by either clock, and
one that had not ended when the clock moved is never taken to hold. One that had stays ended. How the clock moved while
the box was off (``by_ms`` None) no log tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from provisioning.audit.power_allowance import Allowance
from provisioning.audit.power_lines import line_loads_w
from shared.events import (
    BuildingLoadChanged,
    ClockStepped,
    Event,
    LimitAnswered,
    LimitSent,
    StationConnected,
    StationDisconnected,
    StationTimed,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
)
from shared.facilities import Facility


@dataclass
class _Sent:
    request_id: int
    limit_w: int
    until_ms: int | None
    accepted: bool = False
    doubtful: bool = False


@dataclass
class _Outlet:
    rating_w: int
    told_before: bool = False
    sent: list[_Sent] = field(default_factory=list)
    charging: set[str] = field(default_factory=set)
    refused: bool = False
    away: bool = True
    behind_ms: list[int] = field(default_factory=list)

    def send(self, event: LimitSent) -> None:
        """A station that was not told of a step has any of the clocks since it was."""
        until_ms = event.until_ms
        if until_ms is not None:
            until_ms += max([0, *self.behind_ms])
        doubtful = bool(self.behind_ms) and until_ms is not None
        self.sent.append(_Sent(event.request_id, event.limit_w, until_ms, doubtful=doubtful))

    def hear(self, event: StationConnected | StationDisconnected | StationTimed) -> None:
        """Its station came, went, or was told the time."""
        if isinstance(event, StationTimed):
            self.behind_ms = []
        else:
            self.away = isinstance(event, StationDisconnected)

    def step(self, by_ms: int, before_ms: int, drift_ms: int) -> None:
        """The clock moved, from ``before_ms`` on."""
        self.behind_ms = [by_ms, *(ms + by_ms for ms in self.behind_ms)]
        self.sent = [s for s in self.sent if s.until_ms is None or before_ms <= s.until_ms + drift_ms]
        for sent in self.sent:
            if sent.until_ms is not None:
                sent.until_ms, sent.doubtful = max(sent.until_ms, sent.until_ms + by_ms), True

    def answer(self, request_id: int, outcome: str) -> None:
        found = next((s for s in self.sent if s.request_id == request_id), None)
        if found is None:
            return
        if outcome in ("REJECTED", "UNSENT"):
            self.sent.remove(found)
            self.refused = self.refused or (outcome == "REJECTED" and found.until_ms is None)
        if outcome == "ACCEPTED":
            found.accepted = True
            self.refused = self.refused and found.until_ms is not None
            same_kind = [s for s in self.sent if (s.until_ms is None) == (found.until_ms is None)]
            for older in (s for s in same_kind if s.request_id < request_id):
                self.sent.remove(older)

    def worst_w(self, at_ms: int, drift_ms: int) -> int:
        worst_w, held, covered = 0, False, True
        for lease in reversed(self.sent):
            if lease.until_ms is None:
                continue
            if at_ms <= lease.until_ms + drift_ms:
                worst_w = max(worst_w, lease.limit_w)
            # What was sent after the last accepted one may have taken its place: all of them must hold.
            covered = covered and at_ms < lease.until_ms - drift_ms
            held = held or (covered and lease.accepted and not lease.doubtful)
        return worst_w if held else max(worst_w, self._unleased_w())

    def _unleased_w(self) -> int:
        fallbacks = [s for s in self.sent if s.until_ms is None]
        if any(s.accepted for s in fallbacks):
            return max(s.limit_w for s in fallbacks)
        sent_w = max((s.limit_w for s in fallbacks), default=0)
        return self.rating_w if self.charging and not self.told_before else sent_w

    @property
    def unwatched(self) -> bool:
        return self.refused and self.away and not any(s.accepted for s in self.sent if s.until_ms is None)

    @property
    def fallback_w(self) -> int:
        return max((s.limit_w for s in self.sent if s.until_ms is None), default=0)

    def lapses(self, drift_ms: int) -> set[int]:
        return {s.until_ms - drift_ms for s in self.sent if s.until_ms is not None}


def _book_outlet(
    outlet: _Outlet,
    event: LimitSent | LimitAnswered | TransactionStarted | TransactionAuthorized | TransactionEnded,
) -> None:
    match event:
        case LimitSent():
            outlet.send(event)
        case LimitAnswered():
            outlet.answer(event.request_id, event.outcome)
        case TransactionStarted() if event.session_id is not None or event.offline:
            outlet.charging.add(event.transaction_id)
        case TransactionAuthorized():
            outlet.charging.add(event.transaction_id)
        case TransactionEnded():
            outlet.charging.discard(event.transaction_id)


class PowerBook:
    """Feed it a facility's events in order; it keeps the highest sum of worst cases that ever was possible, and by how
    much the sum, or a line's part of it, ever was above what was allowed (``over_w_max``: 0 when never).

    Without ``from_start`` an EVSE may rest at a fallback that was sent before the first event: until it is sent one
    anew it counts with what is known of it, so the worst case may have been higher. ``untold`` says how many are so.
    """

    def __init__(self, facility: Facility, *, from_start: bool = True) -> None:
        self.budget_w = facility.power.budget_w
        self.worst_w_max = 0
        self.over_w_max = 0
        self.over_at_ms = 0
        self._drift_ms = facility.power.drift_s * 1000
        self._outlets = {
            (s.station_id, e.evse_id): _Outlet(e.rating_w, not from_start) for s in facility.stations for e in s.evses
        }
        self._allowance = Allowance(facility, from_start=from_start)
        self._last_ms = 0

    def take(self, event: Event, at_ms: int) -> None:
        """Account for the time since the event before, then for the event itself."""
        by_ms = (event.by_ms or 0) if isinstance(event, ClockStepped) else 0
        self._look_between(self._last_ms, at_ms - by_ms)
        self._book(event, at_ms)
        self._allowance.unwatched_draw(sum(x.rating_w for x in self._outlets.values() if x.unwatched), at_ms)
        self._look(at_ms)
        self._last_ms = at_ms

    def promised_w(self, station_id: str, evse_id: int, at_ms: int) -> int:
        """The most that one EVSE that keeps its word may draw at an instant, by what was told so far."""
        return self._outlets[station_id, evse_id].worst_w(at_ms, self._drift_ms)

    @property
    def untold(self) -> int:
        """EVSEs whose fallback was sent before the first event, if at all."""
        return sum(x.told_before and x.fallback_w == 0 for x in self._outlets.values())

    def charging(self, station_id: str, evse_id: int) -> bool:
        """Whether a car is being charged there, by what was told so far."""
        return bool(self._outlets[station_id, evse_id].charging)

    def _book(self, event: Event, at_ms: int) -> None:
        match event:
            case LimitSent() | LimitAnswered() | TransactionStarted() | TransactionAuthorized() | TransactionEnded():
                found = self._outlets.get((event.station_id, event.evse_id))
                if found is not None:
                    _book_outlet(found, event)
            case StationConnected() | StationDisconnected() | StationTimed():
                for outlet in (x for (name, _), x in self._outlets.items() if name == event.station_id):
                    outlet.hear(event)
            case ClockStepped(by_ms=int(by_ms)):
                self._step(by_ms, at_ms)
            case BuildingLoadChanged():
                self._allowance.building_draws(event.load_w, at_ms)

    def _step(self, by_ms: int, at_ms: int) -> None:
        for outlet in self._outlets.values():
            outlet.step(by_ms, at_ms - by_ms, self._drift_ms)
        self._allowance.step(by_ms)

    def _look_between(self, after_ms: int, before_ms: int) -> None:
        instants = self._allowance.edges(after_ms, before_ms)
        for outlet in self._outlets.values():
            instants |= outlet.lapses(self._drift_ms)
        for at_ms in sorted([at_ms for at_ms in instants if after_ms < at_ms < before_ms]):
            self._look(at_ms)

    def _look(self, at_ms: int) -> None:
        worst_w, fallbacks_w = dict.fromkeys(self._outlets, 0), dict.fromkeys(self._outlets, 0)
        for name, outlet in self._outlets.items():
            if not outlet.unwatched:
                worst_w[name], fallbacks_w[name] = outlet.worst_w(at_ms, self._drift_ms), outlet.fallback_w
        self.worst_w_max = max(self.worst_w_max, sum(worst_w.values()))
        over_w = excess_w(self._allowance, worst_w, fallbacks_w, at_ms)
        if over_w > self.over_w_max:
            self.over_w_max, self.over_at_ms = over_w, at_ms


def excess_w(
    allowance: Allowance, drawn_w: Mapping[tuple[str, int], int], fallbacks_w: Mapping[tuple[str, int], int], at_ms: int
) -> int:
    """By how much EVSEs that draw so much are above what is allowed, in all or on one line; negative when they are not.
    Nobody can bring them below their fallbacks, so those are allowed where they fit the site."""
    rows = [(1, sum(drawn_w.values()), sum(fallbacks_w.values()))]
    if allowance.phased:
        lines = [line_loads_w(allowance.facility, load_w) for load_w in (drawn_w, fallbacks_w)]
        rows += [(3, int(line_w), ceil(fallback_w)) for line_w, fallback_w in zip(*lines, strict=True)]
    return max(load_w - allowance.at_w(at_ms, at_least_w=least_w * share) // share for share, load_w, least_w in rows)
