"""Whether chargers keep the limits that they accepted: an answer is not obedience.

One that draws above its limit, after the time that cars need to follow, is in breach: it is counted at the most that it
drew (``edge/rules/books.py``), gets no more of the budget and starts no other car. That ends when its readings have
kept to its limits for a while, or when a person says that it is mended.
"""

from edge.rules.books import Site
from edge.rules.state import TransactionState
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS
from shared.events import LimitBreached, LimitObeyed

AGAIN_MS = MINUTE_MS
"""A breach that goes on is booked again after this, or when more is drawn."""
MENDED_MS = 10 * MINUTE_MS
"""How long an EVSE must be seen to keep its limits before it is trusted again."""


def watch(turn: Turn, rows: list[Site]) -> None:
    """Book breaches, and the end of those that are over."""
    for row in rows:
        running = row.transaction
        if running is None or running.power_w is None:
            continue
        if row.over_w():
            _breached(turn, row, row.effective_w(turn.now_ms), running.power_w)
        elif row.promises.breach is not None and _metered_ms(running) - row.promises.breach.last_ms >= MENDED_MS:
            turn.record(LimitObeyed(station_id=row.station_id, evse_id=row.evse.evse_id))


def _metered_ms(running: TransactionState) -> int:
    return running.metered_ms + sum(running.steps_ms)


def trust(turn: Turn, station_id: str, evse_id: int, by: str) -> None:
    """A person ends an EVSE's quarantine."""
    turn.record(LimitObeyed(station_id=station_id, evse_id=evse_id, by=by))


def _breached(turn: Turn, row: Site, limit_w: int, drawn_w: int) -> None:
    breach = row.promises.breach
    if breach is None or drawn_w > breach.drawn_w or turn.now_ms - breach.last_ms >= AGAIN_MS:
        turn.record(
            LimitBreached(station_id=row.station_id, evse_id=row.evse.evse_id, limit_w=limit_w, drawn_w=drawn_w)
        )
        row.promises = turn.state.promise(row.station_id, row.evse.evse_id)
