"""From a car at a lane to a parking session and back out: what the lane's phases mean for sessions and spaces."""

from edge.rules import gate, lane
from edge.rules.access import TEXTS, Refusal
from edge.rules.gate import Verdict
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, LaneSignalled
from edge.rules.lane import Step, Trigger
from edge.rules.state import (
    EntryGrant,
    ExitGrant,
    LaneState,
    Phase,
    Reading,
)
from edge.rules.turn import Turn
from shared.devices import Arm, ArmMoved, ArmPosition, Device, DeviceFailed, DeviceRecovered, LoopChanged, PlateRead
from shared.events import (
    EntryAbandoned,
    ExitAbandoned,
    LaneFaulted,
    LaneOpened,
    LaneReleased,
    LaneRestored,
    TailgateDetected,
    VehicleEntered,
    VehicleExited,
)
from shared.facilities import LaneDirection
from shared.ids import position_id

READING_FRESH_MS = 10_000
"""A plate read before its car reached the loop is used for this long."""


def signalled(turn: Turn, given: LaneSignalled) -> None:
    """Take one signal of a lane's device."""
    signal = given.signal
    state = turn.state.lane(signal.lane_id)
    match signal:
        case LoopChanged():
            _loop_changed(turn, signal, state)
        case ArmMoved():
            _arm_moved(turn, signal, state)
        case PlateRead():
            state.reading = Reading(signal.plate, signal.confidence_pct, given.matches, turn.now_ms)
            if state.phase in (Phase.WAITING, Phase.REFUSED):
                _read(turn, signal.lane_id, state)
        case DeviceFailed():
            _failed(turn, signal, state)
        case DeviceRecovered():
            _recovered(turn, signal, state)


def due(turn: Turn) -> None:
    """Act on every lane whose time has come, and on those that wait for word of a charge that has come."""
    for lane_id, state in turn.state.lanes.items():
        if state.phase is Phase.REFUSED and state.reason == Refusal.STILL_CHARGING and not _charging(turn, state.plate):
            _look_again(turn, lane_id, state)
        if state.deadline_ms is None or state.deadline_ms > turn.now_ms:
            continue
        if state.phase is Phase.WAITING:
            unread = state.reading is None or not state.reading.plate
            _refuse(turn, lane_id, Refusal.NO_READ if unread else Refusal.LOW_CONFIDENCE)
        elif state.phase is Phase.REFUSED:
            _look_again(turn, lane_id, state)
        else:
            _pull(turn, lane_id, Trigger.TIMED_OUT)


def _charging(turn: Turn, plate: str) -> bool:
    session_id = turn.state.session_of_plate.get(plate)
    return any(t.session_id == session_id for t in turn.state.transactions.values())


def learned(turn: Turn) -> None:
    """What headquarters settled has changed: whoever was refused is judged anew."""
    for state in turn.state.lanes.values():
        state.judged_head = -1


def restarted(turn: Turn) -> None:
    """After a restart no level is known. A lane with a grant goes on as raised: if its car is gone when nothing is
    heard for a while, it drove through, because the arm was up for it."""
    for lane_id, state in turn.state.lanes.items():
        turn.state.lanes[lane_id] = fresh = LaneState(grant=state.grant, held_by=state.held_by)
        if fresh.grant is not None:
            fresh.phase, fresh.resumed = Phase.OPEN, True
            fresh.deadline_ms = turn.now_ms + lane.PASS_TIMEOUT_MS
        elif fresh.held_by:
            fresh.phase = Phase.HELD
        if lane.ARM[fresh.phase] is Arm.RAISED:
            turn.send(ArmSetpoint(lane_id, Arm.RAISED))


def opened(turn: Turn, lane_id: str, by: str, *, held: bool) -> None:
    """A person has the arm raised: for the next car, or ``held`` until it is released. A lane that is out of order
    raises it as well and leaves it there until its device recovers: what it cannot sense it never lowers on."""
    state = turn.state.lane(lane_id)
    turn.record(LaneOpened(lane_id=lane_id, by=by, held=held))
    state.opened_by = by
    if state.phase is Phase.FAULTED:
        turn.send(ArmSetpoint(lane_id, Arm.RAISED))
    else:
        _pull(turn, lane_id, Trigger.OPENED)


def released(turn: Turn, lane_id: str, by: str) -> None:
    """A person lets go of an arm that was held up; it comes down when its phase says so."""
    turn.record(LaneReleased(lane_id=lane_id, by=by))
    turn.state.lane(lane_id).opened_by = ""
    _pull(turn, lane_id, Trigger.RELEASED)


def _loop_changed(turn: Turn, signal: LoopChanged, state: LaneState) -> None:
    trigger = lane.sense_loop(state, signal)
    if trigger is None:
        return
    _pull(turn, signal.lane_id, trigger)
    if trigger is Trigger.LEFT and state.phase is Phase.OPEN and state.deadline_ms is not None:
        state.deadline_ms = min(state.deadline_ms, turn.now_ms + lane.BACKED_OFF_MS)


