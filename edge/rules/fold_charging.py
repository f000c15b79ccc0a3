"""How the events of charging transactions change what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.reckoning import MeterPoint, StateChange, finished_ms, take_change
from edge.rules.state import (
    Closing,
    FacilityState,
    Target,
    TransactionState,
    evse_key,
    transaction_key,
)
from edge.rules.state_queueing import Refused
from shared.clock import DAY_MS
from shared.events import (
    ChargingRefused,
    ChargingStateChanged,
    EnergyMetered,
    MessageHeard,
    TargetReached,
    TargetSet,
    TransactionAuthorized,
    TransactionClosing,
    TransactionEnded,
    TransactionFlagged,
    TransactionResumed,
    TransactionStarted,
)
from shared.rating import ChargingUse

ENDED_KEPT = 2_000
"""How many ended transactions are remembered, so that their late repeats are known for what they are."""
RAMP_MS = 60_000
"""A reading taken sooner than this after a car or its limit began says nothing about what the car would take."""
JITTER_MS = 2_000
"""Messages that come by so much more promptly than those before tell of a station that sends what had to wait."""
REFUSALS_KEPT = 50
"""So many of the newest refusals are shown to whoever helps the drivers."""
CHARGE_TIMES_KEPT = 50
"""Of so many charges the durations are remembered, for estimates."""


def _known(state: FacilityState, event: Any) -> TransactionState | None:
    return state.transactions.get(transaction_key(event.station_id, event.transaction_id))


def _refused(state: FacilityState, event: ChargingRefused, at_ms: int) -> None:
    refused = Refused(at_ms, event.station_id, event.evse_id, event.id_token, event.status, event.reason)
    state.refusals = [*state.refusals, refused][-REFUSALS_KEPT:]


def _started(state: FacilityState, event: TransactionStarted, at_ms: int) -> None:
    known = _known(state, event)
    if known is None:
        known = TransactionState(
            event.station_id, event.evse_id, event.transaction_id, event.started_at_ms, metered_ms=event.started_at_ms
        )
        state.transactions[transaction_key(event.station_id, event.transaction_id)] = known
    known.offline = known.offline or event.offline
    known.started_ms = min(known.started_ms, event.started_at_ms)
    known.lag_ms = min(known.lag_ms, at_ms - event.started_at_ms)
    known.heard_ms = max(known.heard_ms, event.started_at_ms)
    _astray(known, event.told_at_ms)
    if event.evse_known:
        known.evse_id, known.rating_w = event.evse_id, event.rating_w
    if event.session_id is not None:
        known.id_token, known.session_id, known.right = event.id_token, event.session_id, event.right
    if event.remote_start_id is not None:
        known.remote_start_id = event.remote_start_id
    if event.register_wh is not None:
        known.readings.take(MeterPoint(event.started_at_ms, event.register_wh, event.signed), known.rating_w)
    if event.is_start:
        known.begun = True
    if event.seq_no is not None and event.is_start:
        known.numbers.begin(event.seq_no)
    _heard(known, event.seq_no, event.started_at_ms)


def _astray(known: TransactionState, told_ms: int | None) -> None:
    """A message that could not be placed by the time that its station told stands later than it was, by as much as
    that clock counted since the first such, at the most."""
    if told_ms is not None:
        known.astray_ms = told_ms if known.astray_ms is None else known.astray_ms
        passed_ms = min(DAY_MS, abs(told_ms - known.astray_ms))
        known.readings.late_ms = max(known.readings.late_ms, passed_ms)


def _authorized(state: FacilityState, event: TransactionAuthorized, _at_ms: int) -> None:
    known = _known(state, event)
    if known is not None:
        known.id_token, known.session_id, known.right = event.id_token, event.session_id, event.right


def _heard(known: TransactionState, seq_no: int | None, at_ms: int) -> None:
    known.heard_ms = max(known.heard_ms, at_ms)
    if seq_no is not None:
        known.numbers.take(seq_no)


def _message_heard(state: FacilityState, event: MessageHeard, _at_ms: int) -> None:
    known = _known(state, event)
    if known is not None:
        _heard(known, event.seq_no, event.told_at_ms)


def _metered(state: FacilityState, event: EnergyMetered, at_ms: int) -> None:
    known = _known(state, event)
    if known is None:
        return
    _astray(known, event.told_at_ms)
    if not event.offline and event.told_at_ms is None:
        came = known.readings.came_after_a_step if known.steps_ms else known.readings.came
        came(at_ms - sum(known.steps_ms) - event.metered_at_ms)
    if event.register_wh is not None:
        known.readings.take(
            MeterPoint(event.metered_at_ms, event.register_wh, event.signed, event.seq_no), known.rating_w
        )
    _heard(known, event.seq_no, event.metered_at_ms)
    if event.metered_at_ms >= known.metered_ms and not event.offline:
        # A reading that waited on its way says nothing of now; how far off its station's clock is shows in the others.
        lag_ms = at_ms - event.metered_at_ms
        known.catching_up = lag_ms < known.lag_ms - JITTER_MS
        known.lag_ms = min(known.lag_ms, lag_ms)
        known.metered_ms, known.power_heard_ms = event.metered_at_ms, event.metered_at_ms + known.lag_ms
        _judge_taking(state, known, event)
        known.power_w = known.power_w if event.power_w is None else event.power_w
        known.soc_pct = known.soc_pct if event.soc_pct is None else event.soc_pct


def _judge_taking(state: FacilityState, known: TransactionState, event: EnergyMetered) -> None:
    """Judged once per reading, against the limit in force when it was taken: judged against a limit that followed from
    the same reading, demand and limit would chase each other."""
    promises, heard_ms = state.promise(event.station_id, event.evse_id), known.power_heard_ms
    lease = promises.accepted if promises.accepted and heard_ms < promises.accepted.until_ms else None
    limit_w = promises.fallback_w if lease is None else lease.limit_w
    if event.power_w is None or limit_w is None:
        return
    ramped = event.metered_at_ms - known.started_ms >= RAMP_MS
    if event.power_w * 10 >= limit_w * 9:
        known.taken_w = None
    elif ramped and (lease is None or heard_ms - lease.lifted_ms >= RAMP_MS):
        known.taken_w = event.power_w


def _state_changed(state: FacilityState, event: ChargingStateChanged, _at_ms: int) -> None:
    known = _known(state, event)
    if known is None:
        return
    _heard(known, event.seq_no, event.changed_at_ms)
    order = -1 if event.seq_no is None else event.seq_no
    take_change(known.changes, StateChange(event.changed_at_ms, order, event.state))
    was, known.charging_state = known.charging_state, known.changes[-1].state
    if known.charging_state == "Charging" and was.startswith("Suspended"):
        # Stations are known to forget their limits at a resume.
        promises = state.promise(known.station_id, known.evse_id)
        promises.fallback_due = promises.fallback_w is not None
        promises.lease_due = promises.accepted is not None
    known.finished_ms = finished_ms(known.changes)
    if known.finished_ms is not None:
        known.power_w = 0


def _flagged(state: FacilityState, event: TransactionFlagged, _at_ms: int) -> None:
    known = _known(state, event)
    if known is None:
        return
    if event.flag not in known.flags:
        known.flags.append(event.flag)
    if event.flag == "MESSAGES_MISSING":
        known.numbers.give_up()


def _closing(state: FacilityState, event: TransactionClosing, at_ms: int) -> None:
    known = _known(state, event)
    if known is None:
        return
    again = known.closing if known.closing is not None and known.closing.cause == event.cause else None
    begun_ms = at_ms if again is None else again.begun_ms
    cap_w = state.caps.pop(evse_key(event.station_id, event.evse_id), None if again is None else again.cap_w)
    known.closing = Closing(
        event.cause, event.ended_at_ms, event.close_at_ms, event.seq_no, event.reason, event.offline, begun_ms, cap_w
    )
    known.power_w = 0
    _heard(known, event.seq_no, event.ended_at_ms)


def _resumed(state: FacilityState, event: TransactionResumed, _at_ms: int) -> None:
    known = _known(state, event)
    if known is not None and known.closing is not None:
        if known.closing.cap_w is not None:
            state.caps.setdefault(evse_key(event.station_id, known.evse_id), known.closing.cap_w)
        known.closing = None


def _target_set(state: FacilityState, event: TargetSet, _at_ms: int) -> None:
    known = _known(state, event)
    if known is not None:
        none = event.energy_wh is None and event.soc_pct is None
        known.target = None if none else Target(event.energy_wh, event.soc_pct)


def _target_reached(state: FacilityState, event: TargetReached, _at_ms: int) -> None:
    known = _known(state, event)
    if known is not None and known.target is not None:
        known.target.reached = True


def _ended(state: FacilityState, event: TransactionEnded, _at_ms: int) -> None:
    key = transaction_key(event.station_id, event.transaction_id)
    state.transactions.pop(key, None)
    state.signatures.pop(key, None)
    state.ended[key] = event.ended_at_ms
    if len(state.ended) > ENDED_KEPT:
        del state.ended[next(iter(state.ended))]
    if not any(_at(t, event) for t in state.transactions.values()):
        state.caps.pop(evse_key(event.station_id, event.evse_id), None)
    state.charge_times_ms = [*state.charge_times_ms, event.ended_at_ms - event.started_at_ms][-CHARGE_TIMES_KEPT:]
    session = state.sessions.get(event.session_id or "")
    if session is not None:
        session.charging.append(
            ChargingUse(
                label=event.station_id,
                started_ms=event.started_at_ms,
                finished_ms=event.finished_at_ms,
                ended_ms=event.ended_at_ms,
                energy_wh=event.energy_wh,
                covered=event.right is not None and event.right.covers_charging,
            )
        )


def _at(known: TransactionState, event: TransactionEnded) -> bool:
    return (known.station_id, known.evse_id) == (event.station_id, event.evse_id)


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    ChargingRefused: _refused,
    TransactionStarted: _started,
    TransactionAuthorized: _authorized,
    MessageHeard: _message_heard,
    EnergyMetered: _metered,
    ChargingStateChanged: _state_changed,
    TransactionFlagged: _flagged,
    TransactionClosing: _closing,
    TransactionResumed: _resumed,
    TargetSet: _target_set,
    TargetReached: _target_reached,
    TransactionEnded: _ended,
}
