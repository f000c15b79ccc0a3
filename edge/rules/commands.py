"""What a person commands, from the desk on site or from headquarters: checked, booked, done at most once.

Whatever comes of a command is in the log in the same commit as the command itself, and only then leaves: so a command
is never done without being known, and after a restart never done again. The answer to a station's order is the
command's answer.
"""

from edge.rules import obedience, ordering, orders, parking
from edge.rules.gathering import DiagnosticsGathered, GatherDiagnostics
from edge.rules.inputs import CommandGiven, CommandSettled
from edge.rules.orders import Order
from edge.rules.state import transaction_key
from edge.rules.turn import Turn
from shared.commands import (
    BoxCommand,
    ChangeAvailability,
    CollectDiagnostics,
    CommandResult,
    HoldGate,
    LaneCommand,
    OpenGate,
    Outcome,
    Reason,
    ReleaseGate,
    ResetStation,
    SetLimit,
    StartCharging,
    StationCommand,
    StopCharging,
    TrustCharger,
    UnlockConnector,
    UpdateFirmware,
)
from shared.events import CommandCompleted, CommandTaken, EvseCapped

PURPOSE = "command/"
"""The purpose of a station's order begins so, then comes the command's id."""
OUTCOMES: dict[str, Outcome] = {
    "ACCEPTED": Outcome.DONE,
    "REJECTED": Outcome.REFUSED,
    "UNSUPPORTED": Outcome.REFUSED,
    "UNKNOWN": Outcome.UNKNOWN,
    "UNSENT": Outcome.FAILED,
}
"""What an order's outcome means for its command."""


def given(turn: Turn, given: CommandGiven) -> None:
    """Take a command. One that was taken before is answered as it was; one that waited too long is not done."""
    known = turn.state.commands.get(given.command_id)
    if known is not None:
        _settle(turn, given.command_id)
    elif given.late:
        late = CommandResult(command_id=given.command_id, outcome=Outcome.EXPIRED, reason=Reason.TOO_LATE)
        turn.send(CommandSettled(late))
    else:
        _take(turn, given)


def follow(turn: Turn) -> None:
    """Complete the commands whose station's order was answered in this turn."""
    answers = [e.body for e in turn.entries if e.type == "StationAnswered"]
    if not answers:
        return
    waiting = {c.order_id: command_id for command_id, c in turn.state.commands.items() if c.outcome is None}
    for answer in answers:
        if answer["order_id"] in waiting:
            completed = CommandCompleted(
                command_id=waiting[answer["order_id"]],
                outcome=OUTCOMES[answer["outcome"]],
                reason=answer.get("reason", ""),
                details=answer.get("details", {}),
            )
            _complete(turn, completed)


def gathered(turn: Turn, told: DiagnosticsGathered) -> None:
    """The box has gathered, or could not."""
    known = turn.state.commands.get(told.command_id)
    if known is not None and known.outcome is None:
        completed = CommandCompleted(
            command_id=told.command_id, outcome=told.outcome, reason=told.reason, details=dict(told.details)
        )
        _complete(turn, completed)


def restarted(turn: Turn) -> None:
    """What the box itself was at is over. Stations' orders are told of by their answers."""
    for command_id, command in list(turn.state.commands.items()):
        if command.outcome is None and not command.order_id:
            reason = "the daemon restarted"
            _complete(turn, CommandCompleted(command_id=command_id, outcome=Outcome.UNKNOWN, reason=reason))


def _take(turn: Turn, given: CommandGiven) -> None:
    """The order, or what else was done at once, stands in the log before the command; both are durable together."""
    order_id, refusal = "", None
    command = given.command
    if isinstance(command, LaneCommand):
        refusal = _at_lane(turn, command, given.by)
    elif isinstance(command, StationCommand):
        refusal = _unfit(turn, command)
        if refusal is None and isinstance(command, SetLimit):
            capped = EvseCapped(
                station_id=command.station_id, evse_id=command.evse_id, limit_w=command.limit_w, by=given.by
            )
            turn.record(capped)
        elif refusal is None and isinstance(command, TrustCharger):
            obedience.trust(turn, command.station_id, command.evse_id, given.by)
        elif refusal is None and not isinstance(command, (SetLimit, TrustCharger)):
            order = _order(turn, command)
            purpose = PURPOSE + given.command_id
            deadline_ms = turn.now_ms + given.within_ms
            order_id = ordering.ask(turn, command.station_id, order, purpose=purpose, deadline_ms=deadline_ms)
    taken = CommandTaken(
        command_id=given.command_id, by=given.by, command=command.model_dump(mode="json"), order_id=order_id
    )
    turn.record(taken)
    if refusal is not None:
        _complete(turn, CommandCompleted(command_id=given.command_id, outcome=Outcome.REFUSED, reason=refusal))
    elif isinstance(command, BoxCommand):
        turn.send(GatherDiagnostics(given.command_id))
    elif not order_id:
        _complete(turn, CommandCompleted(command_id=given.command_id, outcome=Outcome.DONE))


