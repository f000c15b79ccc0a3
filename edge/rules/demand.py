"""What each car is taken to want of the budget."""

from edge.rules.allocation import Request
from edge.rules.books import Site
from edge.rules.state import EvNeeds, FacilityState, TransactionState
from shared.facilities import Evse

RETURNING_W = 1_000
"""A car that takes less than it may is left this much, and a fifth, to come back to."""
_NOTHING_TOLD = EvNeeds(None, None, None, 0)


def demand_w(running: TransactionState, evse: Evse) -> int:
    """What a car would take: its EVSE's rating, unless a reading showed that the car is what holds it; then that and
    some room to come back."""
    if running.taken_w is None:
        return evse.rating_w
    return min(evse.rating_w, max(evse.minimum_w, running.taken_w * 6 // 5 + RETURNING_W))


def takes_energy(row: Site) -> bool:
    """Whether a car is there that would take energy if it may."""
    running = row.transaction
    return running is not None and running.finished_ms is None and running.closing is None


def wanted_w(state: FacilityState, row: Site, running: TransactionState) -> int:
    """What the car at an EVSE asks for: no more than a person's ceiling, and nothing where that is below the minimum
    current."""
    found_w, cap_w = demand_w(running, row.evse), state.caps.get(row.key)
    if cap_w is None:
        return found_w
    return 0 if cap_w < row.evse.minimum_w else min(found_w, cap_w)


def request(state: FacilityState, row: Site, running: TransactionState) -> Request:
    """The request of the car at an EVSE."""
    energy_wh, departure_ms = _needs(state, row.key, running)
    return Request(
        name=row.key,
        wanted_w=wanted_w(state, row, running),
        minimum_w=row.evse.minimum_w,
        since_ms=running.started_ms,
        priority=0 if running.right is None else running.right.priority,
        energy_wh=energy_wh,
        departure_ms=departure_ms,
        delivered_wh=_delivered_wh(running),
        turned_ms=row.promises.turned_ms,
        paused=row.promises.paused,
        weights=row.weights,
    )


def _needs(state: FacilityState, key: str, running: TransactionState) -> tuple[int | None, int | None]:
    """Energy still to come and departure, as far as the driver or else the car told. Nothing to come is not known: the
    car goes on taking energy, so what was told was not all."""
    told = state.needs.get(key, _NOTHING_TOLD)
    energy_wh = None if running.target is None else running.target.energy_wh
    if energy_wh is None:
        energy_wh = told.energy_wh if running.energy_wh is None else running.energy_wh
    departure_ms = told.departure_ms if running.departure_ms is None else running.departure_ms
    if energy_wh is None:
        return None, departure_ms
    left_wh = energy_wh - _delivered_wh(running)
    return (left_wh if left_wh > 0 else None), departure_ms


def _delivered_wh(running: TransactionState) -> int:
    """By the registers at both ends; which readings between are billed is another question."""
    points, older = running.readings.points, running.readings.older
    if not points:
        return older.energy_wh
    first = older.first or points[0]
    return max(0, points[-1].register_wh - first.register_wh)
