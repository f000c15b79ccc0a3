"""How each event changes what is booked. The only file that does, so a state rebuilt from the log is the state that
wrote it. Folds never refuse and never look outside the state: what is in the log has happened.
"""

from collections.abc import Callable
from typing import Any

from edge.rules.state import (
    EntryGrant,
    ExitGrant,
    FacilityState,
    Lease,
    ParkingSession,
    Promises,
    TransactionState,
    transaction_key,
)
from shared.events import (
    ChargingStateChanged,
    ConnectorStatusChanged,
    EnergyMetered,
    EntryAbandoned,
    EntryGranted,
    Event,
    ExitAbandoned,
    ExitGranted,
    LimitAnswered,
    LimitSent,
    PaymentTaken,
    SitePowerSampled,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
)
from shared.rating import ChargingUse

ENDED_KEPT = 2_000
"""How many ended transactions are remembered, so that their late repeats are known for what they are."""

_NOT_TAKING = ("SuspendedEV", "EVConnected", "Idle")
"""Charging states in which the car, not the site, is the reason that no energy flows: the idle clock may run."""


RAMP_MS = 60_000
"""A reading taken sooner than this after a car or its limit began says nothing about what the car would take."""
RETRY_MS = 30_000
"""After a limit was refused or not answered, how long until it is tried again."""


def fold(state: FacilityState, event: Event, at_ms: int) -> None:
    """Change the booked state by one event that happened at ``at_ms``. Types without a fold change nothing."""
    change = _FOLDS.get(type(event))
    if change is not None:
        change(state, event, at_ms)


def _entry_granted(state: FacilityState, event: EntryGranted, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = EntryGrant(
        event.plate, event.right, event.space_id, event.space_kind, event.is_ev
    )
    state.held_spaces[event.space_id] = event.lane_id


def _entry_abandoned(state: FacilityState, event: EntryAbandoned, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    state.held_spaces.pop(event.space_id, None)


def _vehicle_entered(state: FacilityState, event: VehicleEntered, at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    state.held_spaces.pop(event.space_id, None)
    state.sessions[event.session_id] = ParkingSession(
        session_id=event.session_id,
        plate=event.plate,
        right=event.right,
        space_id=event.space_id,
        space_kind=event.space_kind,
        is_ev=event.is_ev,
        entered_ms=at_ms,
    )
    state.session_of_plate[event.plate] = event.session_id
    state.session_of_space[event.space_id] = event.session_id


def _exit_granted(state: FacilityState, event: ExitGranted, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = ExitGrant(
        event.session_id,
        event.plate,
        event.quoted_cents,
        event.tariff_versions,
        event.priced_until_ms,
        event.running,
    )


def _exit_abandoned(state: FacilityState, event: ExitAbandoned, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None


def _vehicle_exited(state: FacilityState, event: VehicleExited, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    session = state.sessions.pop(event.session_id, None)
    if session is not None:
        state.session_of_plate.pop(session.plate, None)
        state.session_of_space.pop(session.space_id, None)


def _payment_taken(state: FacilityState, event: PaymentTaken, _at_ms: int) -> None:
    session = state.sessions.get(event.session_id)
    if session is not None:
        session.paid_cents += event.amount_cents
        session.paid_until_ms = event.priced_until_ms
        session.payment_references.append(event.reference)


def _station_connected(state: FacilityState, event: StationConnected, _at_ms: int) -> None:
    station = state.station(event.station_id)
    station.connected, station.ocpp_version = True, event.ocpp_version
    _try_again(state, event.station_id)


def _station_disconnected(state: FacilityState, event: StationDisconnected, _at_ms: int) -> None:
    state.station(event.station_id).connected = False


def _station_booted(state: FacilityState, event: StationBooted, _at_ms: int) -> None:
    state.station(event.station_id).model = f"{event.vendor} {event.model}"
    _try_again(state, event.station_id)


def _try_again(state: FacilityState, station_id: str) -> None:
    """Who has just come back is told its limits now, whatever it said to them before."""
    for key, promises in state.promises.items():
        if key.rsplit("/", 1)[0] == station_id:
            promises.retry_at_ms = 0


def _status_changed(state: FacilityState, event: ConnectorStatusChanged, _at_ms: int) -> None:
    state.station(event.station_id).statuses[event.evse_id] = event.status


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


_FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    EntryGranted: _entry_granted,
    EntryAbandoned: _entry_abandoned,
    VehicleEntered: _vehicle_entered,
    ExitGranted: _exit_granted,
    ExitAbandoned: _exit_abandoned,
    VehicleExited: _vehicle_exited,
    PaymentTaken: _payment_taken,
    StationConnected: _station_connected,
    StationDisconnected: _station_disconnected,
    StationBooted: _station_booted,
    ConnectorStatusChanged: _status_changed,
    TransactionStarted: _started,
    TransactionAuthorized: _authorized,
    EnergyMetered: _metered,
    ChargingStateChanged: _state_changed,
    TransactionEnded: _ended,
    LimitSent: _limit_sent,
    LimitAnswered: _limit_answered,
    SitePowerSampled: _sampled,
}
