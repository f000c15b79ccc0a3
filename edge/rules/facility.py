"""The whole facility as one rule: an input in, entries and setpoints out. The only doors are the functions here."""

from collections.abc import Callable
from typing import Any

from edge.rules import (
    authorization,
    building,
    charging,
    closing,
    commands,
    local_list,
    metering,
    naming,
    ordering,
    parking,
    payment,
    power,
    reservations,
    signatures,
    station_quarantine,
    station_reports,
    stepping,
    stirring,
    stopping,
    waiting,
)
from edge.rules.clock_inputs import ClockRead, ClockTaken, TimeTold
from edge.rules.fold import fold
from edge.rules.gathering import DiagnosticsGathered
from edge.rules.inputs import (
    Answer,
    AuthorizeAsked,
    BootReported,
    CommandGiven,
    ConnectorReported,
    Input,
    Knowledge,
    LaneSignalled,
    LimitReplied,
    LoadMetered,
    MessageByHand,
    MeterReported,
    NeedsReported,
    OrderReplied,
    Outcome,
    PaymentOffered,
    QuoteAsked,
    ReservationUpdated,
    SecurityReported,
    Started,
    StationClosed,
    StationOpened,
    TaskReported,
    Ticked,
    TransactionReported,
)
from edge.rules.knowledge import Learned, StandingSeen
from edge.rules.quarantine_requests import Misbehaved, ReleaseAsked
from edge.rules.requests import (
    PauseAsked,
    ReservationAsked,
    ReservationCancelled,
    TargetAsked,
    WaitAsked,
    WaitCancelled,
)
from edge.rules.resting import NEVER_MS
from edge.rules.state import FacilityState
from edge.rules.station_inputs import ListRoomTold, SignatureChecked
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


def advance(state: FacilityState, knowledge: Knowledge, given: Input, now_ms: int, *, more: bool = False) -> Outcome:
    """Decide one input and apply what came of it to ``state``, in place.

    The entries are numbered from ``state.head + 1`` and must be durable before a setpoint leaves or the answer is
    given. ``more``: other inputs came with this one and are decided next, so that promises are looked at once for all
    of them; what is promised meanwhile does not change, so nothing is missed.
    """
    turn = Turn(state, knowledge, now_ms)
    answer = _DOORS[type(given)](turn, given)
    commands.follow(turn)
    waking = _wakes(turn, given)
    if waking:
        state.woken_head = state.head
        for rule in _DUE:
            rule.due(turn)
    parking.due(turn)
    if not isinstance(given, _UNREAD) or stirring.disturbs(turn):
        state.rest_ms = 0
    if not isinstance(given, _NO_POWER) and stirring.due(turn, by_timer=isinstance(given, Ticked)):
        if more:
            state.look_ms = min(state.look_ms, now_ms)
        else:
            power.settle(turn)
    elif not isinstance(given, (*_NO_POWER, Ticked)) or stirring.matters(turn):
        stirring.put_off(turn)
    if waking or turn.entries:
        state.wake_ms = _wake_ms(state, knowledge)
    return Outcome(tuple(turn.entries), tuple(turn.setpoints), answer)


def deadline(state: FacilityState, knowledge: Knowledge) -> int | None:
    """The lived instant at which ``advance`` must be called with Ticked if nothing comes before; None for never."""
    instants = [x.deadline_ms for x in state.lanes.values() if x.deadline_ms is not None]
    wake_ms = _wake_ms(state, knowledge) if state.wake_ms is None else state.wake_ms
    instants.append(wake_ms)
    facility = knowledge.facility
    if facility is not None and facility.stations:
        instants.append(state.sampled_ms + facility.power.sample_s * SECOND_MS)
        instants.append(state.look_ms)
    earliest_ms = min(instants)
    return None if earliest_ms == NEVER_MS else earliest_ms


