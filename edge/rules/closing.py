"""The ends of transactions: told, told before something that is still on its way, or never told at all.

What ended is closed at once when all of its numbered messages are here (OCPP 2.0.1 E01.FR.07, E04). Else the station is
asked whether more is coming (E14); the transaction is closed when that is known, or after a while, because a bill must
come to an end. One whose Ended was lost is closed at the last that was heard of it: what nobody measured nobody pays.
One that was taken for lost and is not goes on.
"""

from collections.abc import Iterator
from dataclasses import replace

from edge.rules import ordering, signatures
from edge.rules.inputs import Knowledge, OrderReplied
from edge.rules.orders import AskMessage, AskTransaction
from edge.rules.payment import charging_use
from edge.rules.state import Closing, FacilityState, OpenOrder, TransactionState, transaction_key
from edge.rules.turn import Turn
from shared.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from shared.events import TransactionClosing, TransactionEnded, TransactionFlagged, TransactionResumed

CLOSE_WITHIN_MS = 10 * MINUTE_MS
"""How long a transaction that is over waits for what is missing of it: its last message, or earlier ones. A station
tells that a connector is free at once, and what it queued for a transaction only in its turn."""
SENDING_MAX_MS = 12 * HOUR_MS
"""How long it waits at the most for a station that goes on sending what it kept."""
GAP_ASK_MS = 30 * SECOND_MS
"""How long after a gap showed its station is asked: a station sends one message after another, so most gaps close."""
RETURN_ASK_MS = 60 * SECOND_MS
"""How long after a station came back it is asked about what ran before: first it sends what it kept."""
ASK_AGAIN_MS = 5 * MINUTE_MS
"""How long a question may wait behind others to the same station, and after how long it is asked again."""
OPEN_MAX = 100
"""So many transactions of one station may run, and as many wait for what is missing of them; of more the oldest gives
way. No station has so many EVSEs: one that begins ever new ones must not slow the site down."""
PURPOSE = "transaction/"
_FLAG_OF = {"LOST": "END_LOST", "SUPERSEDED": "SUPERSEDED"}


def flag(turn: Turn, running: TransactionState, name: str, **details: object) -> None:
    """Book something that a person may want to look at, once per kind."""
    if name not in running.flags:
        turn.record(
            TransactionFlagged(
                station_id=running.station_id,
                evse_id=running.evse_id,
                transaction_id=running.transaction_id,
                flag=name,
                details=details,
            )
        )


def ask_in(turn: Turn, running: TransactionState, delay_ms: int) -> None:
    """Ask the station about a transaction after a while, or sooner if that was meant already."""
    key = transaction_key(running.station_id, running.transaction_id)
    turn.state.asks[key] = min(turn.state.asks.get(key, turn.now_ms + delay_ms), turn.now_ms + delay_ms)


def returned(turn: Turn, station_id: str) -> None:
    """A station is here again: whatever ran there may have ended meanwhile."""
    for running in turn.state.transactions.values():
        if running.station_id == station_id:
            ask_in(turn, running, RETURN_ASK_MS)


def unplugged(turn: Turn, station_id: str, evse_id: int) -> None:
    """A connector is available while a transaction is open there: its end should be on its way."""
    for running in list(turn.state.transactions.values()):
        here = (running.station_id, running.evse_id) == (station_id, evse_id)
        if here and running.closing is None:
            begin(turn, running, "LOST")


def begin(turn: Turn, running: TransactionState, cause: str) -> None:
    """Take it for over without its last message, and ask for that."""
    _begin(turn, running, Closing(cause, running.heard_ms, turn.now_ms + CLOSE_WITHIN_MS))
    ask_in(turn, running, GAP_ASK_MS)


def bound(turn: Turn, station_id: str) -> None:
    """Of more transactions than a station can have, the oldest are over; of more than may wait, they are closed."""
    here = [t for t in turn.state.transactions.values() if t.station_id == station_id]
    if len(here) <= OPEN_MAX:
        return
    running = [t for t in here if t.closing is None]
    for one in running[: max(0, len(running) - OPEN_MAX)]:
        begin(turn, one, "SUPERSEDED")
    waiting = [t for t in here if t.closing is not None]
    for one in waiting[: max(0, len(waiting) - OPEN_MAX)]:
        _give_up(turn, one)


def ended(turn: Turn, running: TransactionState, end: Closing) -> None:
    """Its last message is here: close it, or wait for what is missing before it."""
    gap = end.seq_no is not None and (not running.begun or running.numbers.gap_before(end.seq_no))
    if gap:
        _begin(turn, running, end)
        ask_in(turn, running, 0)
    else:
        _close(turn, running, end)


def progressed(turn: Turn, running: TransactionState, told_ms: int) -> None:
    """A message was booked: close what waited for it, go on with what tells of later than its supposed end, and ask
    about a gap that it shows."""
    closing = running.closing
    if closing is not None and closing.cause == "ENDED":
        if running.begun and not running.numbers.ahead:
            _close(turn, running, closing)
    elif closing is not None and closing.cause == "LOST" and told_ms > closing.begun_ms:
        _resume(turn, running)
        ask_in(turn, running, GAP_ASK_MS)
    elif closing is not None:
        _wait_longer(turn, running, closing)
    elif running.numbers.ahead or (not running.begun and running.numbers.upto >= 0):
        ask_in(turn, running, GAP_ASK_MS)


