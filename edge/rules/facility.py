"""The whole facility as one rule: an input in, entries and setpoints out. The only doors are the functions here."""

from collections.abc import Callable
from typing import Any

from edge.rules import authorization, charging, ordering, parking, payment, power
from edge.rules.fold import fold
from edge.rules.inputs import (
    Answer,
    AuthorizeAsked,
    BootReported,
    ConnectorReported,
    Input,
    Knowledge,
    LaneSignalled,
    LimitReplied,
    MeterReported,
    Outcome,
    PaymentOffered,
    QuoteAsked,
    Started,
    StationClosed,
    StationOpened,
    Ticked,
    TransactionReported,
)
from edge.rules.state import FacilityState
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import DaemonStarted, Entry, StationDisconnected, parse_event


def new_state(log_id: str) -> FacilityState:
    """The state of a log that has no entry yet."""
    return FacilityState(log_id)


def apply(state: FacilityState, written: Entry) -> None:
    """Fold one entry of the log, when a state is rebuilt. Entries come in order; unknown types only count.

    Raises pydantic.ValidationError when a known type's body does not fit: the log is damaged.
    """
    event = parse_event(written)
    state.head = written.seq
    if event is not None:
        fold(state, event, written.at_ms)


def advance(state: FacilityState, knowledge: Knowledge, given: Input, now_ms: int) -> Outcome:
    """Decide one input and apply what came of it to ``state``, in place.

    The entries are numbered from ``state.head + 1`` and must be durable before a setpoint leaves or the answer is
    given.
    """
    turn = Turn(state, knowledge, now_ms)
    answer = _DOORS[type(given)](turn, given)
    parking.due(turn)
    if not isinstance(given, (LaneSignalled, QuoteAsked, PaymentOffered)) and not _calm(turn):
        power.settle(turn)
    return Outcome(tuple(turn.entries), tuple(turn.setpoints), answer)


def _calm(turn: Turn) -> bool:
    """Nothing but readings since promises were looked at a moment ago: they can wait for the next look."""
    just_looked = 0 <= turn.now_ms - turn.state.settled_ms < power.CALM_MS
    return just_looked and all(entry.type == "EnergyMetered" for entry in turn.entries)


def deadline(state: FacilityState, knowledge: Knowledge) -> int | None:
    """The lived instant at which ``advance`` must be called with Ticked if nothing comes before; None for never."""
    instants = [x.deadline_ms for x in state.lanes.values() if x.deadline_ms is not None]
    facility = knowledge.facility
    if facility is not None and facility.stations:
        instants.append(state.sampled_ms + facility.power.sample_s * SECOND_MS)
        instants.append(state.settled_ms + power.TICK_MS)
    return min(instants, default=None)


def _started(turn: Turn, given: Started) -> None:
    turn.record(DaemonStarted(version=given.version))
    for station_id, station in turn.state.stations.items():
        if station.connected:
            turn.record(StationDisconnected(station_id=station_id, reason="the daemon restarted"))
    parking.restarted(turn)
    power.restarted(turn)
    ordering.restarted(turn)


def _ticked(_turn: Turn, _given: Ticked) -> None:
    return None


_DOORS: dict[type, Callable[[Turn, Any], Answer | None]] = {
    Started: _started,
    LaneSignalled: parking.signalled,
    StationOpened: charging.opened,
    StationClosed: charging.closed,
    BootReported: charging.booted,
    ConnectorReported: charging.connector,
    AuthorizeAsked: authorization.authorize,
    TransactionReported: charging.reported,
    MeterReported: charging.metered,
    LimitReplied: power.replied,
    QuoteAsked: payment.due,
    PaymentOffered: payment.take,
    Ticked: _ticked,
}