def _wakes(turn: Turn, given: Input) -> bool:
    """Whether the rules that act in time are asked: their time has come, something was booked since they were asked
    last, the wall clock is waiting to be followed, or what came may change what they look at unbooked."""
    state = turn.state
    if state.wake_ms is None or turn.now_ms >= state.wake_ms or state.head != state.woken_head:
        return True
    return state.clock_off_ms != 0 or not isinstance(given, _WAKES_NOBODY)


def _wake_ms(state: FacilityState, knowledge: Knowledge) -> int:
    """When the next of the rules that act in time has something to do."""
    return min((at_ms for rule in _DUE for at_ms in rule.deadlines(state, knowledge)), default=NEVER_MS)


def _started(turn: Turn, given: Started) -> None:
    turn.record(DaemonStarted(version=given.version))
    for station_id, station in turn.state.stations.items():
        if station.connected:
            turn.record(StationDisconnected(station_id=station_id, reason="the daemon restarted"))
    parking.restarted(turn)
    power.restarted(turn)
    stepping.restarted(turn, given)
    ordering.restarted(turn)
    commands.restarted(turn)


def _order_replied(turn: Turn, given: OrderReplied) -> None:
    order = turn.state.orders.get(given.order_id)
    ordering.replied(turn, given)
    if order is not None:
        for rule in _ANSWERED:
            if order.purpose.startswith(rule.PURPOSE):
                rule.answered(turn, order, given)


def _ticked(_turn: Turn, _given: Ticked) -> None:
    return None


def _learned(turn: Turn, _given: Learned) -> None:
    parking.learned(turn)


_NO_POWER = (LaneSignalled, QuoteAsked, PaymentOffered, StandingSeen, DiagnosticsGathered)
"""What changes nothing about power."""
_UNREAD = (*_NO_POWER, Ticked, OrderReplied, LoadMetered)
"""What changes nothing that a look at the promises reads, but for what it books and when the building was heard."""
_WAKES_NOBODY = (LaneSignalled, QuoteAsked, PaymentOffered, StandingSeen, LoadMetered, Ticked)
"""What a rule that acts in time hears of by what is booked, if at all."""
_DUE = (closing, stopping, waiting, reservations, local_list, stepping)
"""Rules that act when their time has come: each has ``due(turn)`` and ``deadlines(state, knowledge)``."""
_ANSWERED = (closing, reservations)
"""Rules that wait for what a station says to their orders, known by ``PURPOSE``: each has ``answered``."""

_DOORS: dict[type, Callable[[Turn, Any], Answer | None]] = {
    Started: _started,
    ClockRead: stepping.read,
    ClockTaken: stepping.taken,
    TimeTold: stepping.told,
    LaneSignalled: parking.signalled,
    StationOpened: charging.opened,
    StationClosed: charging.closed,
    BootReported: charging.booted,
    ConnectorReported: charging.connector,
    SecurityReported: station_reports.security,
    TaskReported: station_reports.task,
    ReservationUpdated: station_reports.reservation,
    NeedsReported: station_reports.needs,
    ListRoomTold: local_list.room_told,
    MessageByHand: station_reports.by_hand,
    Misbehaved: station_quarantine.misbehaved,
    ReleaseAsked: station_quarantine.release,
    AuthorizeAsked: authorization.authorize,
    TransactionReported: naming.reported,
    SignatureChecked: signatures.checked,
    MeterReported: metering.metered,
    LimitReplied: power.replied,
    LoadMetered: building.metered,
    OrderReplied: _order_replied,
    QuoteAsked: payment.due,
    PaymentOffered: payment.take,
    StandingSeen: stopping.standing,
    TargetAsked: stopping.target,
    PauseAsked: stopping.pause,
    WaitAsked: waiting.join,
    WaitCancelled: waiting.cancel,
    ReservationAsked: reservations.reserve,
    ReservationCancelled: reservations.cancel,
    CommandGiven: commands.given,
    DiagnosticsGathered: commands.gathered,
    Ticked: _ticked,
    Learned: _learned,
}