def due(turn: Turn) -> None:
    """Close what waited long enough, and ask what is to be asked: also about what runs for a car that has left."""
    state = turn.state
    for key, running in list(state.transactions.items()):
        if running.closing is not None:
            if running.closing.close_at_ms <= turn.now_ms:
                _give_up(turn, running)
        elif running.session_id is not None and running.session_id not in state.sessions and key not in state.asks:
            ask_in(turn, running, ASK_AGAIN_MS)
    for key, at_ms in list(state.asks.items()):
        running_now = state.transactions.get(key)
        if running_now is None:
            del state.asks[key]
        elif at_ms <= turn.now_ms and state.station(running_now.station_id).connected:
            del state.asks[key]
            purpose = PURPOSE + running_now.transaction_id
            order = AskTransaction(running_now.transaction_id)
            until_ms = turn.now_ms + ASK_AGAIN_MS
            ordering.ask(turn, running_now.station_id, order, purpose=purpose, deadline_ms=until_ms)


def deadlines(state: FacilityState, _knowledge: Knowledge) -> Iterator[int]:
    yield from (t.closing.close_at_ms for t in state.transactions.values() if t.closing is not None)
    for key, at_ms in state.asks.items():
        running = state.transactions.get(key)
        if running is not None and state.station(running.station_id).connected:
            yield at_ms


def answered(turn: Turn, order: OpenOrder, given: OrderReplied) -> None:
    """A station said what is still to come of a transaction, or that it cannot say."""
    running = turn.state.transactions.get(transaction_key(order.station_id, order.purpose.removeprefix(PURPOSE)))
    if running is None or order.order != AskTransaction.__name__:
        return
    if given.outcome != "ACCEPTED":
        if given.outcome in ("UNSUPPORTED", "REJECTED"):
            # A connector that is free tells as much: ``unplugged``.
            ask = AskMessage("StatusNotification", running.evse_id)
            ordering.ask(turn, order.station_id, ask, purpose=order.purpose)
        else:
            ask_in(turn, running, ASK_AGAIN_MS)
    elif given.details.get("messagesInQueue"):
        ask_in(turn, running, ASK_AGAIN_MS)
        if running.closing is not None:
            _wait_longer(turn, running, running.closing)
    elif running.closing is not None and running.closing.cause == "LOST" and given.details.get("ongoingIndicator"):
        _resume(turn, running)
    elif running.closing is not None:
        _give_up(turn, running)
    elif given.details.get("ongoingIndicator") is False:
        _begin(turn, running, Closing("LOST", running.heard_ms, turn.now_ms))
        _give_up(turn, running)
    elif running.numbers.ahead or not running.begun:
        flag(turn, running, "MESSAGES_MISSING", after=running.numbers.upto)


def _begin(turn: Turn, running: TransactionState, end: Closing) -> None:
    turn.record(
        TransactionClosing(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            seq_no=end.seq_no,
            cause=end.cause,
            ended_at_ms=end.ended_ms,
            close_at_ms=end.close_at_ms,
            reason=end.reason,
            offline=end.offline,
        )
    )


def _wait_longer(turn: Turn, running: TransactionState, closing: Closing) -> None:
    """Its station is still sending what it kept. Booked in good time before it is given up, not at each message."""
    soon = closing.close_at_ms - turn.now_ms <= CLOSE_WITHIN_MS // 2
    if soon and turn.now_ms < closing.begun_ms + SENDING_MAX_MS:
        _begin(turn, running, replace(closing, close_at_ms=turn.now_ms + CLOSE_WITHIN_MS))


def _resume(turn: Turn, running: TransactionState) -> None:
    turn.record(
        TransactionResumed(
            station_id=running.station_id, evse_id=running.evse_id, transaction_id=running.transaction_id
        )
    )


def _give_up(turn: Turn, running: TransactionState) -> None:
    """What is missing will not come, or not in time."""
    closing = running.closing
    if closing is None:
        return
    if running.numbers.ahead or not running.begun:
        flag(turn, running, "MESSAGES_MISSING", after=running.numbers.upto)
    if closing.cause != "ENDED":
        flag(turn, running, _FLAG_OF[closing.cause])
        closing = Closing(closing.cause, max(closing.ended_ms, running.heard_ms), 0, None, closing.cause.lower())
    _close(turn, running, closing)


def _close(turn: Turn, running: TransactionState, end: Closing) -> None:
    use = charging_use(running, end.ended_ms)
    found = running.readings.total(running.rating_w)
    proof, signed = signatures.worth(turn.state, running, found)
    if running.session_id is None and use.energy_wh > 0:
        flag(turn, running, "UNPAID", energy_wh=use.energy_wh)
    turn.record(
        TransactionEnded(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            seq_no=end.seq_no,
            started_at_ms=use.started_ms,
            finished_at_ms=use.finished_ms,
            ended_at_ms=use.ended_ms,
            energy_wh=use.energy_wh,
            session_id=running.session_id,
            right=running.right,
            reason=end.reason,
            offline=end.offline,
            energy_method="NONE" if found.believed < 2 else "SIGNED" if signed else "REGISTER",
            signature_proof=proof,
            flags=tuple(running.flags),
        )
    )
    turn.state.asks.pop(transaction_key(running.station_id, running.transaction_id), None)
