"""The worst case that may be in force at each EVSE, now and at every later instant.

A limit counts from the moment it is sent until something surely replaced it. What a station may do at an instant is
the highest of: leases that may be in force then, the fallback (or, without one, the rating) unless a lease surely
covers it, and what it is seen to draw. A lease surely holds until ``until_ms`` less the drift a station's clock may
have, and may hold until ``until_ms`` plus that drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.rules.budget import Budget
from edge.rules.inheritance import inherited
from edge.rules.outlets import outlets
from edge.rules.phases import WHOLE, Weights, load_w, under_w
from edge.rules.state import FacilityState, TransactionState, evse_key
from edge.rules.state_power import FORMERS_KEPT_MS, Lease, Promises
from shared.clock import SECOND_MS
from shared.facilities import Evse, Facility

SETTLE_MS = 10_000
"""A reading taken sooner than this after a limit began says nothing about obedience: cars follow a pilot signal within
5 s (IEC 61851-1), fast chargers ramp a little longer."""
OBEDIENCE_PCT = 105
"""Above this share of its limit an EVSE is reserved at what it draws."""


class BudgetError(Exception):
    """A limit was about to be sent that the budget does not hold: our bug, never sent."""


@dataclass(slots=True)
class Site:
    """One EVSE with all that the power rule looks at. ``share_w`` is its part of the fallbacks that fit the budget.
    ``strange``: what it falls back to without our word is for another box to know, in whose place this log may have
    begun (or from before our clock was moved). ``inherited``: what another box may have lent it
    (``edge/rules/inheritance.py``)."""

    key: str
    station_id: str
    evse: Evse
    share_w: int
    connected: bool
    promises: Promises
    transaction: TransactionState | None
    drift_ms: int
    weights: Weights = (WHOLE,)
    strange: bool = False
    inherited: Lease | None = None

    def leases(self) -> list[Lease]:
        """Every lease that may be in force."""
        first = self.inherited if self.promises.accepted is None else self.promises.accepted
        return self.promises.pending if first is None else [first, *self.promises.pending]

    def base_w(self) -> int:
        """What it may draw when no lease covers it. Without a fallback: its rating while a car is being charged, or
        when it refuses limits and nobody watches it. Else only what was sent: a station that was never
        told of a token starts no car on its own (OCPP 2.0.1 C10 to C14), and a car that was refused is not started
        (C01). One that is ``strange`` and has not confirmed ours may rest at the fallback that another box gave it."""
        promises = self.promises
        sent_w = max(promises.fallback_pending.values()) if promises.fallback_pending else 0
        if promises.fallback_w is not None:
            return max(promises.fallback_w, sent_w) + promises.fallback_more_w
        unwatched = self.promises.refuses_limits and not self.connected
        running = self.transaction is not None and (self.transaction.session_id is not None or self.transaction.offline)
        return self.evse.rating_w if running or unwatched else max(sent_w, self.share_w if self.strange else 0)

    def effective_w(self, now_ms: int) -> int:
        """What it should be limited to now, as far as it has confirmed; its rating without any limit."""
        accepted = self.promises.accepted
        if accepted is not None and now_ms < accepted.until_ms:
            return accepted.limit_w
        return self.evse.rating_w if self.promises.fallback_w is None else self.promises.fallback_w

    def worst_w(self, at_ms: int, drift_ms: int) -> int:
        """The most it may draw at an instant, now or later."""
        promised_w = self.promised_w(at_ms, drift_ms)
        return self.disobeying_w() if self.exceeds(promised_w) else promised_w

    def promised_w(self, at_ms: int, drift_ms: int) -> int:
        """The most it may draw at an instant if it keeps its word."""
        most_w = 0 if self.covered(at_ms, drift_ms) else self.base_w()
        for lease in self.leases():
            if at_ms <= lease.until_ms + drift_ms:
                most_w = max(most_w, lease.limit_w + lease.more_w)
        return most_w

    def covered(self, at_ms: int, drift_ms: int) -> bool:
        """Whether leases surely hold it at an instant. A pending one may have taken the accepted one's place, so all
        must."""
        accepted = self.promises.accepted
        if accepted is None or at_ms >= accepted.until_ms - drift_ms:
            return False
        return all(at_ms < lease.until_ms - drift_ms for lease in self.promises.pending)

    def exceeds(self, limit_w: int) -> bool:
        """Whether ``disobeying_w`` is above a limit; what was drawn within it needs no look at what it was excused."""
        running = self.transaction
        if running is None or (self.promises.breach is None and (running.power_w or 0) <= limit_w):
            return False
        return self.disobeying_w() > limit_w

    def disobeying_w(self) -> int:
        """What it is seen to draw, if that is above a limit that it had time to obey; in quarantine the most that it
        drew since; else 0. Without a car it draws nothing."""
        if self.transaction is None:
            return 0
        breach = self.promises.breach
        return self.over_w() if breach is None else max(self.over_w(), breach.drawn_w)

    def over_w(self) -> int:
        """What its last reading shows, if that is above all that it may then have been limited to; else 0."""
        running = self.transaction
        if running is None or not running.power_w:
            return 0
        may_w = self.excused_w()
        return running.power_w if may_w is not None and running.power_w * 100 > may_w * OBEDIENCE_PCT else 0

    def excused_w(self) -> int | None:
        """The highest of all that it may have been limited to in the ``SETTLE_MS`` before its last reading; None when
        that reading says nothing of obedience."""
        running, promises = self.transaction, self.promises
        if running is None:
            return None
        taken_ms = running.power_heard_ms
        if running.catching_up or taken_ms > running.metered_ms + sum(running.steps_ms) + self.drift_ms:
            return None  # it may have waited on its way, or surely did: no clock is so far behind
        since_ms = taken_ms - SETTLE_MS
        if running.metered_ms - running.started_ms < SETTLE_MS:
            return None  # how late its messages come is not known yet, nor may it know that its car was refused
        told_ms = max(promises.fallback_ms, 0 if promises.accepted is None else promises.accepted.accepted_ms)
        if since_ms < max(promises.judged_ms, told_ms - FORMERS_KEPT_MS):
            return None
        found = [self.promised_w(at_ms, self.drift_ms) for at_ms in (since_ms, taken_ms)]
        for former in (x for x in promises.formers if x.replaced_ms >= since_ms):
            if since_ms <= former.until_ms + self.drift_ms:
                found.append(self.evse.rating_w if former.limit_w is None else former.limit_w)
            if former.until_ms - self.drift_ms <= min(taken_ms, former.replaced_ms):
                found.append(self.base_w())
        return max(found)


def sites(state: FacilityState, facility: Facility, now_ms: int) -> list[Site]:
    """Every EVSE of the facility, in configured order."""
    # One that is all but over counts only where no other has begun.
    in_order = sorted(state.transactions.values(), key=lambda t: t.closing is None)
    running = {evse_key(t.station_id, t.evse_id): t for t in in_order}
    found: list[Site] = []
    drift_ms = facility.power.drift_s * SECOND_MS
    for outlet in outlets(facility):
        known = state.stations.get(outlet.station_id)
        promises = state.promises.get(outlet.key) or Promises()
        lent = inherited(state, promises, outlet.evse, power=facility.power, now_ms=now_ms)
        found.append(
            Site(
                key=outlet.key,
                station_id=outlet.station_id,
                evse=outlet.evse,
                share_w=outlet.share_w,
                connected=known is not None and known.connected,
                promises=promises,
                transaction=running.get(outlet.key),
                drift_ms=drift_ms,
                weights=outlet.weights,
                strange=lent is not None or state.stepped,
                inherited=lent,
            )
        )
    return found


class Books:
    """The sum of worst cases over all EVSEs, at the instants at which it can be highest, on each row of the supply
    (``edge/rules/phases.py``).

    Between two such instants promises only end and the budget does not fall, so checking these instants checks all.
    ``until_ms`` None means for ever. The later instants are looked at only when somebody asks about them.
    """

    def __init__(self, rows: Sequence[Site], budget: Budget, drift_s: int, now_ms: int) -> None:
        self.budget = budget
        self._drift_ms = drift_s * SECOND_MS
        self._now_ms = now_ms
        self._rows = {row.key: row for row in rows}
        self._lines = range(1, len(rows[0].weights) if rows else 1)
        self._columns: dict[int, dict[str, int]] = {}
        self._totals: dict[int, list[int]] = {}
        self._ahead = False
        self._look_at(now_ms)

    def _lapse_ms(self, until_ms: int) -> int:
        return until_ms - self._drift_ms

    def _look_at(self, at_ms: int) -> None:
        if at_ms >= self._now_ms and at_ms not in self._columns:
            self._book(at_ms, {key: row.worst_w(at_ms, self._drift_ms) for key, row in self._rows.items()})

    def _look_ahead(self) -> None:
        """Look at every instant at which the sum may rise or the budget falls."""
        if self._ahead:
            return
        self._ahead = True
        instants = {at_ms for row in self._rows.values() for at_ms in self._lapses(row)}
        instants.update(self.budget.falls_ms(self._now_ms))
        ordered = sorted(at_ms for at_ms in instants if at_ms > self._now_ms)
        columns: dict[int, dict[str, int]] = {at_ms: {} for at_ms in ordered}
        for key, row in self._rows.items():
            # The worst case of one EVSE changes only where one of its own promises does.
            changes = self._lapses(row) | {x.until_ms + self._drift_ms + 1 for x in row.leases()}
            worst_w, since_ms = self._columns[self._now_ms][key], self._now_ms
            for at_ms in ordered:
                if any(since_ms < change <= at_ms for change in changes):
                    worst_w = row.worst_w(at_ms, self._drift_ms)
                columns[at_ms][key], since_ms = worst_w, at_ms
        for at_ms, column in columns.items():
            self._book(at_ms, column)

    def _lapses(self, row: Site) -> set[int]:
        return {self._lapse_ms(lease.until_ms) for lease in row.leases()}

    def _book(self, at_ms: int, column: dict[str, int]) -> None:
        self._columns[at_ms] = column
        totals = [sum(column.values())]
        totals += [sum(load_w(w, self._rows[key].weights[i]) for key, w in column.items()) for i in self._lines]
        self._totals[at_ms] = totals

    @property
    def total_w(self) -> int:
        """The worst case now."""
        return self._totals[self._now_ms][0]

    @property
    def drawn_w(self) -> int:
        """What all cars together were last seen to draw."""
        return sum([r.transaction.power_w or 0 for r in self._rows.values() if r.transaction is not None])

    @property
    def allowed_w(self) -> int:
        """The budget now."""
        return self.budget.at_w(self._now_ms)

    def highest_w(self, key: str) -> int:
        """The worst case of one EVSE from now on: of its leases none begins later, and at their end it falls back."""
        return max(self._columns[self._now_ms][key], self._rows[key].base_w())

    def room_w(self, key: str, until_ms: int | None) -> int:
        """The highest limit for one EVSE until an instant that keeps the sum within the budget, or does not add to it
        where it is above already, since the EVSE has fallen back to as much; negative when no limit does, because what
        comes after it would not fit."""
        self._look_ahead()
        if until_ms is not None:
            self._look_at(self._lapse_ms(until_ms))
        row, room_w = self._rows[key], self.budget.at_w(self._now_ms)
        more_w = max(row.promises.fallback_more_w, *(x.more_w for x in row.leases()), 0)
        for at_ms in self._columns:
            free_w = self._free_w(key, at_ms)
            # Of one that confirmed no lease it is not known that it has fallen back: others may lean on its hold.
            if row.promises.accepted is not None and not row.covered(at_ms, self._drift_ms):
                free_w = max(free_w, row.base_w() - more_w)
            if until_ms is not None and at_ms >= self._lapse_ms(until_ms) and row.base_w() > free_w + more_w:
                return -1
            if until_ms is None or at_ms <= until_ms + self._drift_ms:
                room_w = min(room_w, free_w)
        return room_w

    def _free_w(self, key: str, at_ms: int) -> int:
        """The most that one EVSE may draw at an instant beside all the others."""
        had_w, budget_w = self._columns[at_ms][key], self.budget.at_w(at_ms)
        weighed = zip(self._totals[at_ms], self._rows[key].weights, strict=True)
        return min(under_w(budget_w - total_w + load_w(had_w, weight), weight) for total_w, weight in weighed if weight)

    def add(self, key: str, limit_w: int, until_ms: int | None) -> None:
        """Count a limit that is about to be sent. Raises BudgetError when it could lift the sum over the budget."""
        self._look_ahead()
        if until_ms is not None:
            self._look_at(self._lapse_ms(until_ms))
        for at_ms, column in self._columns.items():
            may_w = limit_w if until_ms is None or at_ms <= until_ms + self._drift_ms else 0
            if until_ms is not None and at_ms >= self._lapse_ms(until_ms):
                may_w = max(may_w, self._rows[key].base_w())
            if may_w <= column[key]:
                continue
            if may_w > self._free_w(key, at_ms):
                total_w, budget_w = self._totals[at_ms][0] - column[key] + may_w, self.budget.at_w(at_ms)
                raise BudgetError(f"{key}: {limit_w} W would make {total_w} W of {budget_w} W, or overload a line")
            for i, weight in enumerate(self._rows[key].weights):
                self._totals[at_ms][i] += load_w(may_w, weight) - load_w(column[key], weight)
            column[key] = may_w


def in_force(lease: Lease | None, now_ms: int) -> bool:
    """Whether an accepted lease has not ended."""
    return lease is not None and now_ms < lease.until_ms
