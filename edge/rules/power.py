"""Keeping the site within its budget: what each EVSE should be limited to, and in which order to say so.

Level-triggered: look at all promises, compute targets, send what differs. Lower first; raise only what confirmed
lowerings have freed, because the books (``edge/rules/books.py``) count a limit until something surely replaced it.
Every limit above the fallback is a lease that ends by itself, and leases that hold a charger *below* its fallback end
later than those that lean on them. So a dead link, charger, daemon or box ends in fallbacks, which together fit.
"""

from edge.rules.allocation import STEP_W, Request, fallbacks, proportional
from edge.rules.books import Books, Site, in_force, sites
from edge.rules.inputs import LimitReplied, LimitSetpoint
from edge.rules.state import TransactionState
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import LimitAnswered, LimitSent, SitePowerSampled
from shared.facilities import Evse, Facility, PowerSettings

TICK_MS = 10_000
"""How often promises are looked at when nothing happens."""
CALM_MS = 1_000
"""Readings alone do not make promises be looked at more often than this."""
TOLERANCE_W = 500
"""Differences below this are not worth a message; at most 0.2 % of a 400 kW budget each."""


def replied(turn: Turn, given: LimitReplied) -> None:
    """Book what a station said to a limit."""
    turn.record(
        LimitAnswered(
            request_id=given.request_id,
            station_id=given.station_id,
            evse_id=given.evse_id,
            outcome=given.outcome,
            reason=given.reason,
        )
    )


def restarted(turn: Turn) -> None:
    """After a restart nobody will answer what was in flight: it may be in force."""
    for key, promises in turn.state.promises.items():
        station_id, evse_id = key.rsplit("/", 1)
        if promises.in_flight is not None:
            request_id = promises.in_flight
            turn.record(
                LimitAnswered(
                    request_id=request_id,
                    station_id=station_id,
                    evse_id=int(evse_id),
                    outcome="UNKNOWN",
                    reason="the daemon restarted",
                )
            )


def may_start(turn: Turn, station_id: str, evse_id: int) -> bool:
    """Whether a car may start at an EVSE: it has confirmed its fallback, or its full rating fits the budget."""
    facility = turn.knowledge.facility
    if facility is None:
        return False
    rows = _rows(turn, facility)
    row = next((r for r in rows if (r.station_id, r.evse.evse_id) == (station_id, evse_id)), None)
    if row is None:
        return False
    return row.promises.fallback_w is not None or (
        row.promises.refuses_limits and Books(rows, facility, turn.now_ms).room_w(row.key, None) >= row.evse.rating_w
    )


def settle(turn: Turn) -> None:
    """Send the limits that are due, and a sample of the site's power when its time has come."""
    facility = turn.knowledge.facility
    if facility is None or not facility.stations:
        return
    rows = _rows(turn, facility)
    books = Books(rows, facility, turn.now_ms)
    turn.state.settled_ms = turn.now_ms
    _install_fallbacks(turn, rows, books)
    targets = _targets(rows, books, facility, turn.now_ms)
    _lower(turn, rows, targets, books)
    _raise(turn, rows, targets, books)
    if turn.now_ms - turn.state.sampled_ms >= facility.power.sample_s * SECOND_MS:
        turn.record(
            SitePowerSampled(
                drawn_w=sum(r.transaction.power_w or 0 for r in rows if r.transaction is not None),
                worst_case_w=books.total_w,
                budget_w=facility.power.budget_w,
            )
        )


def _rows(turn: Turn, facility: Facility) -> list[Site]:
    return sites(turn.state, facility, shares_w(facility))


def shares_w(facility: Facility) -> tuple[int, ...]:
    """The fallback of each EVSE, in configured order."""
    ratings_w = tuple(e.rating_w for s in facility.stations for e in s.evses)
    return fallbacks(ratings_w, facility.power.budget_w)


