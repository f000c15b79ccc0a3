"""How the events of charging transactions change what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import (
    FacilityState,
    TransactionState,
    evse_key,
    transaction_key,
)
from shared.events import (
    ChargingStateChanged,
    EnergyMetered,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
)
from shared.rating import ChargingUse

ENDED_KEPT = 2_000
"""How many ended transactions are remembered, so that their late repeats are known for what they are."""

_NOT_TAKING = ("SuspendedEV", "EVConnected", "Idle")
"""Charging states in which the car, not the site, is the reason that no energy flows: the idle clock may run."""


RAMP_MS = 60_000
"""A reading taken sooner than this after a car or its limit began says nothing about what the car would take."""


def _started(state: FacilityState, event: TransactionStarted, _at_ms: int) -> None:
    key = transaction_key(event.station_id, event.transaction_id)
    known = state.transactions.get(key)
    if known is None:
        known = state.transactions[key] = TransactionState(
            event.station_id, event.evse_id, event.transaction_id, event.started_at_ms, metered_ms=event.started_at_ms
        )
    known.offline = known.offline or event.offline
    known.started_ms = min(known.started_ms, event.started_at_ms)
    if event.session_id is not None:
        known.id_token, known.session_id, known.right = event.id_token, event.session_id, event.right
    _read_register(known, event.register_wh)
    known.seen.add(event.seq_no)


def _authorized(state: FacilityState, event: TransactionAuthorized, _at_ms: int) -> None:
    known = state.transactions.get(transaction_key(event.station_id, event.transaction_id))
    if known is not None:
        known.id_token, known.session_id, known.right = event.id_token, event.session_id, event.right


def _read_register(known: TransactionState, register_wh: int | None) -> None:
    if register_wh is None:
        return
    first, last = known.register_first_wh, known.register_last_wh
    known.register_first_wh = register_wh if first is None else min(first, register_wh)
    known.register_last_wh = register_wh if last is None else max(last, register_wh)


def _metered(state: FacilityState, event: EnergyMetered, _at_ms: int) -> None:
    known = state.transactions.get(transaction_key(event.station_id, event.transaction_id))
    if known is None:
        return
    _read_register(known, event.register_wh)
    _seen(known, event.seq_no)
    if event.metered_at_ms >= known.metered_ms:
        known.metered_ms = event.metered_at_ms
        _judge_taking(state, known, event)
        known.power_w = known.power_w if event.power_w is None else event.power_w
        known.soc_pct = known.soc_pct if event.soc_pct is None else event.soc_pct


def _judge_taking(state: FacilityState, known: TransactionState, event: EnergyMetered) -> None:
    """Judged once per reading, against the limit in force when it was taken: judged against a limit that followed from
    the same reading, demand and limit would chase each other."""
    promises = state.promise(event.station_id, event.evse_id)
    lease = promises.accepted
    leased = lease is not None and event.metered_at_ms < lease.until_ms
    limit_w = lease.limit_w if lease is not None and leased else promises.fallback_w
    since_ms = lease.from_ms if lease is not None and leased else known.started_ms
    if event.power_w is None or limit_w is None or event.metered_at_ms - since_ms < RAMP_MS:
        return
    known.taken_w = None if event.power_w * 10 >= limit_w * 9 else event.power_w


def _seen(known: TransactionState, seq_no: int | None) -> None:
    if seq_no is not None:
        known.seen.add(seq_no)


def _state_changed(state: FacilityState, event: ChargingStateChanged, _at_ms: int) -> None:
    known = state.transactions.get(transaction_key(event.station_id, event.transaction_id))
    if known is None:
        return
    _seen(known, event.seq_no)
    was_charging = known.charging_state not in ("", *_NOT_TAKING)
    known.charging_state = event.state
    if event.state not in _NOT_TAKING:
        known.finished_ms = None
    elif was_charging:
        known.finished_ms = event.changed_at_ms
        known.power_w = 0


def _ended(state: FacilityState, event: TransactionEnded, _at_ms: int) -> None:
    key = transaction_key(event.station_id, event.transaction_id)
    state.transactions.pop(key, None)
    state.ended[key] = event.ended_at_ms
    if len(state.ended) > ENDED_KEPT:
        del state.ended[next(iter(state.ended))]
    state.caps.pop(evse_key(event.station_id, event.evse_id), None)
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


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    TransactionStarted: _started,
    TransactionAuthorized: _authorized,
    EnergyMetered: _metered,
    ChargingStateChanged: _state_changed,
    TransactionEnded: _ended,
}
