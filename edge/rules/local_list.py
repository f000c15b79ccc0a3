"""The list by which a station lets cars charge while the link to it is down (OCPP 2.0.1 D01, C13), kept in step with
the rights of the cars that are inside.

A charge goes on a parking session, so the list holds the tokens of the cars inside and no others. A station gets one
only when all its EVSEs have confirmed their fallback limits: what it then starts unasked cannot exceed the budget.
Changes are gathered: one message in a while, with what is new and what is gone; all of it when it is not known
what the station holds.
"""

from collections.abc import Iterator
from itertools import islice

from edge.rules import ordering
from edge.rules.inputs import Knowledge
from edge.rules.orders import LocalToken, SendLocalList
from edge.rules.state import FacilityState
from edge.rules.state_queueing import LocalListState
from edge.rules.station_inputs import ListRoomTold
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS
from shared.events import LocalListBounded
from shared.facilities import Station

EVERY_MS = MINUTE_MS
"""Least time between two lists to one station."""
AGAIN_MS = 10 * MINUTE_MS
"""After a list that was refused or not answered."""
TOKENS_MAX = 400
"""Stations keep some hundreds; who entered first stays on the list."""
CHUNK = 50
"""Tokens in one message: more than some stations take is refused whole (D01.FR.11). A station may declare fewer."""
PURPOSE = "local-list"


def room_told(turn: Turn, given: ListRoomTold) -> None:
    """Keep in mind how much a station takes, when that is news."""
    told = turn.state.local_list(given.station_id)
    if (told.per_message, told.in_all) != (given.per_message, given.in_all):
        turn.record(LocalListBounded(station_id=given.station_id, per_message=given.per_message, in_all=given.in_all))


def due(turn: Turn) -> None:
    """Send what is due to whom."""
    facility = turn.knowledge.facility
    if facility is None:
        return
    wanted: dict[str, str] | None = None
    for station in facility.stations:
        at_ms = _due_ms(turn.state, station)
        if at_ms is None or at_ms > turn.now_ms:
            continue
        wanted = _wanted(turn.state) if wanted is None else wanted
        told = turn.state.local_list(station.station_id)
        order = _order(told, dict(islice(wanted.items(), told.in_all)))
        if order is not None:
            ordering.ask(turn, station.station_id, order, purpose=PURPOSE)
        else:
            told.in_step_with = turn.state.tokens_version


def deadlines(state: FacilityState, knowledge: Knowledge) -> Iterator[int]:
    for station in knowledge.facility.stations if knowledge.facility else ():
        at_ms = _due_ms(state, station)
        if at_ms is not None:
            yield at_ms


def _due_ms(state: FacilityState, station: Station) -> int | None:
    """When to look at a station's list again; None when there is no reason to."""
    told = state.local_list(station.station_id)
    if told.in_step_with == state.tokens_version and (told.known or told.version == 0):
        return None
    if told.refused or told.in_flight or not state.station(station.station_id).connected:
        return None
    if any(state.promise(station.station_id, e.evse_id).fallback_w is None for e in station.evses):
        return None
    return told.sent_ms + (EVERY_MS if told.known else AGAIN_MS)


def _wanted(state: FacilityState) -> dict[str, str]:
    """Groups by token of the cars inside, the first comers first."""
    found: dict[str, str] = {}
    for session in state.sessions.values():
        for token, group in session.tokens.items():
            if len(found) >= TOKENS_MAX:
                return found
            found.setdefault(token, group)
    return found


def _order(told: LocalListState, wanted: dict[str, str]) -> SendLocalList | None:
    """The next message that brings a list nearer to what is wanted; None when it is that, or when a station was never
    sent one and there is nothing to send."""
    chunk = min(CHUNK, told.per_message or CHUNK)
    if not told.known:
        if told.version == 0 and not wanted:
            return None
        first = dict(list(wanted.items())[:chunk])
        return SendLocalList(told.version + 1, _tokens(first), full=True)
    new = {token: group for token, group in wanted.items() if told.tokens.get(token) != group}
    gone = tuple(token for token in told.tokens if token not in wanted)[:chunk]
    if not new and not gone:
        return None
    some = dict(list(new.items())[: chunk - len(gone)])
    return SendLocalList(told.version + 1, _tokens(some), full=False, removed=gone)


def _tokens(groups: dict[str, str]) -> tuple[LocalToken, ...]:
    return tuple(LocalToken(token, group_id=group) for token, group in groups.items())
