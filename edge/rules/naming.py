"""Naming the transactions of stations that give them no names (OCPP 1.6), so that no other rule must know of them.

A name is a number that fits 31 bits and is never 0, which some stations take for "no transaction" (1.6 4.8: the central
system makes it). Numbers only rise, and with the clock: a box that begins a new log cannot give a number again that a
station may still hold from the old one.
"""

from dataclasses import replace

from edge.rules import authorization, charging
from edge.rules.authorization import Asked
from edge.rules.inputs import Authorization, TransactionReported
from edge.rules.state import start_key, transaction_key
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import TransactionNumbered

EPOCH_MS = 1_577_836_800_000
"""2020-01-01: seconds since then fit 31 bits until 2088."""


def reported(turn: Turn, given: TransactionReported) -> Authorization | None:
    """Book a transaction message, named or not. The answer to an unnamed Started carries its name, whatever is thought
    of its token: the station has begun (1.6 4.8). Other unnamed messages are of the transaction that runs there."""
    if given.transaction_id:
        running = turn.state.transactions.get(transaction_key(given.station_id, given.transaction_id))
        answer = charging.reported(turn, given)
        if given.stopped_by is None:
            return answer
        return authorization.standing(turn, Asked(given.station_id, given.stopped_by, matches=given.matches), running)
    if given.kind == "Started":
        return _started(turn, given)
    for running in turn.state.transactions.values():
        if (running.station_id, running.evse_id) == (given.station_id, given.evse_id) and running.closing is None:
            return charging.reported(turn, replace(given, transaction_id=running.transaction_id))
    return None


def _started(turn: Turn, given: TransactionReported) -> Authorization:
    """The same start gets the same number, however often its answer was lost."""
    evse_id, token, register_wh = given.evse_id or 1, given.id_token or "", given.register_wh
    known = turn.state.numbers.get(start_key(given.station_id, evse_id, given.at_ms, register_wh, token))
    number = known or max(turn.state.last_number + 1, (turn.now_ms - EPOCH_MS) // SECOND_MS)
    if known is None:
        turn.record(
            TransactionNumbered(
                station_id=given.station_id,
                evse_id=evse_id,
                number=number,
                started_at_ms=given.at_ms,
                register_wh=register_wh,
                id_token=token,
            )
        )
    named = replace(given, transaction_id=str(number))
    answer = charging.reported(turn, named) or Authorization("Invalid", "the start names no token")
    return replace(answer, transaction_id=named.transaction_id)
