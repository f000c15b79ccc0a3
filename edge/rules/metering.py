"""Readings of the stations' meters: which can be believed, and what power they tell of."""

from dataclasses import replace

from edge.rules import closing, own_time
from edge.rules.inputs import MeterReported, TransactionReported
from edge.rules.reckoning import MeterPoint, Sum
from edge.rules.state import TransactionState
from edge.rules.turn import Turn
from shared.clock import HOUR_MS, SECOND_MS
from shared.events import EnergyMetered

REGISTER_MAX_WH = 10**12
SPAN_MIN_MS = 5 * SECOND_MS
"""Two readings closer together than this say nothing about power."""
_POWER_ERROR_W = 500


def register_of(given: TransactionReported | MeterReported) -> int | None:
    """The register told, in Wh, if it can be one."""
    told_wh = given.register_wh
    return told_wh if told_wh is not None and 0 <= told_wh <= REGISTER_MAX_WH else None


def take(
    turn: Turn,
    given: TransactionReported | MeterReported,
    running: TransactionState,
    *,
    seq_no: int | None,
    told_ms: int | None = None,
) -> None:
    """Book a reading of a transaction, and flag a register that is not believed: it is kept, and not billed.
    ``told_ms``: what its station said, when its time cannot be."""
    register_wh = register_of(given)
    if register_wh is None and given.register_wh is not None:
        closing.flag(turn, running, "METER_ABSURD", register_wh=given.register_wh)
    before = _doubtful(given, running, register_wh)
    turn.record(
        EnergyMetered(
            station_id=running.station_id,
            evse_id=running.evse_id,
            transaction_id=running.transaction_id,
            seq_no=seq_no,
            metered_at_ms=given.at_ms,
            register_wh=register_wh,
            power_w=_power_w(given, running, register_wh),
            soc_pct=given.soc_pct,
            signed=isinstance(given, TransactionReported) and given.signed,
            told_at_ms=told_ms,
            offline=isinstance(given, TransactionReported) and given.offline,
        )
    )
    if before is None or before.last is None:
        return
    if running.readings.total(running.rating_w).doubts > before.doubts:
        backwards = register_wh is not None and register_wh < before.last.register_wh
        name = "METER_BACKWARDS" if backwards else "METER_JUMPED"
        closing.flag(turn, running, name, register_wh=register_wh, believed_wh=before.last.register_wh)


def _doubtful(
    given: TransactionReported | MeterReported, running: TransactionState, register_wh: int | None
) -> Sum | None:
    """What the readings add up to before one that does not simply go on from them; None when it does."""
    if register_wh is None or running.readings.goes_on(MeterPoint(given.at_ms, register_wh), running.rating_w):
        return None
    return running.readings.total(running.rating_w)


def _power_w(
    given: TransactionReported | MeterReported, running: TransactionState, register_wh: int | None
) -> int | None:
    """The station's figure, unless it says nothing, or nothing flows, while the register grows."""
    before: MeterPoint | None = running.readings.before(given.at_ms)
    if register_wh is None or before is None or given.at_ms - before.at_ms < SPAN_MIN_MS:
        return given.power_w
    derived_w = (register_wh - before.register_wh) * HOUR_MS // (given.at_ms - before.at_ms)
    believable = 0 <= derived_w <= (running.rating_w or 0) * 11 // 10
    if given.power_w is None:
        return derived_w if believable else None
    return derived_w if given.power_w == 0 and believable and derived_w > _POWER_ERROR_W else given.power_w


def metered(turn: Turn, given: MeterReported) -> None:
    """Book a reading that came outside of transaction messages, if a transaction runs on its EVSE. One from before it
    is another's."""
    for running in turn.state.transactions.values():
        here = (running.station_id, running.evse_id) == (given.station_id, given.evse_id)
        if not here or running.closing is not None:
            continue
        station = turn.state.station(given.station_id)
        own_ms = own_time.own_ms(given.at_ms, turn.now_ms, steps_ms=running.steps_ms, station=station, kept=False)
        if own_ms is not None and running.started_ms <= own_ms:
            take(turn, replace(given, at_ms=own_ms), running, seq_no=None)
            return
