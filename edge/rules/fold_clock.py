"""How a step of the clock changes what is booked: what lasts from some moment goes on lasting as long; what ends at an
instant that people or headquarters named ends at that instant."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import LAG_UNKNOWN_MS, FacilityState, StationState, TransactionState
from edge.rules.state_power import SOON_MS, Promises
from shared.clock import DAY_MS
from shared.events import ClockDiffers, ClockStepped, DataRecovered, StationTimed


def _recovered(state: FacilityState, _event: DataRecovered, at_ms: int) -> None:
    """The log may have gone on elsewhere: what was promised there took the place of what is known here, and stations
    were told the time there."""
    state.begun_ms, state.stepped = at_ms, True
    for station in state.stations.values():
        station.untimed = True
    for promises in state.promises.values():
        _unsettle(promises, None, at_ms)


def _differs(state: FacilityState, event: ClockDiffers, _at_ms: int) -> None:
    state.clock_off_ms = event.by_ms


def _stepped(state: FacilityState, event: ClockStepped, at_ms: int) -> None:
    state.clock_off_ms, state.stepped = 0, True
    state.begun_ms = _begun_ms(state, event.by_ms, at_ms)
    for station in state.stations.values():
        station.untimed = True
    for promises in state.promises.values():
        _unsettle(promises, event.by_ms, at_ms)
    if event.by_ms is not None:
        _move(state, event.by_ms)
    else:
        for running in state.transactions.values():
            _go_on(running, at_ms)


def _begun_ms(state: FacilityState, by_ms: int | None, at_ms: int) -> int | None:
    """A box that knows neither the time nor any station begins a log, perhaps in the place of another's. One that was
    off for nobody knows how long, soon after that, is where it was then."""
    begun_ms = state.begun_ms
    if by_ms is not None:
        return None if begun_ms is None else begun_ms + by_ms
    if begun_ms is None:
        return None if state.stations else at_ms
    return at_ms if state.sampled_ms < begun_ms + SOON_MS else None


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
        _move_promises(promises, by_ms)
    for session in state.sessions.values():
        session.stepped_ms += by_ms
    for station in state.stations.values():
        _move_station(station, by_ms)
    for running in state.transactions.values():
        running.steps_ms.append(by_ms)
        running.readings.stepped(by_ms)
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


def _go_on(running: TransactionState, at_ms: int) -> None:
    """Nobody knows how long a charge went on while the box was off: by the wall clock, but nothing that comes is from
    before what was heard. Its register has the energy all the same."""
    back_ms = running.heard_ms - (at_ms - sum(running.steps_ms))
    if back_ms > 0:
        running.steps_ms.append(-back_ms)
    running.lag_ms = LAG_UNKNOWN_MS
    running.readings.late_ms = DAY_MS


def _move_station(station: StationState, by_ms: int) -> None:
    station.quarantined_until_ms = station.quarantined_until_ms and station.quarantined_until_ms + by_ms
    station.behind_ms += by_ms
    station.kept_behind_ms += by_ms


def _move_promises(promises: Promises, by_ms: int) -> None:
    promises.retry_at_ms = promises.retry_at_ms and promises.retry_at_ms + by_ms
    promises.turned_ms += by_ms
    promises.judged_ms = promises.judged_ms and promises.judged_ms + by_ms
    promises.fallback_ms = promises.fallback_ms and promises.fallback_ms + by_ms
    for former in promises.formers:
        former.until_ms, former.replaced_ms = former.until_ms + by_ms, former.replaced_ms + by_ms
    if promises.breach is not None:
        promises.breach.since_ms += by_ms
        promises.breach.last_ms += by_ms


def _timed(state: FacilityState, event: StationTimed, _at_ms: int) -> None:
    station = state.station(event.station_id)
    station.untimed, station.behind_ms = False, 0


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    DataRecovered: _recovered,
    ClockDiffers: _differs,
    ClockStepped: _stepped,
    StationTimed: _timed,
}
