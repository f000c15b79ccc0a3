"""How a step of the clock changes what is booked: what lasts from some moment goes on lasting as long; what ends at an
instant that people or headquarters named ends at that instant."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import LAG_UNKNOWN_MS, FacilityState, Promises
from shared.events import ClockDiffers, ClockStepped, StationTimed


def _differs(state: FacilityState, event: ClockDiffers, _at_ms: int) -> None:
    state.clock_off_ms = event.by_ms


def _stepped(state: FacilityState, event: ClockStepped, at_ms: int) -> None:
    state.clock_off_ms = 0
    for station in state.stations.values():
        station.untimed = True
    for promises in state.promises.values():
        _unsettle(promises, event.by_ms, at_ms)
    if event.by_ms is not None:
        _move(state, event.by_ms)


def _unsettle(promises: Promises, by_ms: int | None, at_ms: int) -> None:
    """A lease may be in force, or not, until its end by either clock, so none surely is."""
    leases = promises.pending if promises.accepted is None else [promises.accepted, *promises.pending]
    if by_ms is None:
        for lease in leases:
            lease.until_ms = max(lease.until_ms, at_ms + lease.until_ms - lease.from_ms)
    else:
        # The clock steps only when every lease above the fallback has ended (``edge/rules/stepping.py``).
        leases = [x for x in leases if x.limit_w <= promises.resting_w()]
        for lease in leases:
            lease.until_ms = max(lease.until_ms, lease.until_ms + by_ms)
    promises.accepted, promises.pending = None, leases
    promises.lease_due = bool(leases)


def _move(state: FacilityState, by_ms: int) -> None:
    for promises in state.promises.values():
        promises.retry_at_ms = promises.retry_at_ms and promises.retry_at_ms + by_ms
        promises.turned_ms += by_ms
        promises.cleared_ms = promises.cleared_ms and promises.cleared_ms + by_ms
        promises.fallback_ms = promises.fallback_ms and promises.fallback_ms + by_ms
        if promises.breach is not None:
            promises.breach.since_ms += by_ms
            promises.breach.last_ms += by_ms
    for session in state.sessions.values():
        session.stepped_ms += by_ms
    for station in state.stations.values():
        station.quarantined_until_ms = station.quarantined_until_ms and station.quarantined_until_ms + by_ms
    for running in state.transactions.values():
        running.steps_ms.append(by_ms)
        running.power_heard_ms += by_ms
        running.lag_ms = LAG_UNKNOWN_MS
        if running.closing is not None:
            running.closing.close_at_ms += by_ms
    for kept in state.reservations.values():
        if kept.waiting_id:
            kept.until_ms += by_ms
    for told in state.local_lists.values():
        told.sent_ms = told.sent_ms and told.sent_ms + by_ms
    state.sampled_ms = state.sampled_ms and state.sampled_ms + by_ms


def _timed(state: FacilityState, event: StationTimed, _at_ms: int) -> None:
    state.station(event.station_id).untimed = False
    for running in state.transactions.values():
        if running.station_id == event.station_id:
            running.told_steps = len(running.steps_ms)


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    ClockDiffers: _differs,
    ClockStepped: _stepped,
    StationTimed: _timed,
}
