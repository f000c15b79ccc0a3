"""Who may charge: a token of a customer whose car is inside, or the plate of the car that is parked at the EVSE.

A charge always goes on a parking session, so that the driver gets one bill; without one there is no charging. What a
station has done by itself while it was away is charged to whoever it was done for: only who that is is asked then.
The right at the start counts for the whole transaction: a pass that ends meanwhile pays for it to its end.
"""

from dataclasses import dataclass
from typing import Self

from edge.rules import power
from edge.rules.access import best_right
from edge.rules.inputs import NO_MATCHES, Authorization, AuthorizeAsked, Matches, TransactionReported
from edge.rules.state import ParkingSession, TransactionState
from edge.rules.state_queueing import Reservation
from edge.rules.turn import Turn
from shared.events import ChargingRefused
from shared.facilities import ConnectorType, Evse
from shared.ids import normalise_plate
from shared.rights import Right, RightRef, reference

FITS: dict[ConnectorType, frozenset[ConnectorType]] = {
    ConnectorType.CCS: frozenset((ConnectorType.CCS, ConnectorType.TYPE1)),
    ConnectorType.CHADEMO: frozenset((ConnectorType.CHADEMO, ConnectorType.TYPE1)),
    ConnectorType.NACS: frozenset((ConnectorType.NACS, ConnectorType.TYPE1)),
    ConnectorType.TYPE1: frozenset((ConnectorType.TYPE1,)),
}
"""Which plugs a car's inlet takes. A CCS inlet holds the Type 1 inlet; cars with CHAdeMO have a Type 1 inlet beside it;
cars with NACS come with an adapter for Type 1."""

BUTTON = ""
"""The token of a start without any (2.0.1 C02, type NoAuthorization): the car that was given the space of the EVSE
pays. C02.FR.02 asks to accept it always; where no car is parked, nobody would pay."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Which parking session a charge goes on, and under which right."""

    session: ParkingSession
    right: RightRef | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A token shown at a station. ``afterwards``: for what the station did by itself."""

    station_id: str
    id_token: str
    evse_id: int | None = None
    matches: Matches = NO_MATCHES
    afterwards: bool = False

    @classmethod
    def of(cls, given: TransactionReported, evse_id: int | None) -> Self:
        return cls(given.station_id, given.id_token or "", evse_id, given.matches, given.offline)


def authorize(turn: Turn, given: AuthorizeAsked) -> Authorization:
    """Answer whether a token may charge here and now, or stop what charges here (C09: who is of its group may)."""
    asked = Asked(given.station_id, given.id_token, given.evse_id, given.matches)
    right = _right(turn, asked)
    if given.evse_id is None and any(_may_stop(turn, t, asked, right) for t in _running_at(turn, given.station_id)):
        return Authorization("Accepted", group_id=right.group_id if right else "")
    return answer(turn, judge(turn, asked), given.station_id, given.evse_id, given.id_token)


def standing(turn: Turn, asked: Asked, running: TransactionState | None) -> Authorization:
    """What a token is worth beside a charge that runs, or has just ended: it begins nothing, so neither its car nor
    power is asked for. A station may keep the answer for the next time that it sees the token."""
    right = _right(turn, asked)
    if running is not None and _may_stop(turn, running, asked, right):
        return Authorization("Accepted", group_id=group_of(running.right))
    if asked.matches.block is not None:
        return Authorization("Blocked", "this plate is blocked")
    if right is None:
        return _no_right(turn, asked)
    return Authorization("Accepted", group_id=right.group_id)


def answer(
    turn: Turn, found: Payer | Authorization, station_id: str, evse_id: int | None, id_token: str
) -> Authorization:
    if isinstance(found, Payer):
        return Authorization("Accepted", group_id=group_of(found.right))
    turn.record(
        ChargingRefused(
            station_id=station_id, evse_id=evse_id, id_token=id_token, reason=found.reason, status=found.status
        )
    )
    return found


def group_of(right: RightRef | None) -> str:
    """The group whose tokens may stop each other's charging; empty without one."""
    return right.group_id if right is not None else ""


def judge(turn: Turn, asked: Asked) -> Payer | Authorization:
    """Who pays for charging under a token, or why it may not be."""
    if turn.knowledge.facility is None:
        return Authorization("NotAtThisLocation", "the facility is not configured")
    right = _right(turn, asked)
    by_button = asked.id_token == BUTTON
    session = _parked_at(turn, asked) if by_button else _session_for(turn, asked)
    if session is None:
        if by_button:
            return Authorization("NotAtThisLocation", "no car is parked at this charger")
        if right is None:
            return _no_right(turn, asked)
        return Authorization("NotAtThisLocation", "no car of this customer is inside")
    if right is None and not by_button and session.plate != normalise_plate(asked.id_token):
        return _no_right(turn, asked)
    refused = None if asked.afterwards else _refused_here(turn, asked, session, right)
    return refused or Payer(session, reference(right) if right else session.right)