def _arm_moved(turn: Turn, signal: ArmMoved, state: LaneState) -> None:
    trigger = lane.sense_arm(state, signal.position)
    if trigger is None:
        return
    if state.phase is Phase.FAULTED:
        if not _fatal(state):
            # The arm moved after all: on with the car it was raised for, or down and ready for the next.
            wanted = state.grant is not None or state.held_by or state.opened_by
            late = trigger is Trigger.RAISED and wanted
            _pull(turn, signal.lane_id, Trigger.RAISED if late else Trigger.RECOVERED)
        return
    _pull(turn, signal.lane_id, trigger)
    closed = lane.ARM[state.phase] is Arm.LOWERED
    if trigger is Trigger.RAISED and closed and not state.under:
        # Found up with nobody to let through, as after a restart.
        turn.send(ArmSetpoint(signal.lane_id, Arm.LOWERED))


def _fatal(state: LaneState) -> bool:
    return any(lane.fault_of(Device(device)) for device in state.failed)


def _pull(turn: Turn, lane_id: str, trigger: Trigger) -> None:
    state = turn.state.lane(lane_id)
    step = lane.move(state, trigger, turn.now_ms)
    if step is None:
        return
    if step.arm is not None:
        turn.send(ArmSetpoint(lane_id, step.arm))
    _meaning(turn, lane_id, state, step)
    if state.phase is Phase.IDLE and state.front:
        _pull(turn, lane_id, Trigger.ARRIVED)
    elif state.phase is Phase.RAISING and state.arm is ArmPosition.RAISED:
        _pull(turn, lane_id, Trigger.RAISED)
    elif state.phase is Phase.LOWERING and state.arm is ArmPosition.LOWERED:
        _pull(turn, lane_id, Trigger.LOWERED)


def _meaning(turn: Turn, lane_id: str, state: LaneState, step: Step) -> None:
    if step.after is Phase.WAITING:
        fresh = state.reading is not None and turn.now_ms - state.reading.at_ms <= READING_FRESH_MS
        if fresh:
            _read(turn, lane_id, state)
    elif step.after is Phase.FAULTED and step.before is not Phase.FAULTED:
        _faulted(turn, lane_id, step)
    elif step.after is Phase.PASSING:
        _under(turn, lane_id, state)
    elif step.trigger is Trigger.THROUGH:
        _through(turn, lane_id, state, step)
    elif step.after in (Phase.LOWERING, Phase.HELD) and step.before in (Phase.PASSING, Phase.OPEN):
        _not_through(turn, lane_id, state)
    elif step.before is Phase.FAULTED and step.after is not Phase.FAULTED:
        turn.record(LaneRestored(lane_id=lane_id))
        if step.after is Phase.LOWERING:
            _not_through(turn, lane_id, state)
    if step.after in (Phase.IDLE, Phase.HELD):
        state.plate, state.reason, state.opened_by = "", "", ""
        turn.send(DisplaySetpoint(lane_id, ()))


def _faulted(turn: Turn, lane_id: str, step: Step) -> None:
    state = turn.state.lane(lane_id)
    dead = next((fault for d in state.failed if (fault := lane.fault_of(Device(d)))), None)
    stuck = lane.Fault.STUCK_DOWN if step.before is Phase.RAISING else lane.Fault.STUCK_UP
    turn.record(LaneFaulted(lane_id=lane_id, fault=dead or stuck))
    turn.send(DisplaySetpoint(lane_id, TEXTS[Refusal.LANE_OUT_OF_SERVICE]))


def _failed(turn: Turn, signal: DeviceFailed, state: LaneState) -> None:
    if signal.device not in state.failed:
        state.failed.append(signal.device)
    if lane.fault_of(signal.device) is not None:
        _pull(turn, signal.lane_id, Trigger.FAILED)


def _recovered(turn: Turn, signal: DeviceRecovered, state: LaneState) -> None:
    if signal.device in state.failed:
        state.failed.remove(signal.device)
    if state.phase is Phase.FAULTED and not _fatal(state):
        _pull(turn, signal.lane_id, Trigger.RECOVERED)


def _under(turn: Turn, lane_id: str, state: LaneState) -> None:
    """A car is under the arm. One that only a person let through, and that is known, gets its grant now: a car that
    leaves ends its stay at the price of now, a car that comes in and could have been let in begins one."""
    facility, reading = turn.knowledge.facility, state.reading
    configured = facility.lane(lane_id) if facility else None
    if state.grant is not None or not (state.held_by or state.opened_by) or facility is None or configured is None:
        return
    clear = reading is not None and reading.confidence_pct >= facility.plate_confidence_min_pct
    fresh = reading is not None and turn.now_ms - reading.at_ms <= lane.PASS_TIMEOUT_MS
    if reading is not None and not state.plate and clear and fresh:
        state.plate, state.reading = reading.plate, None
        if configured.direction is LaneDirection.ENTRY and reading.plate:
            verdict = gate.at_entry(turn, facility, lane_id, reading)
            if verdict.trigger is Trigger.GRANTED:
                turn.record(verdict.event)
    if configured.direction is LaneDirection.EXIT:
        granted = gate.let_out(turn, facility, lane_id, state.plate)
        if granted is not None:
            turn.record(granted)


