"""How the line for the chargers, reservations and local lists change what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import FacilityState
from edge.rules.state_queueing import Reservation, Waiting, Withdrawal
from shared.events import (
    EvseReserved,
    LocalListBounded,
    ReservationEnded,
    StandingChanged,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationOrdered,
    StationReservationEnded,
    VehicleExited,
    WaitingJoined,
    WaitingLeft,
)


def _joined(state: FacilityState, event: WaitingJoined, at_ms: int) -> None:
    state.line.append(Waiting(event.waiting_id, event.plate, event.connector, at_ms))


def _left(state: FacilityState, event: WaitingLeft, _at_ms: int) -> None:
    state.line = [w for w in state.line if w.waiting_id != event.waiting_id]


def _reserved(state: FacilityState, event: EvseReserved, _at_ms: int) -> None:
    state.reservation_number = max(state.reservation_number, event.number)
    state.reservations[event.reservation_id] = Reservation(
        event.reservation_id,
        event.number,
        event.station_id,
        event.evse_id,
        event.id_token,
        event.plate,
        event.until_ms,
        event.waiting_id,
    )


def _reservation_ended(state: FacilityState, event: ReservationEnded, _at_ms: int) -> None:
    kept = state.reservations.pop(event.reservation_id, None)
    if kept is not None and kept.told and event.reason == "CANCELLED":
        state.withdrawn[kept.reservation_id] = Withdrawal(kept.station_id, kept.number, kept.until_ms)


def _let_go(state: FacilityState, event: StationReservationEnded, _at_ms: int) -> None:
    for kept in list(state.reservations.values()):
        if (kept.station_id, kept.number) == (event.station_id, event.reservation_id):
            del state.reservations[kept.reservation_id]
    for gone_id, gone in list(state.withdrawn.items()):
        if (gone.station_id, gone.number) == (event.station_id, event.reservation_id):
            del state.withdrawn[gone_id]


def _standing(state: FacilityState, event: StandingChanged, _at_ms: int) -> None:
    session = state.sessions.get(event.session_id)
    if session is not None:
        session.tokens = {t.id_token: t.group_id for t in event.tokens}
        session.blocked = event.blocked
        state.tokens_version += 1


def _exited(state: FacilityState, _event: VehicleExited, _at_ms: int) -> None:
    """Whoever has left takes his tokens off the lists."""
    state.tokens_version += 1


def _ordered(state: FacilityState, event: StationOrdered, at_ms: int) -> None:
    if event.order == "SendLocalList":
        told = state.local_list(event.station_id)
        tokens = {str(t["id_token"]): str(t["group_id"]) for t in event.details["tokens"]}
        kept = {} if event.details["full"] else told.tokens
        told.sent = {k: v for k, v in {**kept, **tokens}.items() if k not in event.details["removed"]}
        told.version, told.sent_ms, told.in_flight = int(event.details["version"]), at_ms, event.order_id
    elif event.order in ("ReserveEvse", "CancelReservation"):
        _reservation_told(state, event)


def _reservation_told(state: FacilityState, event: StationOrdered) -> None:
    named = (event.station_id, event.details["reservation_id"])
    if event.order == "ReserveEvse":
        for kept in state.reservations.values():
            if (kept.station_id, kept.number) == named:
                kept.told, kept.due = True, False
    else:
        for gone in state.withdrawn.values():
            if (gone.station_id, gone.number) == named:
                gone.due, gone.order_id = False, event.order_id


def _answered(state: FacilityState, event: StationAnswered, _at_ms: int) -> None:
    told = state.local_lists.get(event.station_id)
    if told is not None and told.in_flight == event.order_id:
        told.in_flight = ""
        told.known = event.outcome == "ACCEPTED"
        told.refused = event.outcome == "UNSUPPORTED"
        if told.known:
            told.tokens = told.sent
    heard = event.outcome in ("ACCEPTED", "REJECTED", "UNSUPPORTED")
    for reservation_id, gone in list(state.withdrawn.items()):
        if gone.order_id == event.order_id and heard:
            del state.withdrawn[reservation_id]


def _bounded(state: FacilityState, event: LocalListBounded, _at_ms: int) -> None:
    """A list that was refused may have been too long: it need not wait for its next turn."""
    told = state.local_list(event.station_id)
    told.per_message, told.in_all = event.per_message, event.in_all
    told.in_step_with = -1
    if not told.known:
        told.sent_ms = 0


def _connected(state: FacilityState, event: StationConnected, at_ms: int) -> None:
    _reservations_again(state, event.station_id, at_ms)


def _booted(state: FacilityState, event: StationBooted, at_ms: int) -> None:
    """A station may have lost its list, or learnt to keep one, whenever it boots."""
    told = state.local_lists.get(event.station_id)
    if told is not None:
        told.known = told.refused = False
        told.sent_ms = 0
    _reservations_again(state, event.station_id, at_ms)


def _reservations_again(state: FacilityState, station_id: str, at_ms: int) -> None:
    """Who comes back is told what it is to keep, and what to let go of unless it has by itself, at its time."""
    for kept in state.reservations.values():
        kept.due = kept.due or kept.station_id == station_id
    for reservation_id, gone in list(state.withdrawn.items()):
        if gone.station_id == station_id:
            gone.due = True
            if gone.until_ms <= at_ms:
                del state.withdrawn[reservation_id]


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    WaitingJoined: _joined,
    WaitingLeft: _left,
    EvseReserved: _reserved,
    ReservationEnded: _reservation_ended,
    StationReservationEnded: _let_go,
    StandingChanged: _standing,
    VehicleExited: _exited,
    StationOrdered: _ordered,
    StationAnswered: _answered,
    LocalListBounded: _bounded,
    StationConnected: _connected,
    StationBooted: _booted,
}
