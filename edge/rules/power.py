"""Keeping the site within its budget: what each EVSE should be limited to, and in which order to say so.

Level-triggered: look at all promises, compute targets, send what differs. Lower first; raise only what confirmed
lowerings have freed, because the books (``edge/rules/books.py``) count a limit until something surely replaced it.
Every limit above the fallback is a lease that ends by itself, and leases that hold a charger *below* its fallback end
later than those that lean on them. So a dead link, charger, daemon or box ends in fallbacks, which together fit.
"""

from dataclasses import replace

from edge.rules import building, obedience, stepping
from edge.rules.allocation import STEP_W
from edge.rules.books import Books, Site, in_force, sites
from edge.rules.budget import Budget, budget, lowest_w
from edge.rules.inputs import LimitReplied, LimitSetpoint
from edge.rules.resting import TOLERANCE_W, next_look_ms, rest_until_ms, rests
from edge.rules.targets import targets
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import LimitAnswered, LimitSent, SitePowerSampled
from shared.facilities import Facility, PowerSettings

IDLE_PCT = 1
"""When more than this share of the budget is given to nobody, small lifts are worth their messages too."""


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
    """Whether a car may start at an EVSE: it has confirmed its fallback and holds nothing by another box, or its full
    rating fits the budget."""
    facility = turn.knowledge.facility
    if facility is None:
        return False
    rows = _rows(turn, facility)
    row = next((r for r in rows if (r.station_id, r.evse.evse_id) == (station_id, evse_id)), None)
    if row is None or row.promises.breach is not None:
        return False
    if row.promises.fallback_w is not None:
        return row.inherited is None
    return row.promises.refuses_limits and _fits_at_rating(turn, rows, row)


def _fits_at_rating(turn: Turn, rows: list[Site], row: Site) -> bool:
    """Whether one that nobody can limit fits beside all that is promised now, and for ever."""
    facility = turn.knowledge.facility
    if facility is None or _books(turn, facility, rows).room_w(row.key, None) < row.evse.rating_w:
        return False
    return _fits_for_ever(turn, rows, row, row.evse.rating_w)


def _fits_for_ever(turn: Turn, rows: list[Site], row: Site, limit_w: int) -> bool:
    """Whether what cannot be taken back fits beside all fallbacks, and all that cannot be limited, at the least that
    the budget can ever be: nothing could bring it down when the building draws more or a window opens."""
    power = _power(turn)
    alone = [replace(r, promises=replace(r.promises, accepted=None, pending=[]), inherited=None) for r in rows]
    books = Books(alone, Budget(((0, lowest_w(power)),)), power.drift_s, turn.now_ms)
    return books.room_w(row.key, None) >= limit_w


def settle(turn: Turn) -> None:
    """Send the limits that are due, and a sample of the site's power when its time has come."""
    facility = turn.knowledge.facility
    if facility is None or not facility.stations:
        return
    turn.state.settled_ms = turn.now_ms
    books = None if rests(turn, facility.power) else _look(turn, facility)
    turn.state.look_ms = next_look_ms(turn, facility.power)
    if turn.now_ms - turn.state.sampled_ms >= facility.power.sample_s * SECOND_MS:
        books = books or _books(turn, facility, _rows(turn, facility))
        turn.record(SitePowerSampled(drawn_w=books.drawn_w, worst_case_w=books.total_w, budget_w=books.allowed_w))


def _look(turn: Turn, facility: Facility) -> Books:
    """Look at all promises and readings, and send what is due."""
    building.watch(turn, facility.power)
    rows = _rows(turn, facility)
    obedience.watch(turn, rows)
    books = _books(turn, facility, rows)
    turn.state.rest_ms = 0 if stepping.ready(turn) else _limit(turn, facility, rows, books)
    return books