def _through(turn: Turn, lane_id: str, state: LaneState, step: Step) -> None:
    grant, state.resumed = state.grant, False
    state.reading = None if state.reading and state.reading.plate == state.plate else state.reading
    if step.before is Phase.TAILGATED:
        turn.record(TailgateDetected(lane_id=lane_id))
    elif grant is None:
        turn.record(TailgateDetected(lane_id=lane_id, opened_by=state.held_by or state.opened_by))
    state.opened_by = ""
    if isinstance(grant, EntryGrant):
        turn.record(
            VehicleEntered(
                session_id=position_id(turn.state.log_id, turn.next_seq),
                lane_id=lane_id,
                plate=grant.plate,
                right=grant.right,
                space_id=grant.space_id,
                space_kind=grant.space_kind,
                is_ev=grant.is_ev,
            )
        )
    elif isinstance(grant, ExitGrant):
        session = turn.state.sessions[grant.session_id]
        turn.record(
            VehicleExited(
                session_id=grant.session_id,
                lane_id=lane_id,
                plate=grant.plate,
                space_id=session.space_id,
                quoted_cents=grant.quoted_cents,
                tariff_versions=grant.tariff_versions,
                priced_until_ms=grant.priced_until_ms,
                paid_cents=session.paid_cents,
                running=grant.running,
            )
        )


def _not_through(turn: Turn, lane_id: str, state: LaneState) -> None:
    grant = state.grant
    if grant is not None and state.resumed and not state.front:
        # The arm was up for this car before the restart and it is not there any more: it has driven through.
        _through(turn, lane_id, state, Step(Phase.PASSING, Phase.LOWERING, Trigger.THROUGH, None))
    elif isinstance(grant, EntryGrant):
        turn.record(EntryAbandoned(lane_id=lane_id, plate=grant.plate, space_id=grant.space_id))
    elif isinstance(grant, ExitGrant):
        turn.record(ExitAbandoned(session_id=grant.session_id, lane_id=lane_id, plate=grant.plate))


def _read(turn: Turn, lane_id: str, state: LaneState) -> None:
    facility, reading = turn.knowledge.facility, state.reading
    configured = facility.lane(lane_id) if facility else None
    if facility is None or configured is None:
        _refuse(turn, lane_id, Refusal.NO_CONFIGURATION)
    elif reading is None or not reading.plate or reading.confidence_pct < facility.plate_confidence_min_pct:
        return
    elif not configured.in_service:
        _refuse(turn, lane_id, Refusal.LANE_OUT_OF_SERVICE)
    elif state.phase is Phase.REFUSED and state.plate == reading.plate and _owes(turn, state):
        state.reading = None
        _pull(turn, lane_id, Trigger.REFUSED)
    else:
        state.plate, state.reading = reading.plate, None
        at_entry = configured.direction is LaneDirection.ENTRY
        _obey(
            turn,
            lane_id,
            gate.at_entry(turn, facility, lane_id, reading)
            if at_entry
            else gate.at_exit(turn, facility, lane_id, reading.plate),
        )


def _obey(turn: Turn, lane_id: str, verdict: Verdict) -> None:
    """Book a verdict, show it and move the lane. The same refusal again is not booked again."""
    state = turn.state.lane(lane_id)
    again = state.phase is Phase.REFUSED and state.reason == verdict.reason
    state.reason = verdict.reason or ""
    if not again:
        turn.record(verdict.event)
        turn.send(DisplaySetpoint(lane_id, verdict.lines))
    state.judged_head = turn.state.head
    _pull(turn, lane_id, verdict.trigger)


def _refuse(turn: Turn, lane_id: str, reason: Refusal) -> None:
    _obey(turn, lane_id, gate.refuse(turn, lane_id, turn.state.lane(lane_id).plate, reason))


def _look_again(turn: Turn, lane_id: str, state: LaneState) -> None:
    facility = turn.knowledge.facility
    configured = facility.lane(lane_id) if facility else None
    at_exit = configured is not None and configured.direction is LaneDirection.EXIT
    if facility is not None and at_exit and state.plate and not _owes(turn, state):
        _obey(turn, lane_id, gate.at_exit(turn, facility, lane_id, state.plate))
    else:
        state.deadline_ms = turn.now_ms + lane.RETRY_MS


def _owes(turn: Turn, state: LaneState) -> bool:
    """Whether the car in front still owes, without asking how much: that only grows as long as nothing is booked and no
    other price heard of."""
    return state.reason == Refusal.NOT_PAID and state.judged_head == turn.state.head
