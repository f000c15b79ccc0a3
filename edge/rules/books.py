"""The worst case that may be in force at each EVSE, now and at every later instant.

A limit counts from the moment it is sent until something surely replaced it. What a station may do at an instant is
the highest of: leases that may be in force then, the fallback (or, without one, the rating) unless a lease surely
covers it, and what it is seen to draw. A lease surely holds until ``until_ms`` less the drift a station's clock may
have, and may hold until ``until_ms`` plus that drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.rules.state import FacilityState, Lease, Promises, TransactionState, evse_key
from shared.clock import SECOND_MS
from shared.facilities import Evse, Facility

SETTLE_MS = 30_000
"""A reading taken sooner than this after a limit began says nothing about obedience: cars ramp for some seconds."""
OBEDIENCE_PCT = 105
"""Above this share of its limit an EVSE is reserved at what it draws."""


class BudgetError(Exception):
    """A limit was about to be sent that the budget does not hold: our bug, never sent."""


@dataclass(slots=True)
class Site:
    """One EVSE with all that the power rule looks at. ``share_w`` is its part of the fallbacks that fit the budget."""

    key: str
    station_id: str
    evse: Evse
    share_w: int
    connected: bool
    promises: Promises
    transaction: TransactionState | None

    def base_w(self) -> int:
        """What it may draw when no lease covers it. Without a fallback: its rating while a car is being charged, or
        when it refuses limits and nobody watches it. Else only what was sent: a station that was never
        told of a token starts no car on its own (OCPP 2.0.1 C10 to C14), and a car that was refused is not started
        (C01)."""
        sent_w = max(self.promises.fallback_pending.values(), default=0)
        if self.promises.fallback_w is not None:
            return max(self.promises.fallback_w, sent_w)
        unwatched = self.promises.refuses_limits and not self.connected
        running = self.transaction is not None and (self.transaction.session_id is not None or self.transaction.offline)
        return self.evse.rating_w if running or unwatched else sent_w

    def effective_w(self, now_ms: int) -> int:
        """What it should be limited to now, as far as it has confirmed; its rating without any limit."""
        accepted = self.promises.accepted
        if accepted is not None and now_ms < accepted.until_ms:
            return accepted.limit_w
        return self.evse.rating_w if self.promises.fallback_w is None else self.promises.fallback_w

    def worst_w(self, at_ms: int, drift_ms: int) -> int:
        """The most it may draw at an instant, now or later."""
        accepted, pending = self.promises.accepted, self.promises.pending
        may_hold = [x.limit_w for x in pending if at_ms <= x.until_ms + drift_ms]
        if accepted is not None and at_ms <= accepted.until_ms + drift_ms:
            may_hold.append(accepted.limit_w)
        # A pending lease may have taken the accepted one's place, so both must surely cover the instant.
        covered = accepted is not None and all(at_ms <= x.until_ms - drift_ms for x in (accepted, *pending))
        if not covered:
            may_hold.append(self.base_w())
        worst_w = max(may_hold)
        return max(worst_w, self.drawn_above_w(worst_w))

    def drawn_above_w(self, limit_w: int) -> int:
        """What it is seen to draw, if that is above a limit that it had time to obey; else 0."""
        running, accepted = self.transaction, self.promises.accepted
        if running is None or running.power_w is None:
            return 0
        since_ms = running.started_ms if accepted is None else accepted.from_ms
        settled = running.metered_ms >= since_ms + SETTLE_MS
        return running.power_w if settled and running.power_w * 100 > limit_w * OBEDIENCE_PCT else 0


def sites(state: FacilityState, facility: Facility, shares_w: Sequence[int]) -> list[Site]:
    """Every EVSE of the facility, in configured order, with its share of the fallbacks."""
    running = {evse_key(t.station_id, t.evse_id): t for t in state.transactions.values()}
    found: list[Site] = []
    for station, evse in ((s, e) for s in facility.stations for e in s.evses):
        key = evse_key(station.station_id, evse.evse_id)
        known = state.stations.get(station.station_id)
        found.append(
            Site(
                key=key,
                station_id=station.station_id,
                evse=evse,
                share_w=shares_w[len(found)],
                connected=known is not None and known.connected,
                promises=state.promises.get(key) or Promises(),
                transaction=running.get(key),
            )
        )
    return found


class Books:
    """The sum of worst cases over all EVSEs, at the instants at which it can be highest.

    Between two such instants promises only end, so the sum only falls; checking these instants checks all. ``until_ms``
    None means for ever.
    """

    def __init__(self, rows: Sequence[Site], facility: Facility, now_ms: int) -> None:
        self._budget_w = facility.power.budget_w
        self._drift_ms = facility.power.drift_s * SECOND_MS
        self._now_ms = now_ms
        self._rows = {row.key: row for row in rows}
        self._columns: dict[int, dict[str, int]] = {}
        self._totals: dict[int, int] = {}
        self._look_at(now_ms)
        for row in rows:
            for lease in (row.promises.accepted, *row.promises.pending):
                if lease is not None:
                    self._look_at(self._lapse_ms(lease.until_ms))

    def _lapse_ms(self, until_ms: int) -> int:
        return until_ms - self._drift_ms + 1

    def _look_at(self, at_ms: int) -> None:
        if at_ms >= self._now_ms and at_ms not in self._columns:
            column = {key: row.worst_w(at_ms, self._drift_ms) for key, row in self._rows.items()}
            self._columns[at_ms] = column
            self._totals[at_ms] = sum(column.values())

    @property
    def total_w(self) -> int:
        """The worst case now."""
        return self._totals[self._now_ms]

    def highest_w(self, key: str) -> int:
        """The worst case of one EVSE from now on."""
        return max(column[key] for column in self._columns.values())

    def room_w(self, key: str, until_ms: int | None) -> int:
        """The highest limit for one EVSE until an instant that keeps the sum within the budget; negative when no limit
        does, because what comes after it would not fit."""
        if until_ms is not None:
            self._look_at(self._lapse_ms(until_ms))
        room_w = self._budget_w
        for at_ms, column in self._columns.items():
            free_w = self._budget_w - self._totals[at_ms] + column[key]
            if until_ms is not None and at_ms >= self._lapse_ms(until_ms) and self._rows[key].base_w() > free_w:
                return -1
            if until_ms is None or at_ms <= until_ms + self._drift_ms:
                room_w = min(room_w, free_w)
        return room_w

    def add(self, key: str, limit_w: int, until_ms: int | None) -> None:
        """Count a limit that is about to be sent. Raises BudgetError when it could lift the sum over the budget."""
        if until_ms is not None:
            self._look_at(self._lapse_ms(until_ms))
        for at_ms, column in self._columns.items():
            may_w = limit_w if until_ms is None or at_ms <= until_ms + self._drift_ms else 0
            if until_ms is not None and at_ms >= self._lapse_ms(until_ms):
                may_w = max(may_w, self._rows[key].base_w())
            lift_w = max(0, may_w - column[key])
            if lift_w and self._totals[at_ms] + lift_w > self._budget_w:
                raise BudgetError(
                    f"{key}: {limit_w} W would make {self._totals[at_ms] + lift_w} W of {self._budget_w} W"
                )
            column[key] += lift_w
            self._totals[at_ms] += lift_w


def in_force(lease: Lease | None, now_ms: int) -> bool:
    """Whether an accepted lease has not ended."""
    return lease is not None and now_ms < lease.until_ms
