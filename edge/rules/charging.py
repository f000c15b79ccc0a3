"""Charging transactions: who may charge, and what each message of a station books.

A station's message is booked first and judged later: a late, repeated or reordered one changes nothing twice, because
it is known by station, transaction and sequence number (OCPP 2.0.1 E01, E04). An ended transaction is immutable.
"""

from edge.rules import authorization
from edge.rules.authorization import Payer
from edge.rules.inputs import (
    Authorization,
    BootReported,
    ConnectorReported,
    MeterReported,
    StationClosed,
    StationOpened,
    TransactionReported,
)
from edge.rules.payment import charging_use
from edge.rules.state import TransactionState, transaction_key
from edge.rules.turn import Turn
from shared.events import (
    ChargingStateChanged,
    ConnectorStatusChanged,
    EnergyMetered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
)


def opened(turn: Turn, given: StationOpened) -> None:
    """A station connected."""
    turn.record(StationConnected(station_id=given.station_id, ocpp_version=given.ocpp_version))


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


def connector(turn: Turn, given: ConnectorReported) -> None:
    """A connector's status, booked when it changed."""
    if turn.state.station(given.station_id).statuses.get(given.evse_id) != given.status:
        turn.record(
            ConnectorStatusChanged(
                station_id=given.station_id,
                evse_id=given.evse_id,
                connector_id=given.connector_id,
                status=given.status,
            )
        )


def reported(turn: Turn, given: TransactionReported) -> Authorization | None:
    """Book one transaction message, whatever its order; answer the token that it carries, if any."""
    key = transaction_key(given.station_id, given.transaction_id)
    running = turn.state.transactions.get(key)
    if key in turn.state.ended or (running is not None and given.seq_no in running.seen):
        return None if given.id_token is None else Authorization("Accepted")
    answer: Authorization | None = None
    if running is None or given.kind == "Started":
        answer = _start(turn, given)
    elif given.id_token is not None and running.session_id is None:
        answer = _authorize_running(turn, given, running)
    elif given.id_token is not None:
        answer = Authorization("Accepted")
    running = turn.state.transactions[key]
    _book(turn, given, running)
    return answer


def _start(turn: Turn, given: TransactionReported) -> Authorization | None:
    found: Payer | Authorization | None = None
    answer: Authorization | None = None
    if given.id_token is not None:
        found = authorization.judge(turn, given.id_token, given.matches, given.station_id, given.evse_id)
        answer = authorization.answer(turn, found, given.station_id, given.evse_id, given.id_token)
    payer = found if isinstance(found, Payer) else None
    turn.record(
        TransactionStarted(
            station_id=given.station_id,
            evse_id=given.evse_id or 1,
            transaction_id=given.transaction_id,
            seq_no=given.seq_no,
            started_at_ms=given.at_ms,
            id_token=given.id_token or "",
            session_id=payer.session.session_id if payer else None,
            right=payer.right if payer else None,
            register_wh=given.register_wh,
            offline=given.offline,
        )
    )
    return answer


def _authorize_running(turn: Turn, given: TransactionReported, running: TransactionState) -> Authorization:
    found = authorization.judge(turn, given.id_token or "", given.matches, given.station_id, running.evse_id)
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


def _book(turn: Turn, given: TransactionReported, running: TransactionState) -> None:
    metered = given.register_wh is not None or given.power_w is not None or given.soc_pct is not None
    if metered and given.kind != "Started":
        _meter(turn, given, running, given.seq_no)
    if given.kind == "Ended":
        _end(turn, given, running)
    elif given.charging_state is not None and given.charging_state != running.charging_state:
        turn.record(
            ChargingStateChanged(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                seq_no=given.seq_no,
                state=given.charging_state,
                changed_at_ms=given.at_ms,
            )
        )


def _end(turn: Turn, given: TransactionReported, running: TransactionState) -> None:
    use = charging_use(running, given.at_ms)
    turn.record(
        TransactionEnded(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            seq_no=given.seq_no,
            started_at_ms=use.started_ms,
            finished_at_ms=use.finished_ms,
            ended_at_ms=use.ended_ms,
            energy_wh=use.energy_wh,
            session_id=running.session_id,
            right=running.right,
            reason=given.stopped_reason or "",
            offline=given.offline,
        )
    )


def _meter(
    turn: Turn, given: TransactionReported | MeterReported, running: TransactionState, seq_no: int | None
) -> None:
    turn.record(
        EnergyMetered(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            seq_no=seq_no,
            metered_at_ms=given.at_ms,
            register_wh=given.register_wh,
            power_w=given.power_w,
            soc_pct=given.soc_pct,
        )
    )


def metered(turn: Turn, given: MeterReported) -> None:
    """Book a reading that came outside of transaction messages, if a transaction runs on its EVSE."""
    for running in turn.state.transactions.values():
        if (running.station_id, running.evse_id) == (given.station_id, given.evse_id):
            _meter(turn, given, running, None)
            return
