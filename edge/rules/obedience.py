"""Whether chargers keep the limits that they accepted: an answer is not obedience.

One that draws above its limit, after the time that cars need to follow, is in breach: it is counted at the most that it
drew (``edge/rules/books.py``), gets no more of the budget and starts no other car. That ends when its readings have
kept to its limits for a while, or when a person says that it is mended. One that draws above its limit by no more than
stations that round up do is asked for less instead.
"""

from edge.rules.books import OBEDIENCE_PCT, Site
from edge.rules.state import TransactionState
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS
from shared.events import LimitBreached, LimitObeyed, LimitRoundedUp
from shared.facilities import Evse

AGAIN_MS = MINUTE_MS
"""A breach that a reading shows to go on is booked again after this, or when more is drawn."""
ROUNDING_PCT = 101
ROUNDING_READINGS = 3
"""An EVSE that so many readings in a row show above this share of its limit rounds up."""
MENDED_MS = 10 * MINUTE_MS
"""How long an EVSE must be seen to keep its limits before it is trusted again."""


def watch(turn: Turn, rows: list[Site]) -> None:
    """Book breaches, and the end of those that are over."""
    for row in rows:
        running = row.transaction
        if running is None or running.power_w is None:
            continue
        may_w = row.excused_w()
        if may_w and _rounds_up(row, running, running.power_w, may_w):
            _rounded_up(turn, row, running.power_w, may_w)
        elif row.over_w():
            _breached(turn, row, row.effective_w(turn.now_ms), running.power_w)
        elif row.promises.breach is not None and _metered_ms(running) - row.promises.breach.last_ms >= MENDED_MS:
            turn.record(LimitObeyed(station_id=row.station_id, evse_id=row.evse.evse_id))


def rounding_w(evse: Evse, limit_w: int) -> int:
    """By how much a station that rounds up may make more of a limit: an ampere on each of its lines, or 1 %."""
    return max(evse.voltage_v * (1 if len(evse.phases) in (2, 4) else 3), limit_w // 100)


def _rounds_up(row: Site, running: TransactionState, drawn_w: int, may_w: int) -> bool:
    """Whether what is drawn too much is no more than a station that rounds up makes of its limit, and was so in several
    readings or is plain in one. Whoever is asked for less already has no such excuse."""
    if row.evse.rounds_up or row.promises.rounds_up or row.promises.breach is not None:
        return False
    above = drawn_w * 100 > may_w * ROUNDING_PCT
    if running.power_heard_ms != running.above_ms:
        running.above_ms, running.above = running.power_heard_ms, running.above + 1 if above else 0
    sure = running.above >= ROUNDING_READINGS or drawn_w * 100 > may_w * OBEDIENCE_PCT
    return above and sure and drawn_w * 100 <= (may_w + rounding_w(row.evse, may_w)) * OBEDIENCE_PCT


def _rounded_up(turn: Turn, row: Site, drawn_w: int, may_w: int) -> None:
    turn.record(
        LimitRoundedUp(
            station_id=row.station_id,
            evse_id=row.evse.evse_id,
            limit_w=may_w,
            drawn_w=drawn_w,
            by_w=rounding_w(row.evse, may_w),
        )
    )
    row.promises = turn.state.promise(row.station_id, row.evse.evse_id)


def _metered_ms(running: TransactionState) -> int:
    return running.metered_ms + sum(running.steps_ms)


def trust(turn: Turn, station_id: str, evse_id: int, by: str) -> None:
    """A person ends an EVSE's quarantine."""
    turn.record(LimitObeyed(station_id=station_id, evse_id=evse_id, by=by))


def _breached(turn: Turn, row: Site, limit_w: int, drawn_w: int) -> None:
    breach = row.promises.breach
    heard_ms = 0 if row.transaction is None else row.transaction.power_heard_ms
    if breach is None or drawn_w > breach.drawn_w or heard_ms - breach.last_ms >= AGAIN_MS:
        turn.record(
            LimitBreached(station_id=row.station_id, evse_id=row.evse.evse_id, limit_w=limit_w, drawn_w=drawn_w)
        )
        row.promises = turn.state.promise(row.station_id, row.evse.evse_id)
