"""EVSEs kept for someone: a reservation, or the turn of whoever is next in line.

The rule itself keeps everyone else away (``authorization``), so it holds at stations that know no reservations too;
those that do are told, and then show it (OCPP 2.0.1 H01 to H04): one that is away when it returns, and every one again
when it has been away, since it may have forgotten (the same number again replaces, H01.FR.02). It ends when its holder
charges there, when it is cancelled, at its time, or when the station cannot keep it.
"""

from collections.abc import Iterator

from edge.rules import ordering
from edge.rules.authorization import is_for
from edge.rules.inputs import Knowledge, OrderReplied
from edge.rules.orders import CancelReservation, ReserveEvse
from edge.rules.requests import RequestReply, ReservationAsked, ReservationCancelled
from edge.rules.state import FacilityState, OpenOrder
from edge.rules.state_queueing import Reservation
from edge.rules.turn import Turn
from shared.clock import DAY_MS
from shared.events import EvseReserved, ReservationEnded
from shared.ids import normalise_plate, position_id

AHEAD_MAX_MS = DAY_MS
"""An EVSE that is kept is an EVSE that nobody uses: not for longer than this."""
PURPOSE = "reservation/"
_CANNOT = ("Occupied", "Faulted", "Unavailable")
"""Answers of a station that cannot keep an EVSE (H01.FR.11 to 14); any other refusal is one of keeping books, and ours
hold."""


def reserve(turn: Turn, given: ReservationAsked) -> RequestReply:
    """Keep a free EVSE from now on."""
    problem, found = _problem(turn, given)
    if problem is not None:
        return RequestReply(problem=problem, found=found)
    return RequestReply(id=keep(turn, given))


def keep(turn: Turn, given: ReservationAsked, waiting_id: str = "") -> str:
    """Book a reservation; returns its id. ``due`` tells the station."""
    reservation_id = position_id(turn.state.log_id, turn.next_seq)
    turn.record(
        EvseReserved(
            reservation_id=reservation_id,
            number=turn.state.reservation_number + 1,
            station_id=given.station_id,
            evse_id=given.evse_id,
            until_ms=given.until_ms,
            id_token=given.id_token,
            plate=normalise_plate(given.plate),
            waiting_id=waiting_id,
            by=given.by,
        )
    )
    return reservation_id


def cancel(turn: Turn, given: ReservationCancelled) -> RequestReply:
    kept = turn.state.reservations.get(given.reservation_id)
    if kept is None:
        return RequestReply(problem=f"no reservation {given.reservation_id} holds", found=False)
    end(turn, kept, "CANCELLED")
    return RequestReply(id=kept.reservation_id)


def end(turn: Turn, kept: Reservation, reason: str, details: str = "") -> None:
    """Book its end. A station that would not know by itself is told by ``due``."""
    turn.record(ReservationEnded(reservation_id=kept.reservation_id, reason=reason, details=details))


def due(turn: Turn) -> None:
    """End what is used, and what nobody came for; tell the stations what they are to keep and to let go of."""
    state = turn.state
    for kept in list(state.reservations.values()):
        here = [
            t
            for t in state.transactions.values()
            if (t.station_id, t.evse_id) == (kept.station_id, kept.evse_id) and t.closing is None and t.session_id
        ]
        if any(
            is_for(kept, t.id_token, state.sessions[t.session_id].plate) for t in here if t.session_id in state.sessions
        ):
            end(turn, kept, "USED")
        elif kept.until_ms <= turn.now_ms:
            end(turn, kept, "EXPIRED")
    _tell(turn)


def _tell(turn: Turn) -> None:
    """Tokens only: a station knows no plates."""
    state = turn.state
    for reservation_id, gone in state.withdrawn.items():
        if gone.due and state.station(gone.station_id).connected:
            purpose = f"{PURPOSE}{reservation_id}/cancel"
            ordering.ask(turn, gone.station_id, CancelReservation(gone.number), purpose=purpose)
    for kept in state.reservations.values():
        if kept.due and kept.id_token and state.station(kept.station_id).connected:
            order = ReserveEvse(kept.number, kept.id_token, kept.until_ms, kept.evse_id)
            ordering.ask(turn, kept.station_id, order, purpose=PURPOSE + kept.reservation_id)


def deadlines(state: FacilityState, _knowledge: Knowledge) -> Iterator[int]:
    yield from (kept.until_ms for kept in state.reservations.values())


def answered(turn: Turn, order: OpenOrder, given: OrderReplied) -> None:
    """A station said what it thinks of a reservation."""
    kept = turn.state.reservations.get(order.purpose.removeprefix(PURPOSE))
    if kept is not None and order.order == ReserveEvse.__name__ and given.details.get("status") in _CANNOT:
        end(turn, kept, "UNAVAILABLE", str(given.details["status"]))


def _problem(turn: Turn, given: ReservationAsked) -> tuple[str | None, bool]:
    facility = turn.knowledge.facility
    station = facility.station(given.station_id) if facility else None
    if station is None or given.evse_id not in {e.evse_id for e in station.evses}:
        return f"there is no EVSE {given.evse_id} at a station {given.station_id!r}", False
    if bool(given.id_token) == bool(given.plate):
        return "give id_token or plate, one of them", True
    if not turn.now_ms < given.until_ms <= turn.now_ms + AHEAD_MAX_MS:
        return f"until_ms must be within {AHEAD_MAX_MS} ms from now, {turn.now_ms}; got {given.until_ms}", True
    if taken(turn.state, given.station_id, given.evse_id):
        return "a car charges there, or is plugged in", True
    if kept_at(turn.state, given.station_id, given.evse_id) is not None:
        return "it is kept for someone already", True
    return None, True


def taken(state: FacilityState, station_id: str, evse_id: int) -> bool:
    """Whether an EVSE is in use or cannot be used, as far as its station said."""
    here = (station_id, evse_id)
    running = any((t.station_id, t.evse_id) == here and t.closing is None for t in state.transactions.values())
    status = state.station(station_id).statuses.get(evse_id, "Available")
    return running or status not in ("Available", "Reserved")


def kept_at(state: FacilityState, station_id: str, evse_id: int) -> Reservation | None:
    """The reservation that holds an EVSE, if one does."""
    here = (station_id, evse_id)
    return next((k for k in state.reservations.values() if (k.station_id, k.evse_id) == here), None)