def _limit(turn: Turn, facility: Facility, rows: list[Site], books: Books) -> int:
    """Send the limits that are due; until when the site rests then."""
    _install_fallbacks(turn, rows, books)
    wanted_w = targets(turn, facility, rows, books)
    _lower(turn, rows, wanted_w, books)
    _raise(turn, rows, wanted_w, books)
    _hold(turn, rows, wanted_w, books)
    return rest_until_ms(turn, facility, rows, wanted_w)


def _budget(turn: Turn, facility: Facility) -> Budget:
    return budget(turn.state, facility, turn.now_ms)


def _books(turn: Turn, facility: Facility, rows: list[Site]) -> Books:
    return Books(rows, _budget(turn, facility), facility.power.drift_s, turn.now_ms)


def _rows(turn: Turn, facility: Facility) -> list[Site]:
    return sites(turn.state, facility, turn.now_ms)


def _install_fallbacks(turn: Turn, rows: list[Site], books: Books) -> None:
    """Send each EVSE its part of the budget to fall back to, and again when it may have lost it. Only one that is
    higher than before needs room, or than another box may have given it; where a lease holds the EVSE below it, that
    lease goes first."""
    for row in rows:
        promises = row.promises
        if not row.connected or not _free(row, turn.now_ms):
            continue
        confirmed_w = promises.fallback_w
        lifts = row.inherited is None if confirmed_w is None else row.share_w > confirmed_w
        held = promises.lease_due and row.effective_w(turn.now_ms) < row.base_w()
        again = (promises.fallback_due or promises.fallback_pending) and not held
        if row.share_w == confirmed_w and not again:
            continue
        fits = lifts and books.room_w(row.key, None) >= row.share_w and _fits_for_ever(turn, rows, row, row.share_w)
        if fits or not lifts:
            _send(turn, row, books if lifts else None, row.share_w, None)


def _free(row: Site, now_ms: int) -> bool:
    return row.promises.in_flight is None and row.promises.retry_at_ms <= now_ms


def _lower(turn: Turn, rows: list[Site], wanted_w: dict[str, int], books: Books) -> None:
    """Bring down what is above its target, by however little where more may be in force than is allowed, and all of
    which that is not known. Never lifts anything."""
    give_back = _give_back(turn, rows, wanted_w, books)
    tolerance_w = TOLERANCE_W if books.total_w <= books.allowed_w else 0
    for row in rows:
        target_w = wanted_w.get(row.key)
        if target_w is None or not _free(row, turn.now_ms):
            continue
        effective_w = row.effective_w(turn.now_ms)
        if row.inherited is not None:
            _send(turn, row, books, *_taken_over(turn, row, books, target_w))
        elif effective_w > target_w + (tolerance_w if target_w else 0) or row.key in give_back:
            limit_w, until_ms = _lowered(turn, row, books, min(target_w, effective_w))
            _send(turn, row, books, limit_w, until_ms)


def _hold(turn: Turn, rows: list[Site], wanted_w: dict[str, int], books: Books) -> None:
    """Renew what is held below its fallback, unless it was just lifted: a station slower to answer than holds are
    renewed would be held for ever."""
    for row in rows:
        target_w = wanted_w.get(row.key)
        if target_w is None or not _free(row, turn.now_ms):
            continue
        held_w = min(target_w, row.effective_w(turn.now_ms))
        if held_w < row.base_w() and _renewal_due(row, turn.now_ms, _power(turn)):
            limit_w, until_ms = _lowered(turn, row, books, held_w)
            _send(turn, row, books, limit_w, until_ms)


def _give_back(turn: Turn, rows: list[Site], wanted_w: dict[str, int], books: Books) -> frozenset[str]:
    """The EVSEs that have a little too much, each less than is else worth a message, when one waits for its fallback,
    or for enough to charge at all, and all of them together take it from there. As few as make up what it lacks; none
    while more is coming down."""
    lacking = next(((r, wait_w) for r in rows if (wait_w := _awaited_w(turn, r, wanted_w)) > 0), None)
    if lacking is None or any(_lowering(r, turn.now_ms) for r in rows):
        return frozenset()
    lack_w = lacking[1] - books.room_w(lacking[0].key, None)
    excess = sorted(((r.effective_w(turn.now_ms) - w, r.key) for r in rows if (w := wanted_w.get(r.key))), reverse=True)
    found: list[str] = []
    for excess_w, key in excess:
        if lack_w <= 0 or excess_w <= 0:
            break
        found.append(key)
        lack_w -= excess_w
    return frozenset(found)