def demand_w(running: TransactionState, evse: Evse) -> int:
    """What a car would take: its EVSE's rating, unless a reading showed that the car is what holds it; then that and
    some room to come back."""
    if running.taken_w is None:
        return evse.rating_w
    return min(evse.rating_w, max(evse.minimum_w, running.taken_w * 6 // 5 + 1_000))


def _targets(rows: list[Site], books: Books, facility: Facility, now_ms: int) -> dict[str, int]:
    """Watts wanted at each EVSE that can be told. What cannot be told, or does not obey, is taken off the budget at its
    worst."""
    told = [
        r
        for r in rows
        if r.connected and r.promises.fallback_w is not None and not r.drawn_above_w(r.effective_w(now_ms))
    ]
    names = {r.key for r in told}
    left_w = facility.power.budget_w - sum(_reserved_w(r, books) for r in rows if r.key not in names)
    requests, idle = [], []
    for row in told:
        running = row.transaction
        if running is None or running.finished_ms is not None:
            idle.append(row)
        else:
            wanted_w = demand_w(running, row.evse)
            requests.append(Request(row.key, wanted_w, row.evse.minimum_w, running.started_ms))
    idle_w = sum(r.base_w() for r in idle)
    if sum(r.wanted_w for r in requests) + idle_w <= left_w:
        return {**{r.key: r.base_w() for r in idle}, **{r.name: r.wanted_w for r in requests}}
    return {**{r.key: 0 for r in idle}, **proportional(requests, left_w)}


def _reserved_w(row: Site, books: Books) -> int:
    """What to leave for an EVSE that cannot be told: its worst case, or the fallback that it is about to get."""
    awaiting_w = row.share_w if row.connected and row.promises.fallback_w is None else 0
    return max(books.highest_w(row.key), row.base_w(), awaiting_w)


def _install_fallbacks(turn: Turn, rows: list[Site], books: Books) -> None:
    for row in rows:
        promises = row.promises
        due = promises.fallback_w != row.share_w and not promises.fallback_pending
        if row.connected and due and _free(row, turn.now_ms) and books.room_w(row.key, None) >= row.share_w:
            _send(turn, row, books, row.share_w, None)


def _free(row: Site, now_ms: int) -> bool:
    return row.promises.in_flight is None and row.promises.retry_at_ms <= now_ms


def _lower(turn: Turn, rows: list[Site], targets: dict[str, int], books: Books) -> None:
    """Bring down what is above its target, and renew what is held below its fallback. Never lifts anything."""
    power = _power(turn)
    for row in rows:
        target_w = targets.get(row.key)
        if target_w is None or not _free(row, turn.now_ms):
            continue
        effective_w = row.effective_w(turn.now_ms)
        above = effective_w > target_w + (TOLERANCE_W if target_w else 0)
        held = min(target_w, effective_w) < row.base_w() and _renewal_due(row, turn.now_ms, power)
        if above or held:
            limit_w, until_ms = _lowered(turn, row, books, min(target_w, effective_w))
            _send(turn, row, books, limit_w, until_ms)


def _lowered(turn: Turn, row: Site, books: Books, limit_w: int) -> tuple[int, int]:
    """The limit to lower to, and until when. One above the fallback must fit with all that is promised; one at or below
    it always does, because holds end after every lift."""
    power = _power(turn)
    until_ms = _until_ms(turn, row, limit_w, power)
    if limit_w > row.base_w():
        room_w = _step(books.room_w(row.key, until_ms))
        if room_w > row.base_w():
            return min(limit_w, room_w), until_ms
        limit_w = row.base_w()
    return limit_w, _until_ms(turn, row, limit_w, power)


def _raise(turn: Turn, rows: list[Site], targets: dict[str, int], books: Books) -> None:
    """Lift what is below its target as far as confirmed lowerings leave room, and renew what is above its fallback."""
    power = _power(turn)
    lowering = any(_lowering(r, turn.now_ms) for r in rows)
    for row in rows:
        target_w = targets.get(row.key)
        if target_w is None or not _free(row, turn.now_ms):
            continue
        effective_w = row.effective_w(turn.now_ms)
        renew = target_w > row.base_w() and _renewal_due(row, turn.now_ms, power)
        if target_w <= effective_w + TOLERANCE_W and not renew:
            continue
        limit_w, until_ms = _raised(turn, row, books, target_w)
        partial = limit_w + TOLERANCE_W < target_w and lowering
        pointless = limit_w < row.evse.minimum_w or (limit_w <= effective_w + TOLERANCE_W and not renew)
        if not partial and not pointless:
            _send(turn, row, books, limit_w, until_ms)


def _raised(turn: Turn, row: Site, books: Books, target_w: int) -> tuple[int, int]:
    """The limit to raise to as far as there is room, and until when: a lift is short, a hold is long."""
    power = _power(turn)
    until_ms = _until_ms(turn, row, target_w, power)
    limit_w = min(target_w, _step(books.room_w(row.key, until_ms)))
    if limit_w <= row.base_w() < target_w:
        until_ms = _until_ms(turn, row, row.base_w(), power)
        limit_w = min(row.base_w(), _step(books.room_w(row.key, until_ms)))
    return limit_w, until_ms


def _until_ms(turn: Turn, row: Site, limit_w: int, power: PowerSettings) -> int:
    """A charger is held below its fallback past the end of every lease that may lean on it until the next renewal,
    with both clocks off. A lease above the fallback leans on those."""
    hold_s = power.lease_s + power.renew_s + 3 * power.drift_s
    return turn.now_ms + (hold_s if limit_w <= row.base_w() else power.lease_s) * SECOND_MS


def _lowering(row: Site, now_ms: int) -> bool:
    return any(x.limit_w < row.effective_w(now_ms) for x in row.promises.pending if in_force(x, now_ms))


def _power(turn: Turn) -> PowerSettings:
    facility = turn.knowledge.facility
    return facility.power if facility is not None else PowerSettings()


def _renewal_due(row: Site, now_ms: int, power: PowerSettings) -> bool:
    accepted = row.promises.accepted
    return accepted is None or now_ms - accepted.from_ms >= power.renew_s * SECOND_MS


def _step(limit_w: int) -> int:
    return max(0, limit_w) // STEP_W * STEP_W


def _send(turn: Turn, row: Site, books: Books, limit_w: int, until_ms: int | None) -> None:
    books.add(row.key, limit_w, until_ms)
    sent = LimitSent(
        request_id=turn.state.requests + 1,
        station_id=row.station_id,
        evse_id=row.evse.evse_id,
        limit_w=limit_w,
        from_ms=turn.now_ms,
        until_ms=until_ms,
    )
    turn.record(sent)
    row.promises = turn.state.promise(row.station_id, row.evse.evse_id)
    turn.send(LimitSetpoint(sent.request_id, sent.station_id, sent.evse_id, sent.limit_w, sent.from_ms, sent.until_ms))