def _complete(turn: Turn, completed: CommandCompleted) -> None:
    turn.record(completed)
    _settle(turn, completed.command_id)


def _settle(turn: Turn, command_id: str) -> None:
    """Tell what became of a command, once that is known."""
    command = turn.state.commands[command_id]
    if command.outcome is not None:
        result = CommandResult(
            command_id=command_id, outcome=command.outcome, reason=command.reason, details=command.details
        )
        turn.send(CommandSettled(result))


def _at_lane(turn: Turn, command: LaneCommand, by: str) -> Reason | None:
    facility = turn.knowledge.facility
    if facility is None:
        return Reason.NOT_CONFIGURED
    if facility.lane(command.lane_id) is None:
        return Reason.UNKNOWN_LANE
    match command:
        case OpenGate(lane_id=lane_id):
            parking.opened(turn, lane_id, by, held=False)
        case HoldGate(lane_id=lane_id):
            parking.opened(turn, lane_id, by, held=True)
        case ReleaseGate(lane_id=lane_id):
            if not turn.state.lane(lane_id).held_by:
                return Reason.NOT_HELD
            parking.released(turn, lane_id, by)
    return None


def _unfit(turn: Turn, command: StationCommand) -> Reason | None:
    """Why a station is not even asked."""
    facility = turn.knowledge.facility
    if facility is None:
        return Reason.NOT_CONFIGURED
    station = facility.station(command.station_id)
    if station is None:
        return Reason.UNKNOWN_STATION
    evse_id = getattr(command, "evse_id", None)
    if evse_id is not None and evse_id not in {e.evse_id for e in station.evses}:
        return Reason.UNKNOWN_EVSE
    if isinstance(command, SetLimit):
        return None
    if isinstance(command, TrustCharger):
        trusted = turn.state.promise(command.station_id, command.evse_id).breach is None
        return Reason.NOT_IN_QUARANTINE if trusted else None
    if not turn.state.station(command.station_id).connected:
        return Reason.STATION_AWAY
    if isinstance(command, StartCharging):
        return _unfit_start(turn, command)
    if isinstance(command, StopCharging):
        running = transaction_key(command.station_id, command.transaction_id) in turn.state.transactions
        return None if running else Reason.UNKNOWN_TRANSACTION
    return None


def _unfit_start(turn: Turn, command: StartCharging) -> Reason | None:
    if command.plate is not None and command.plate not in turn.state.session_of_plate:
        return Reason.NOT_INSIDE
    here = (command.station_id, command.evse_id)
    running = turn.state.transactions.values()
    busy = any((t.station_id, t.evse_id) == here and t.closing is None for t in running)
    return Reason.EVSE_BUSY if busy else None


def _order(turn: Turn, command: StationCommand) -> Order:
    """The station's order that a command becomes. Request ids are the log's next position, so none comes twice."""
    match command:
        case StartCharging():
            # A plate is a token of its own here: the charge goes on the stay of the car that is parked under it.
            return orders.StartCharging(command.evse_id, command.id_token or command.plate or "", turn.next_seq)
        case StopCharging():
            return orders.StopCharging(command.transaction_id)
        case UnlockConnector():
            return orders.UnlockConnector(command.evse_id, command.connector_id)
        case ResetStation():
            return orders.ResetStation(command.when_idle)
        case ChangeAvailability():
            return orders.ChangeAvailability(command.operative, command.evse_id)
        case UpdateFirmware():
            return orders.UpdateFirmware(
                request_id=turn.next_seq,
                location=str(command.location),
                retrieve_at_ms=turn.now_ms,
                signing_certificate=command.signing_certificate,
                signature=command.signature,
            )
        case CollectDiagnostics():
            return orders.CollectLog(turn.next_seq, str(command.location))
        case _:
            raise ValueError(f"{command.type} is not a station's order")