def _awaited_w(turn: Turn, row: Site, wanted_w: dict[str, int]) -> int:
    """What an EVSE has nothing of yet and should have; else 0."""
    if row.connected and row.promises.fallback_w is None:
        return 0 if row.promises.fallback_pending else row.share_w
    target_w = wanted_w.get(row.key, 0)
    starved = row.effective_w(turn.now_ms) < row.evse.minimum_w <= target_w
    return target_w if starved and _free(row, turn.now_ms) else 0


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


def _taken_over(turn: Turn, row: Site, books: Books, target_w: int) -> tuple[int, int]:
    """The first lease in the place of another box's, and until when: as much as surely fits beside all that others may
    hold. That may be nothing, or, where no pause is taken, the least that also the other box had to leave it."""
    limit_w, until_ms = _raised(turn, row, books, target_w)
    if not row.evse.pauses or row.promises.refuses_pause:
        limit_w = max(limit_w, min(row.evse.minimum_w, row.base_w()))
    return limit_w, until_ms if limit_w > row.base_w() else _until_ms(turn, row, limit_w, _power(turn))


def _raise(turn: Turn, rows: list[Site], wanted_w: dict[str, int], books: Books) -> None:
    """Lift what is below its target as far as confirmed lowerings leave room, and renew what is above its fallback. By
    little only cars that take all that they may, where all that is not given comes to something."""
    power = _power(turn)
    idle = (books.allowed_w - books.total_w) * 100 > books.allowed_w * IDLE_PCT
    lowering = any(_lowering(r, turn.now_ms) for r in rows)
    for row in rows:
        target_w = wanted_w.get(row.key)
        if target_w is None or not _free(row, turn.now_ms):
            continue
        effective_w = row.effective_w(turn.now_ms)
        renew = target_w > row.base_w() and _renewal_due(row, turn.now_ms, power)
        tolerance_w = 0 if idle and row.transaction is not None and row.transaction.taken_w is None else TOLERANCE_W
        if target_w <= effective_w + tolerance_w and not renew:
            continue
        limit_w, until_ms = _raised(turn, row, books, target_w)
        partial = limit_w + TOLERANCE_W < target_w and lowering
        pointless = limit_w < row.evse.minimum_w or (limit_w <= effective_w + tolerance_w and not renew)
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
    aged = accepted is None or now_ms - accepted.from_ms >= power.renew_s * SECOND_MS
    return aged or row.promises.lease_due


def _step(limit_w: int) -> int:
    return max(0, limit_w) // STEP_W * STEP_W


def _send(turn: Turn, row: Site, books: Books | None, limit_w: int, until_ms: int | None) -> None:
    """Send a limit. ``books`` None: it lifts nothing that is not counted already."""
    if books is not None:
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
    told_w = _told_w(row, limit_w)
    # A clock that is behind would wait for a lease to begin, and hold nothing meanwhile: it began long ago.
    from_ms = sent.from_ms - _power(turn).drift_s * SECOND_MS
    turn.send(LimitSetpoint(sent.request_id, sent.station_id, sent.evse_id, told_w, from_ms, sent.until_ms))


def _told_w(row: Site, limit_w: int) -> int:
    """What to ask for so that the limit holds: less where the station rounds up, but no less than what it can keep."""
    if not (row.evse.rounds_up or row.promises.rounds_up):
        return limit_w
    least_w = min(limit_w, row.evse.minimum_w)
    return max(least_w, limit_w - obedience.rounding_w(row.evse, limit_w))
