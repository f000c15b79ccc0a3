"""When charging is to stop or pause before the car is full: at the driver's target, when nobody pays for it, when the
right it goes on was taken away or its plate blocked, and when a person pauses it.

A pass that only runs out meanwhile stops nothing: the right at the start counts to the end of the transaction. After a
stop the cable is still in the car, so the idle clock starts after its grace as when the car is full.
"""

from collections.abc import Iterator

from edge.rules import closing, ordering
from edge.rules.inputs import Knowledge
from edge.rules.knowledge import StandingSeen
from edge.rules.orders import StopCharging
from edge.rules.requests import PauseAsked, RequestReply, TargetAsked
from edge.rules.state import FacilityState, TransactionState, evse_key, transaction_key
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS
from shared.events import ChargingToken, EvseCapped, NeedsKnown, StandingChanged, TargetReached, TargetSet

AGAIN_MS = 2 * MINUTE_MS
"""A station that goes on charging after it was asked to stop is asked again after this."""
UNPAID_MS = MINUTE_MS
"""How long energy may flow before the token that pays for it is known: it may come after the cable."""


def target(turn: Turn, given: TargetAsked) -> RequestReply:
    """Set, change or lift what the driver wants to charge."""
    running = turn.state.transactions.get(transaction_key(given.station_id, given.transaction_id))
    if running is None or running.closing is not None:
        return _no_transaction(given)
    if given.energy_wh is not None and given.energy_wh <= 0:
        return RequestReply(problem=f"energy_wh must be above 0, got {given.energy_wh}")
    if given.soc_pct is not None and not 1 <= given.soc_pct <= 100:
        return RequestReply(problem=f"soc_pct must be 1 to 100, got {given.soc_pct}")
    if given.soc_pct is not None and running.soc_pct is None:
        return RequestReply(problem="this charger does not tell the car's state of charge; set an energy instead")
    turn.record(
        TargetSet(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            energy_wh=given.energy_wh,
            soc_pct=given.soc_pct,
            by=given.by,
        )
    )
    if (given.energy_wh, given.departure_ms) != (running.energy_wh, running.departure_ms):
        turn.record(
            NeedsKnown(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                energy_wh=given.energy_wh,
                departure_ms=given.departure_ms,
                by=given.by,
            )
        )
    return RequestReply(id=given.transaction_id)


def pause(turn: Turn, given: PauseAsked) -> RequestReply:
    """Hold a transaction at nothing, or let it go on. The driver pays for no idle time while it is held."""
    running = turn.state.transactions.get(transaction_key(given.station_id, given.transaction_id))
    if running is None or running.closing is not None:
        return _no_transaction(given)
    cap_w = turn.state.caps.get(evse_key(running.station_id, running.evse_id))
    if given.paused == (cap_w == 0):
        return RequestReply(problem="it is paused already" if given.paused else "it is not paused")
    turn.record(
        EvseCapped(
            station_id=running.station_id,
            evse_id=running.evse_id,
            limit_w=0 if given.paused else None,
            by=given.by,
        )
    )
    return RequestReply(id=given.transaction_id)


def _no_transaction(given: TargetAsked | PauseAsked) -> RequestReply:
    return RequestReply(problem=f"no transaction {given.transaction_id} runs at {given.station_id}", found=False)


def standing(turn: Turn, given: StandingSeen) -> None:
    """Take note of what headquarters thinks of a parked car now: what it may charge with, and whether it still may."""
    session = turn.state.sessions.get(turn.state.session_of_plate.get(given.plate, ""))
    facility = turn.knowledge.facility
    if session is None or facility is None:
        return
    valid = [r for r in given.matches.rights if r.valid_at(facility.facility_id, turn.now_ms)]
    blocked = given.matches.block is not None
    tokens = {} if blocked else {token: r.group_id for r in valid for token in r.tokens}
    if (tokens, blocked) != (session.tokens, session.blocked):
        listed = tuple(ChargingToken(id_token=token, group_id=group) for token, group in tokens.items())
        turn.record(StandingChanged(session_id=session.session_id, tokens=listed, blocked=blocked))
    held = {r.right_id for r in given.matches.rights}
    for running in list(turn.state.transactions.values()):
        if running.session_id != session.session_id or running.closing is not None:
            continue
        right_id = running.right.right_id if running.right else None
        if blocked or (right_id is not None and right_id not in held and not valid):
            closing.flag(turn, running, "RIGHT_ENDED", blocked=blocked)


def due(turn: Turn) -> None:
    """Ask for the stops that are due."""
    for key, running in list(turn.state.transactions.items()):
        if running.closing is not None:
            continue
        _reach(turn, running)
        reason = _stop_reason(running, turn.now_ms)
        connected = turn.state.station(running.station_id).connected
        if reason and connected and turn.state.stops.get(key, 0) <= turn.now_ms:
            turn.state.stops[key] = turn.now_ms + AGAIN_MS
            ordering.ask(turn, running.station_id, StopCharging(running.transaction_id), purpose=f"stop/{reason}")
    if turn.state.stops:
        for key in turn.state.stops.keys() - turn.state.transactions.keys():
            del turn.state.stops[key]


def deadlines(state: FacilityState, _knowledge: Knowledge) -> Iterator[int]:
    for key, running in state.transactions.items():
        connected = state.station(running.station_id).connected
        if running.closing is not None or not connected or running.charging_state not in ("", "Charging"):
            continue
        again_ms = state.stops.get(key)
        if again_ms is None and running.session_id is None:
            yield running.started_ms + sum(running.steps_ms) + UNPAID_MS
        elif again_ms is not None and _stop_reason(running, again_ms):
            yield again_ms


def _reach(turn: Turn, running: TransactionState) -> None:
    wanted = running.target
    if wanted is None or wanted.reached:
        return
    energy_wh = running.readings.total(running.rating_w).energy_wh
    full = wanted.energy_wh is not None and energy_wh >= wanted.energy_wh
    charged = wanted.soc_pct is not None and running.soc_pct is not None and running.soc_pct >= wanted.soc_pct
    if full or charged:
        turn.record(
            TargetReached(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                energy_wh=energy_wh,
                soc_pct=running.soc_pct,
            )
        )


def _stop_reason(running: TransactionState, now_ms: int) -> str:
    """Why energy that flows should not; empty when it should, or does not flow."""
    if running.charging_state not in ("", "Charging"):
        return ""
    if "RIGHT_ENDED" in running.flags:
        return "right-ended"
    if running.target is not None and running.target.reached:
        return "target"
    if running.session_id is None and now_ms >= running.started_ms + sum(running.steps_ms) + UNPAID_MS:
        return "unpaid"
    return ""
