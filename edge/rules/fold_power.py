"""How limits and their answers change what may be in force at each EVSE."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import (
    FacilityState,
    Lease,
    Promises,
    evse_key,
)
from shared.events import (
    EvseCapped,
    LimitAnswered,
    LimitSent,
    SitePowerSampled,
)

RETRY_MS = 30_000
"""After a limit was refused or not answered, how long until it is tried again."""


def _limit_sent(state: FacilityState, event: LimitSent, _at_ms: int) -> None:
    state.requests = max(state.requests, event.request_id)
    promises = state.promise(event.station_id, event.evse_id)
    promises.in_flight = event.request_id
    if event.until_ms is None:
        promises.fallback_pending[event.request_id] = event.limit_w
    else:
        promises.pending.append(Lease(event.request_id, event.limit_w, event.from_ms, event.until_ms))


def _limit_answered(state: FacilityState, event: LimitAnswered, at_ms: int) -> None:
    promises = state.promise(event.station_id, event.evse_id)
    if promises.in_flight == event.request_id:
        promises.in_flight = None
    promises.retry_at_ms = at_ms + RETRY_MS if event.outcome in ("REJECTED", "UNKNOWN") else 0
    if event.request_id in promises.fallback_pending:
        _fallback_answered(promises, event)
        return
    lease = next((x for x in promises.pending if x.request_id == event.request_id), None)
    if lease is None or event.outcome == "UNKNOWN":
        return
    promises.pending.remove(lease)
    if event.outcome == "ACCEPTED":
        # A station keeps one profile per id, so what was sent before this one is replaced by it.
        promises.pending = [x for x in promises.pending if x.request_id > lease.request_id]
        promises.accepted = lease


def _fallback_answered(promises: Promises, event: LimitAnswered) -> None:
    if event.outcome == "ACCEPTED":
        promises.fallback_w = promises.fallback_pending[event.request_id]
        promises.fallback_pending.clear()
        promises.refuses_limits = False
    elif event.outcome != "UNKNOWN":
        del promises.fallback_pending[event.request_id]
        promises.refuses_limits = promises.refuses_limits or event.outcome == "REJECTED"


def _sampled(state: FacilityState, _event: SitePowerSampled, at_ms: int) -> None:
    state.sampled_ms = at_ms


def _capped(state: FacilityState, event: EvseCapped, _at_ms: int) -> None:
    key = evse_key(event.station_id, event.evse_id)
    if event.limit_w is None:
        state.caps.pop(key, None)
    else:
        state.caps[key] = event.limit_w


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    LimitSent: _limit_sent,
    LimitAnswered: _limit_answered,
    SitePowerSampled: _sampled,
    EvseCapped: _capped,
}
