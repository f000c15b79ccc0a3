"""What each EVSE could have drawn at worst, second by second, told from a facility's log alone.

The auditor assumes the worst that a station that honours what it accepted could do: it obeys any limit that was sent
and not refused, until one sent later was accepted; it forgets a lease up to ``drift_ms`` too early or too late; without
a lease it takes its fallback; without a fallback, its rating, if a car is being charged there. One that refused limits
and is away may do anything and nothing that is sent prevents it: its rating is taken off what the others are allowed,
once what they were promised before has run out.
"""

from dataclasses import dataclass, field

from provisioning.audit.power_allowance import Allowance
from provisioning.audit.power_lines import line_loads_w
from shared.events import (
    BuildingLoadChanged,
    Event,
    LimitAnswered,
    LimitSent,
    StationConnected,
    StationDisconnected,
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


@dataclass
class _Outlet:
    rating_w: int
    sent: list[_Sent] = field(default_factory=list)
    charging: set[str] = field(default_factory=set)
    refused: bool = False
    away: bool = True

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
        leases = [s for s in self.sent if s.until_ms is not None]
        possible = [s.limit_w for s in leases if s.until_ms is not None and at_ms <= s.until_ms + drift_ms]
        # What was sent after the last accepted one may have taken its place: all of them must hold.
        last = next((s.request_id for s in reversed(leases) if s.accepted), None)
        held = last is not None and all(
            s.until_ms is not None and at_ms <= s.until_ms - drift_ms for s in leases if s.request_id >= last
        )
        if not held:
            possible.append(self._unleased_w())
        return max(possible, default=0)

    def _unleased_w(self) -> int:
        fallbacks = [s for s in self.sent if s.until_ms is None]
        if any(s.accepted for s in fallbacks):
            return max(s.limit_w for s in fallbacks)
        sent_w = max((s.limit_w for s in fallbacks), default=0)
        return self.rating_w if self.charging else sent_w

    @property
    def unwatched(self) -> bool:
        return self.refused and self.away

    @property
    def fallback_w(self) -> int:
        return max((s.limit_w for s in self.sent if s.until_ms is None), default=0)

    def lapses(self, drift_ms: int) -> set[int]:
        return {s.until_ms - drift_ms + 1 for s in self.sent if s.until_ms is not None}


def _book_outlet(
    outlet: _Outlet,
    event: LimitSent | LimitAnswered | TransactionStarted | TransactionAuthorized | TransactionEnded,
) -> None:
    match event:
        case LimitSent():
            outlet.sent.append(_Sent(event.request_id, event.limit_w, event.until_ms))
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
    much the sum, or a line's part of it, ever was above what was allowed (``over_w_max``: 0 when never)."""

    def __init__(self, facility: Facility) -> None:
        self.budget_w = facility.power.budget_w
        self.worst_w_max = 0
        self.over_w_max = 0
        self.over_at_ms = 0
        self._drift_ms = facility.power.drift_s * 1000
        self._outlets = {(s.station_id, e.evse_id): _Outlet(e.rating_w) for s in facility.stations for e in s.evses}
        self._facility = facility
        self._allowance = Allowance(facility)
        self._last_ms = 0

    def take(self, event: Event, at_ms: int) -> None:
        """Account for the time since the event before, then for the event itself."""
        self._look_between(self._last_ms, at_ms)
        self._book(event, at_ms)
        self._allowance.unwatched_draw(sum(x.rating_w for x in self._outlets.values() if x.unwatched), at_ms)
        self._look(at_ms)
        self._last_ms = at_ms

    def promised_w(self, station_id: str, evse_id: int, at_ms: int) -> int:
        """The most that one EVSE that keeps its word may draw at an instant, by what was told so far."""
        return self._outlets[station_id, evse_id].worst_w(at_ms, self._drift_ms)

    def _book(self, event: Event, at_ms: int) -> None:
        match event:
            case LimitSent() | LimitAnswered() | TransactionStarted() | TransactionAuthorized() | TransactionEnded():
                found = self._outlets.get((event.station_id, event.evse_id))
                if found is not None:
                    _book_outlet(found, event)
            case StationConnected() | StationDisconnected():
                for (station_id, _), outlet in self._outlets.items():
                    if station_id == event.station_id:
                        outlet.away = isinstance(event, StationDisconnected)
            case BuildingLoadChanged():
                self._allowance.building_draws(event.load_w, at_ms)

    def _look_between(self, after_ms: int, before_ms: int) -> None:
        instants = {at for outlet in self._outlets.values() for at in outlet.lapses(self._drift_ms)}
        instants |= self._allowance.edges(after_ms, before_ms)
        for at_ms in sorted(instants):
            if after_ms < at_ms < before_ms:
                self._look(at_ms)

    def _look(self, at_ms: int) -> None:
        worst_w = {
            name: 0 if outlet.unwatched else outlet.worst_w(at_ms, self._drift_ms)
            for name, outlet in self._outlets.items()
        }
        total_w = sum(worst_w.values())
        if total_w > self.worst_w_max:
            self.worst_w_max = total_w
        fallbacks_w = sum(x.fallback_w for x in self._outlets.values() if not x.unwatched)
        allowed_w = self._allowance.at_w(at_ms, at_least_w=fallbacks_w)
        lines_w = line_loads_w(self._facility, worst_w)
        over_w = max([total_w - allowed_w, *(int(line_w - allowed_w / 3) for line_w in lines_w)])
        if over_w > self.over_w_max:
            self.over_w_max, self.over_at_ms = over_w, at_ms
