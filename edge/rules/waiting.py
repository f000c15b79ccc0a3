"""The line of cars that wait for a charger. First come, first served, by the plug that fits.

As soon as an EVSE is free it is kept for the first whom it fits, for as long as the facility allows; who does not come
in that time loses the place, and the next is asked. The estimate is what the line would take if every charge lasted as
long as the recent ones did on average.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from edge.rules import reservations
from edge.rules.inputs import Knowledge
from edge.rules.requests import RequestReply, ReservationAsked, WaitAsked, WaitCancelled
from edge.rules.state import FacilityState, TransactionState
from edge.rules.state_queueing import Waiting
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS, SECOND_MS
from shared.events import WaitingJoined, WaitingLeft
from shared.facilities import ConnectorType, Evse, Facility
from shared.ids import normalise_plate, position_id

CHARGE_MS = 60 * MINUTE_MS
"""How long a charge is taken to last as long as none has ended here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line, from 1. ``wait_ms`` None: no charger here fits. ``station_id`` and ``evse_id`` when one is kept
    for the car, until ``until_ms``."""

    waiting_id: str
    plate: str
    connector: str
    position: int
    wait_ms: int | None
    station_id: str = ""
    evse_id: int = 0
    until_ms: int | None = None


def join(turn: Turn, given: WaitAsked) -> RequestReply:
    """Put a parked car at the end of the line."""
    plate = normalise_plate(given.plate)
    session_id = turn.state.session_of_plate.get(plate)
    if session_id is None:
        return RequestReply(problem=f"no car with the plate {plate} is inside", found=False)
    if given.connector and given.connector not in set(ConnectorType):
        known = ", ".join(ConnectorType)
        return RequestReply(problem=f"connector must be one of {known}, or empty; got {given.connector!r}")
    if any(w.plate == plate for w in turn.state.line):
        return RequestReply(problem=f"the car {plate} is in line already")
    if any(t.session_id == session_id and t.closing is None for t in turn.state.transactions.values()):
        return RequestReply(problem=f"the car {plate} is charging")
    waiting_id = position_id(turn.state.log_id, turn.next_seq)
    turn.record(WaitingJoined(waiting_id=waiting_id, plate=plate, connector=given.connector, by=given.by))
    return RequestReply(id=waiting_id)


def cancel(turn: Turn, given: WaitCancelled) -> RequestReply:
    waiting = next((w for w in turn.state.line if w.waiting_id == given.waiting_id), None)
    if waiting is None:
        return RequestReply(problem=f"nobody waits under {given.waiting_id}", found=False)
    _leave(turn, waiting, "CANCELLED")
    return RequestReply(id=waiting.waiting_id)


def due(turn: Turn) -> None:
    """Let go of those who charge, left or missed their turn, and call the next. Before ``reservations.due``, which ends
    what was missed."""
    facility = turn.knowledge.facility
    for waiting in list(turn.state.line):
        reason = _reason_to_leave(turn, waiting)
        if reason:
            _leave(turn, waiting, reason)
    if facility is not None and turn.state.line:
        _call(turn, facility)


def deadlines(_state: FacilityState, _knowledge: Knowledge) -> Iterator[int]:
    """Those of the reservations; a charger becomes free by what its station says."""
    return iter(())


def places(state: FacilityState, facility: Facility, now_ms: int) -> list[Place]:
    """The line with positions and estimated waits."""
    average_ms = sum(state.charge_times_ms) // len(state.charge_times_ms) if state.charge_times_ms else CHARGE_MS
    free_at = _free_at(state, facility, average_ms, now_ms)
    found = []
    for position, waiting in enumerate(state.line, 1):
        kept = next((k for k in state.reservations.values() if k.waiting_id == waiting.waiting_id), None)
        if kept is not None:
            at = (waiting.waiting_id, waiting.plate, waiting.connector, position, 0)
            found.append(Place(*at, kept.station_id, kept.evse_id, kept.until_ms))
            continue
        fitting = [at for at in free_at if waiting.connector in ("", at[1])]
        wait_ms = None
        if fitting:
            first = min(fitting)
            wait_ms = first[0]
            free_at.remove(first)
            heapq.heappush(free_at, (wait_ms + average_ms, first[1]))
        found.append(Place(waiting.waiting_id, waiting.plate, waiting.connector, position, wait_ms))
    return found


def _free_at(state: FacilityState, facility: Facility, average_ms: int, now_ms: int) -> list[tuple[int, str]]:
    """In how long each EVSE is expected to be free, with its plug."""
    running: dict[tuple[str, int], TransactionState] = {
        (t.station_id, t.evse_id): t for t in state.transactions.values() if t.closing is None
    }
    found = []
    for station in facility.stations:
        for evse in station.evses:
            charge = running.get((station.station_id, evse.evse_id))
            kept = reservations.kept_at(state, station.station_id, evse.evse_id)
            left_ms = 0 if charge is None else max(MINUTE_MS, charge.started_ms + average_ms - now_ms)
            kept_ms = 0 if kept is None else kept.until_ms - now_ms if not kept.waiting_id else average_ms
            if charge is not None or state.station(station.station_id).connected:
                found.append((max(left_ms, kept_ms), str(evse.connector)))
    heapq.heapify(found)
    return found


def _reason_to_leave(turn: Turn, waiting: Waiting) -> str:
    session_id = turn.state.session_of_plate.get(waiting.plate)
    if session_id is None:
        return "EXITED"
    if any(t.session_id == session_id and t.closing is None for t in turn.state.transactions.values()):
        return "CHARGING"
    kept = (k for k in turn.state.reservations.values() if k.waiting_id == waiting.waiting_id)
    return "MISSED" if any(k.until_ms <= turn.now_ms for k in kept) else ""


def _leave(turn: Turn, waiting: Waiting, reason: str) -> None:
    turn.record(WaitingLeft(waiting_id=waiting.waiting_id, reason=reason))
    for kept in list(turn.state.reservations.values()):
        if kept.waiting_id == waiting.waiting_id:
            ends = {"CHARGING": "USED", "MISSED": "EXPIRED"}
            reservations.end(turn, kept, ends.get(reason, "CANCELLED"))


def _call(turn: Turn, facility: Facility) -> None:
    """Keep each free EVSE for the first in line whom it fits and for whom none is kept yet."""
    for station in facility.stations:
        for evse in station.evses:
            called = {k.waiting_id for k in turn.state.reservations.values()}
            fitting = [w for w in turn.state.line if w.waiting_id not in called and w.connector in ("", evse.connector)]
            if fitting and _free(turn, station.station_id, evse, fitting[0]):
                until_ms = turn.now_ms + facility.charger_hold_s * SECOND_MS
                kept = ReservationAsked(
                    station.station_id, evse.evse_id, until_ms, "waiting line", "", fitting[0].plate
                )
                reservations.keep(turn, kept, fitting[0].waiting_id)


def _free(turn: Turn, station_id: str, evse: Evse, waiting: Waiting) -> bool:
    """Whether a car could go there now: nobody else's car stands in the space."""
    state = turn.state
    parked = state.session_of_space.get(evse.space_id)
    blocked = parked is not None and parked != state.session_of_plate.get(waiting.plate)
    kept = reservations.kept_at(state, station_id, evse.evse_id)
    connected = state.station(station_id).connected
    return connected and not blocked and kept is None and not reservations.taken(state, station_id, evse.evse_id)
