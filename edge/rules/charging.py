"""Charging transactions: what each message of a station books, whatever its order.

A station's message is booked first and judged later: a late, repeated or reordered one changes nothing twice, because
it is known by station, transaction and sequence number (OCPP 2.0.1 E01, E04). An ended transaction is immutable.
"""

from dataclasses import replace

from edge.rules import authorization, closing, metering, own_time
from edge.rules.authorization import Payer
from edge.rules.inputs import (
    Authorization,
    BootReported,
    ConnectorReported,
    StationClosed,
    StationOpened,
    TransactionReported,
)
from edge.rules.reckoning import state_at
from edge.rules.state import Closing, TransactionState, connector_key, evse_key, transaction_key
from edge.rules.turn import Turn
from shared.events import (
    ChargingStateChanged,
    ConnectorStatusChanged,
    MessageHeard,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionAuthorized,
    TransactionStarted,
)

CONNECTORS_MAX = 200
"""Of one station; what it says of more is passed over."""


def opened(turn: Turn, given: StationOpened) -> None:
    """A station connected. What ran there before may have ended unheard."""
    turn.record(StationConnected(station_id=given.station_id, ocpp_version=given.ocpp_version))
    closing.returned(turn, given.station_id)


def closed(turn: Turn, given: StationClosed) -> None:
    """A station's connection ended. Its transactions go on without us."""
    if turn.state.station(given.station_id).connected:
        turn.record(StationDisconnected(station_id=given.station_id, reason=given.reason))


def booted(turn: Turn, given: BootReported) -> None:
    """A station booted; its limits are sent again before energy flows (``power.settle``)."""
    turn.record(
        StationBooted(
            station_id=given.station_id,
            vendor=given.vendor,
            model=given.model,
            firmware=given.firmware,
            reason=given.reason,
        )
    )
    closing.returned(turn, given.station_id)


def connector(turn: Turn, given: ConnectorReported) -> None:
    """A connector's status, booked when it changed. An EVSE is free when none of its connectors is taken."""
    station = turn.state.station(given.station_id)
    key = connector_key(given.evse_id, given.connector_id)
    heeded = key in station.connectors or len(station.connectors) < CONNECTORS_MAX
    if heeded and station.connectors.get(key) != given.status:
        turn.record(
            ConnectorStatusChanged(
                station_id=given.station_id,
                evse_id=given.evse_id,
                connector_id=given.connector_id,
                status=given.status,
            )
        )
    if station.statuses.get(given.evse_id) == "Available":
        closing.unplugged(turn, given.station_id, given.evse_id)


def reported(turn: Turn, given: TransactionReported) -> Authorization | None:
    """Book one transaction message, whatever its order; answer the token that it carries, if any."""
    key = transaction_key(given.station_id, given.transaction_id)
    if key in turn.state.ended:
        return None if given.id_token is None else Authorization("Accepted")
    running = turn.state.transactions.get(key)
    given, told_ms = _timed(turn, given, running)
    if running is not None and _repeated(turn, given, running, told_ms):
        return None if given.id_token is None else _authorize_running(turn, given, running)
    answer: Authorization | None = None
    if running is None or (given.kind == "Started" and not running.begun):
        answer = _start(turn, given, running, told_ms)
    elif given.id_token is not None:
        answer = _authorize_running(turn, given, running)
    running = turn.state.transactions[key]
    if told_ms is not None and not turn.state.station(given.station_id).untimed:
        closing.flag(turn, running, "CLOCK_WRONG", told_ms=told_ms)
    _supersede(turn, given, running)
    _book(turn, given, running, told_ms)
    closing.bound(turn, given.station_id)
    return answer


def _timed(
    turn: Turn, given: TransactionReported, running: TransactionState | None
) -> tuple[TransactionReported, int | None]:
    """A message with the time that counts, by the clock of the transaction's beginning; and the time that its station
    told when that cannot be, also because it lies well before a Started that is here: then the time of receipt counts.
    So it does for what begins at a station whose clock nobody knows, until it was told the time."""
    station = turn.state.station(given.station_id)
    steps_ms = () if running is None else running.steps_ms
    own_ms = own_time.own_ms(given.at_ms, turn.now_ms, steps_ms=steps_ms, station=station, kept=given.offline)
    own_now_ms = turn.now_ms - sum(steps_ms)
    from_ms = 0
    wrong = not given.offline and station.untimed and not station.behind_ms
    if running is not None:
        from_ms = running.started_ms if running.begun or running.astray_ms is not None else 0
        early = own_ms is not None and own_ms < from_ms - own_time.FAST_MS
        wrong = early or (wrong and running.astray_ms is not None)
    if own_ms is None or wrong:
        return replace(given, at_ms=own_now_ms), None if given.at_ms == own_now_ms else given.at_ms
    return replace(given, at_ms=max(own_ms, from_ms)), None


def _repeated(turn: Turn, given: TransactionReported, running: TransactionState, told_ms: int | None) -> bool:
    """Whether a message is here already. A number that comes again with a later time than all before is a new message
    of a station that cannot count, unless clocks make it later."""
    station = turn.state.station(given.station_id)
    wrong_clock = bool(running.steps_ms or station.behind_ms or station.kept_behind_ms) or told_ms is not None
    ended = running.closing is not None and running.closing.cause == "ENDED"
    if given.kind == "Ended":
        return ended
    if given.seq_no is None:
        return given.kind == "Started" and running.begun
    return running.numbers.holds(given.seq_no) and (wrong_clock or given.at_ms <= running.heard_ms)


