"""Who may charge: a token of a customer whose car is inside, or the plate of the car that is parked at the EVSE.

A charge always goes on a parking session, so that the driver gets one bill; without one there is no charging.
"""

from dataclasses import dataclass

from edge.rules import power
from edge.rules.access import best_right
from edge.rules.inputs import Authorization, AuthorizeAsked, Matches
from edge.rules.state import ParkingSession
from edge.rules.turn import Turn
from shared.events import ChargingRefused
from shared.ids import normalise_plate
from shared.rights import RightRef, reference


@dataclass(frozen=True, slots=True)
class Payer:
    """Which parking session a charge goes on, and under which right."""

    session: ParkingSession
    right: RightRef | None


def authorize(turn: Turn, given: AuthorizeAsked) -> Authorization:
    """Answer whether a token may charge here and now."""
    found = judge(turn, given.id_token, given.matches, given.station_id, given.evse_id)
    return answer(turn, found, given.station_id, given.evse_id, given.id_token)


def answer(
    turn: Turn, found: Payer | Authorization, station_id: str, evse_id: int | None, id_token: str
) -> Authorization:
    if isinstance(found, Payer):
        return Authorization("Accepted")
    turn.record(ChargingRefused(station_id=station_id, evse_id=evse_id, id_token=id_token, reason=found.reason))
    return found


def judge(turn: Turn, id_token: str, matches: Matches, station_id: str, evse_id: int | None) -> Payer | Authorization:
    facility = turn.knowledge.facility
    if facility is None:
        return Authorization("NotAtThisLocation", "the facility is not configured")
    right = best_right(matches.rights, facility.facility_id, turn.now_ms)
    session = _session_for(turn, id_token, matches, station_id, evse_id)
    if session is None:
        if right is None:
            return Authorization("Unknown", "no right for this token")
        return Authorization("NotAtThisLocation", "no car of this customer is inside")
    if right is None and session.plate != normalise_plate(id_token):
        return Authorization("Unknown", "no right for this token")
    if any(t.session_id == session.session_id for t in turn.state.transactions.values()):
        return Authorization("ConcurrentTx", "this car is charging already")
    if evse_id is not None and not power.may_start(turn, station_id, evse_id):
        return Authorization("NotAtThisTime", "the charger has not confirmed its power limit")
    return Payer(session, reference(right) if right else session.right)


def _session_for(
    turn: Turn, id_token: str, matches: Matches, station_id: str, evse_id: int | None
) -> ParkingSession | None:
    state = turn.state
    station = turn.knowledge.facility.station(station_id) if turn.knowledge.facility else None
    spaces = [e.space_id for e in station.evses if evse_id in (None, e.evse_id)] if station else []
    here = [state.sessions[s] for space in spaces if (s := state.session_of_space.get(space))]
    plates = [v.plate for right in matches.rights for v in right.vehicles] + [normalise_plate(id_token)]
    mine = [state.sessions[s] for plate in plates if (s := state.session_of_plate.get(plate))]
    return next((s for s in here if s in mine), mine[0] if mine else None)
