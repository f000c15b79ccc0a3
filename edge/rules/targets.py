"""What each EVSE that can be told should be limited to, by the facility's policy."""

from dataclasses import replace

from edge.rules.allocation import Request
from edge.rules.books import Books, Site
from edge.rules.budget import ahead_ms
from edge.rules.demand import request, takes_energy, wanted_w
from edge.rules.phases import load_w
from edge.rules.policies import POLICIES
from edge.rules.turn import Turn
from shared.facilities import Facility


def targets(turn: Turn, facility: Facility, rows: list[Site], books: Books) -> dict[str, int]:
    """Watts wanted at each EVSE that can be told. What cannot be told, or does not obey, is taken off the budget at its
    worst. While our clock is about to follow the wall clock, all come back to their fallbacks."""
    told, room_w = [], [_least_w(turn, facility, books)] * len(rows[0].weights)
    for row in rows:
        if _can_be_told(turn, row):
            told.append(row)
        else:
            _take(room_w, row, _reserved_w(row, books))
    if turn.state.clock_off_ms:
        return {r.key: min(r.promises.resting_w(), turn.state.caps.get(r.key, r.base_w())) for r in told}
    cars = [(r, r.transaction) for r in told if r.transaction is not None and takes_energy(r)]
    found = {r.key: wanted_w(turn.state, r, running) for r, running in cars}
    for row in told:
        if row.key not in found:
            base_w = row.base_w()
            found[row.key] = min(base_w, turn.state.caps.get(row.key, base_w))
    if not _all_fit(told, found, room_w):
        requests = [request(turn.state, r, running) for r, running in cars]
        kept_w = {r.key: r.evse.minimum_w for r in told if not _pauses(r)}
        for row in told:
            _take(room_w, row, kept_w.get(row.key, 0))
        above = [_beyond(r, kept_w[r.name]) if r.name in kept_w else r for r in requests]
        shares = POLICIES[facility.power.policy](above, tuple(max(0, w) for w in room_w), turn.now_ms)
        found = {r.key: shares.get(r.key, 0) + kept_w.get(r.key, 0) for r in told}
    return {r.key: found[r.key] if _pauses(r) else max(found[r.key], r.evse.minimum_w) for r in told}


def _can_be_told(turn: Turn, row: Site) -> bool:
    """Whether a lease means something at an EVSE: its station is there, has a fallback, obeys, and has our time."""
    if not row.connected or row.promises.fallback_w is None:
        return False
    known = turn.state.stations.get(row.station_id)
    timed = known is None or not known.untimed
    return timed and not row.exceeds(row.effective_w(turn.now_ms))


def _least_w(turn: Turn, facility: Facility, books: Books) -> int:
    """What is to be shared out: the least that the budget will be while a lease of now may last, so that limits come
    down in time for a peak window."""
    return books.budget.least_w(turn.now_ms, turn.now_ms + ahead_ms(facility.power))


def _take(room_w: list[int], row: Site, taken_w: int) -> None:
    for i, weight in enumerate(row.weights):
        room_w[i] -= load_w(taken_w, weight)


def _all_fit(told: list[Site], found: dict[str, int], room_w: list[int]) -> bool:
    return all(sum([load_w(found[r.key], r.weights[i]) for r in told]) <= room for i, room in enumerate(room_w))


def _pauses(row: Site) -> bool:
    return row.evse.pauses and not row.promises.refuses_pause


def _beyond(asked: Request, kept_w: int) -> Request:
    """What a car wants beyond the minimum that its EVSE cannot go below."""
    return replace(asked, wanted_w=max(0, asked.wanted_w - kept_w), minimum_w=0)


def _reserved_w(row: Site, books: Books) -> int:
    """What to leave for an EVSE that cannot be told: its worst case, or the fallback that it is about to get."""
    awaiting_w = row.share_w if row.connected and row.promises.fallback_w is None else 0
    return max(books.highest_w(row.key), row.base_w(), awaiting_w)