def _start(
    turn: Turn, given: TransactionReported, running: TransactionState | None, told_ms: int | None
) -> Authorization | None:
    found: Payer | Authorization | None = None
    answer: Authorization | None = None
    evse_id = given.evse_id or (running.evse_id if running else None)
    if running is not None and running.session_id is not None:
        answer = None if given.id_token is None else Authorization("Accepted")
    elif given.id_token is not None:
        found = authorization.judge(turn, authorization.Asked.of(given, evse_id))
        answer = authorization.answer(turn, found, given.station_id, evse_id, given.id_token)
    payer = found if isinstance(found, Payer) else None
    turn.record(
        TransactionStarted(
            station_id=given.station_id,
            evse_id=evse_id or 1,
            transaction_id=given.transaction_id,
            seq_no=given.seq_no,
            started_at_ms=given.at_ms,
            id_token=given.id_token or "",
            session_id=payer.session.session_id if payer else None,
            right=payer.right if payer else None,
            register_wh=metering.register_of(given),
            offline=given.offline,
            is_start=given.kind == "Started",
            evse_known=evse_id is not None or _only_one_evse(turn, given.station_id),
            remote_start_id=given.remote_start_id,
            rating_w=_rating_w(turn, given.station_id, evse_id or 1),
            signed=given.signed,
            told_at_ms=told_ms,
        )
    )
    return answer


def _only_one_evse(turn: Turn, station_id: str) -> bool:
    station = turn.knowledge.facility.station(station_id) if turn.knowledge.facility else None
    return station is not None and len(station.evses) == 1


def _rating_w(turn: Turn, station_id: str, evse_id: int) -> int | None:
    station = turn.knowledge.facility.station(station_id) if turn.knowledge.facility else None
    return next((e.rating_w for e in station.evses if e.evse_id == evse_id), None) if station else None


def _authorize_running(turn: Turn, given: TransactionReported, running: TransactionState) -> Authorization:
    """Judge a token on a transaction that runs: whoever pays for it, or shares a group with who does, may go on."""
    asked = authorization.Asked.of(given, running.evse_id)
    if running.session_id is not None:
        return authorization.standing(turn, asked, running)
    found = authorization.judge(turn, asked)
    if isinstance(found, Payer):
        turn.record(
            TransactionAuthorized(
                station_id=given.station_id,
                evse_id=running.evse_id,
                transaction_id=given.transaction_id,
                seq_no=given.seq_no,
                id_token=given.id_token or "",
                session_id=found.session.session_id,
                right=found.right,
            )
        )
    return authorization.answer(turn, found, given.station_id, running.evse_id, given.id_token or "")


def _supersede(turn: Turn, given: TransactionReported, running: TransactionState) -> None:
    """One EVSE charges one car: of two transactions the one that started earlier is over (2.0.1 part 1, 2.2)."""
    if given.evse_id is None:
        return
    here = [
        t
        for t in turn.state.transactions.values()
        if (t.station_id, t.evse_id) == (running.station_id, running.evse_id) and t.closing is None
    ]
    newest = max(here, key=lambda t: (t.started_ms, t is running), default=None)
    for other in here:
        if other is not newest:
            closing.begin(turn, other, "SUPERSEDED")


def _book(turn: Turn, given: TransactionReported, running: TransactionState, told_ms: int | None) -> None:
    head = turn.state.head
    changed = given.charging_state is not None and _changes(given, running)
    metered = given.register_wh is not None or given.power_w is not None or given.soc_pct is not None
    if given.kind != "Started" and metered:
        metering.take(turn, given, running, seq_no=given.seq_no, told_ms=told_ms)
    if changed and given.kind != "Ended":
        turn.record(
            ChargingStateChanged(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                seq_no=given.seq_no,
                state=_by_whom(turn, given, running),
                changed_at_ms=given.at_ms,
            )
        )
    if given.kind == "Ended":
        close_at_ms = turn.now_ms + closing.CLOSE_WITHIN_MS
        reason = given.stopped_reason or ""
        end = Closing("ENDED", given.at_ms, close_at_ms, given.seq_no, reason, given.offline)
        closing.ended(turn, running, end)
        return
    if turn.state.head == head and given.seq_no is not None and not running.numbers.holds(given.seq_no):
        turn.record(
            MessageHeard(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                seq_no=given.seq_no,
                told_at_ms=given.at_ms,
            )
        )
    closing.progressed(turn, running, given.at_ms)


def _changes(given: TransactionReported, running: TransactionState) -> bool:
    """Whether the state told differs from that of its time; after a gap it may, by what is still to come."""
    gap = given.seq_no is not None and running.numbers.gap_before(given.seq_no)
    return gap or given.charging_state != state_at(running.changes, given.at_ms)


def _by_whom(turn: Turn, given: TransactionReported, running: TransactionState) -> str:
    """A car that the site holds at nothing is told of as SuspendedEV as often as SuspendedEVSE: its driver pays for no
    idle time that is our doing."""
    key = evse_key(running.station_id, running.evse_id)
    lease = turn.state.promise(running.station_id, running.evse_id).accepted
    held = lease is not None and lease.limit_w == 0 and lease.from_ms <= given.at_ms < lease.until_ms
    paused = turn.state.caps.get(key) == 0 or held
    was_taking = running.finished_ms is None
    state = given.charging_state or ""
    return "SuspendedEVSE" if state == "SuspendedEV" and paused and was_taking else state
