"""How limits and their answers change what may be in force at each EVSE."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edge.rules.state import FacilityState, evse_key, transaction_key
from edge.rules.state_power import FORMERS_KEPT_MS, SOON_MS, Breach, Former, Lease, Promises
from shared.events import (
    BuildingLoadChanged,
    EvseCapped,
    LimitAnswered,
    LimitBreached,
    LimitObeyed,
    LimitRoundedUp,
    LimitSent,
    NeedsKnown,
    SitePowerSampled,
)

RETRY_MS = 30_000
"""After a limit was refused or not answered, how long until it is tried again."""


def _limit_sent(state: FacilityState, event: LimitSent, at_ms: int) -> None:
    state.requests = max(state.requests, event.request_id)
    promises = state.promise(event.station_id, event.evse_id)
    promises.in_flight = event.request_id
    if event.until_ms is None:
        promises.fallback_pending[event.request_id] = event.limit_w
        promises.fallback_due = False
    else:
        promises.lease_due = False
        promises.pending.append(Lease(event.request_id, event.limit_w, event.from_ms, event.until_ms))
    if promises.paused is not (event.limit_w == 0) and (event.until_ms is not None or promises.accepted is None):
        promises.paused, promises.turned_ms = event.limit_w == 0, at_ms


def _limit_answered(state: FacilityState, event: LimitAnswered, at_ms: int) -> None:
    promises = state.promise(event.station_id, event.evse_id)
    if promises.in_flight == event.request_id:
        promises.in_flight = None
    promises.retry_at_ms = at_ms + RETRY_MS if event.outcome in ("REJECTED", "UNKNOWN") else 0
    if event.request_id in promises.fallback_pending:
        _fallback_answered(promises, event, at_ms)
        return
    lease = next((x for x in promises.pending if x.request_id == event.request_id), None)
    if lease is None or event.outcome == "UNKNOWN":
        return
    promises.pending.remove(lease)
    if lease.limit_w == 0 and event.outcome in ("ACCEPTED", "REJECTED"):
        promises.refuses_pause = event.outcome == "REJECTED"
    if event.outcome == "ACCEPTED":
        # A station keeps one profile per id, so what was sent before this one is replaced by it.
        before, older = promises.accepted, [x for x in promises.pending if x.request_id < lease.request_id]
        _replaced(promises, at_ms, [_unknown(state, at_ms) if before is None else _former(before, at_ms)])
        _replaced(promises, at_ms, [_former(x, at_ms) for x in older])
        promises.pending = [x for x in promises.pending if x.request_id > lease.request_id]
        promises.accepted = lease
        lease.accepted_ms = lease.lifted_ms = at_ms
        if before is not None and at_ms < before.until_ms and lease.limit_w <= before.limit_w:
            lease.lifted_ms = before.lifted_ms


def _unknown(state: FacilityState, at_ms: int) -> Former:
    """No lease of ours, and soon after the log began perhaps one of another box, as high as can be."""
    soon = state.begun_ms is not None and at_ms < state.begun_ms + SOON_MS
    return Former(None, at_ms, at_ms) if soon else Former(0, 0, at_ms)


def _former(lease: Lease, at_ms: int) -> Former:
    return Former(lease.limit_w + lease.more_w, lease.until_ms, at_ms)


def _replaced(promises: Promises, at_ms: int, formers: list[Former]) -> None:
    kept = [x for x in promises.formers if at_ms - x.replaced_ms <= FORMERS_KEPT_MS]
    promises.formers = kept + formers


def _fallback_answered(promises: Promises, event: LimitAnswered, at_ms: int) -> None:
    if event.outcome == "ACCEPTED":
        confirmed_w = promises.fallback_pending[event.request_id]
        if confirmed_w != promises.fallback_w:
            _replaced(promises, at_ms, [Former(promises.fallback_w, at_ms, at_ms)])
        promises.fallback_ms, promises.fallback_w = at_ms, confirmed_w
        if event.request_id > promises.fallback_more_until:
            promises.fallback_more_w = 0
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


def _breached(state: FacilityState, event: LimitBreached, at_ms: int) -> None:
    promises = state.promise(event.station_id, event.evse_id)
    if promises.breach is None:
        promises.breach = Breach(at_ms, at_ms, event.drawn_w)
    promises.breach.last_ms = at_ms
    promises.breach.drawn_w = max(promises.breach.drawn_w, event.drawn_w)


def _obeyed(state: FacilityState, event: LimitObeyed, at_ms: int) -> None:
    promises = state.promise(event.station_id, event.evse_id)
    promises.breach, promises.judged_ms = None, at_ms


def _rounded_up(state: FacilityState, event: LimitRoundedUp, _at_ms: int) -> None:
    """What was told until now means more, so it is told anew."""
    promises = state.promise(event.station_id, event.evse_id)
    leases = promises.pending if promises.accepted is None else [promises.accepted, *promises.pending]
    for lease in (x for x in leases if x.limit_w > 0):
        lease.more_w = event.by_w
    promises.formers = [replace(x, limit_w=x.limit_w and x.limit_w + event.by_w) for x in promises.formers]
    promises.fallback_more_w, promises.fallback_more_until = event.by_w, state.requests
    promises.rounds_up, promises.fallback_due, promises.lease_due = True, promises.fallback_w is not None, bool(leases)


def _needs_known(state: FacilityState, event: NeedsKnown, _at_ms: int) -> None:
    running = state.transactions.get(transaction_key(event.station_id, event.transaction_id))
    if running is not None:
        running.energy_wh, running.departure_ms = event.energy_wh, event.departure_ms


def _building_load_changed(state: FacilityState, event: BuildingLoadChanged, _at_ms: int) -> None:
    state.building_load_w = event.load_w


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    LimitSent: _limit_sent,
    LimitAnswered: _limit_answered,
    SitePowerSampled: _sampled,
    EvseCapped: _capped,
    LimitBreached: _breached,
    LimitObeyed: _obeyed,
    LimitRoundedUp: _rounded_up,
    NeedsKnown: _needs_known,
    BuildingLoadChanged: _building_load_changed,
}