def _refused_here(turn: Turn, asked: Asked, session: ParkingSession, right: Right | None) -> Authorization | None:
    if asked.matches.block is not None or session.blocked:
        return Authorization("Blocked", "this plate is blocked")
    if any(t.session_id == session.session_id and t.closing is None for t in turn.state.transactions.values()):
        return Authorization("ConcurrentTx", "this car is charging already")
    evses = _evses(turn, asked)
    vehicle = right.vehicle(session.plate) if right else None
    inlet = vehicle.connector if vehicle else None
    if inlet is not None and evses and not any(e.connector in FITS[inlet] for e in evses):
        return Authorization("NotAllowedTypeEVSE", f"a {inlet} car does not fit this charger")
    if evses and all(kept_for_another(turn, asked, session.plate, e.evse_id) for e in evses):
        return Authorization("NotAtThisTime", "the charger is kept for another driver")
    evse_ids = [e.evse_id for e in evses] if asked.evse_id is None else [asked.evse_id]
    if not any(power.may_start(turn, asked.station_id, evse_id) for evse_id in evse_ids):
        return Authorization("NotAtThisTime", _why_no_power(turn, asked.station_id, evse_ids))
    return None


def _why_no_power(turn: Turn, station_id: str, evse_ids: list[int]) -> str:
    promises = [turn.state.promise(station_id, evse_id) for evse_id in evse_ids]
    if any(p.breach is not None for p in promises):
        return "the charger is held back because it drew more than its limit"
    if any(p.refuses_limits for p in promises):
        return "the charger takes no power limit, and there is no room for its full power"
    return "the charger has not confirmed its power limit yet"


def kept_for_another(turn: Turn, asked: Asked, plate: str, evse_id: int) -> Reservation | None:
    """The reservation that keeps an EVSE for someone else (H01.FR.15)."""
    for kept in turn.state.reservations.values():
        here = (kept.station_id, kept.evse_id) == (asked.station_id, evse_id) and turn.now_ms < kept.until_ms
        if here and not is_for(kept, asked.id_token, plate):
            return kept
    return None


def is_for(kept: Reservation, id_token: str, plate: str) -> bool:
    """Whether a reservation is for this token, or for the car that it goes on."""
    by_token = kept.id_token != "" and kept.id_token.casefold() == id_token.casefold()
    return by_token or (kept.plate != "" and kept.plate == plate)


def _right(turn: Turn, asked: Asked) -> Right | None:
    facility = turn.knowledge.facility
    return best_right(asked.matches.rights, facility.facility_id, turn.now_ms) if facility else None


def _no_right(turn: Turn, asked: Asked) -> Authorization:
    """Why a token gives no right here and now. Whoever holds a lapsed card is told so (C01)."""
    facility = turn.knowledge.facility
    here = [
        r for r in asked.matches.rights if facility and (not r.facility_ids or facility.facility_id in r.facility_ids)
    ]
    if not asked.matches.rights:
        return Authorization("Unknown", "no right for this token")
    if not here:
        return Authorization("NotAtThisLocation", "this token is for other facilities")
    if all(r.until_ms is not None and r.until_ms <= turn.now_ms for r in here):
        return Authorization("Expired", "the right of this token has ended")
    return Authorization("NotAtThisTime", "the right of this token has not begun")


def _evses(turn: Turn, asked: Asked) -> list[Evse]:
    station = turn.knowledge.facility.station(asked.station_id) if turn.knowledge.facility else None
    return [e for e in station.evses if asked.evse_id in (None, e.evse_id)] if station else []


def _running_at(turn: Turn, station_id: str) -> list[TransactionState]:
    return [t for t in turn.state.transactions.values() if t.station_id == station_id and t.closing is None]


def _may_stop(turn: Turn, running: TransactionState, asked: Asked, right: Right | None) -> bool:
    """Who began it, and who shares its group, may stop it; the plate of its car is as good as its token."""
    session = turn.state.sessions.get(running.session_id or "")
    plate = normalise_plate(asked.id_token)
    known = running.id_token != BUTTON or session is not None
    same = known and running.id_token.casefold() == asked.id_token.casefold()
    same = same or (plate != "" and session is not None and session.plate == plate)
    group = group_of(running.right)
    return same or (right is not None and group != "" and right.group_id == group)


def _parked_at(turn: Turn, asked: Asked) -> ParkingSession | None:
    """Whose space the EVSE stands at; nobody's where it may be one of several."""
    evses = _evses(turn, asked)
    session_id = turn.state.session_of_space.get(evses[0].space_id) if len(evses) == 1 else None
    return turn.state.sessions[session_id] if session_id else None


def _session_for(turn: Turn, asked: Asked) -> ParkingSession | None:
    state = turn.state
    spaces = [e.space_id for e in _evses(turn, asked)]
    here = [state.sessions[s] for space in spaces if (s := state.session_of_space.get(space))]
    plates = [v.plate for right in asked.matches.rights for v in right.vehicles] + [normalise_plate(asked.id_token)]
    mine = [state.sessions[s] for plate in plates if (s := state.session_of_plate.get(plate))]
    return next((s for s in here if s in mine), mine[0] if mine else None)
