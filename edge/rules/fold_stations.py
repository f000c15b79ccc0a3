"""How the events of charging stations as devices change what is booked."""

from collections.abc import Callable, Sequence
from typing import Any

from edge.rules.state import (
    AlertState,
    EvNeeds,
    FacilityState,
    OpenOrder,
    TaskState,
    connector_key,
    evse_key,
)
from shared.events import (
    ConnectorStatusChanged,
    EvNeedsReported,
    SecurityEventReported,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationOrdered,
    StationQuarantined,
    StationReleased,
    StationTaskProgressed,
)

ALERT_KINDS_MAX = 100
"""Kinds of alert remembered for one station: a maker's own kinds have no end."""
_BY_WEIGHT = ("Occupied", "Reserved", "Available", "Unavailable", "Faulted")


def _station_connected(state: FacilityState, event: StationConnected, at_ms: int) -> None:
    station = state.station(event.station_id)
    station.connected, station.ocpp_version = True, event.ocpp_version
    station.kept_behind_ms = station.behind_ms
    _try_again(state, event.station_id)
    for key, promises in state.promises.items():
        if key.rsplit("/", 1)[0] == event.station_id:
            promises.judged_ms = at_ms


def _station_disconnected(state: FacilityState, event: StationDisconnected, _at_ms: int) -> None:
    state.station(event.station_id).connected = False


def _station_booted(state: FacilityState, event: StationBooted, _at_ms: int) -> None:
    station = state.station(event.station_id)
    station.model, station.firmware = f"{event.vendor} {event.model}", event.firmware
    _try_again(state, event.station_id)


def _try_again(state: FacilityState, station_id: str) -> None:
    """Who has just come back is told its limits now, whatever it said to them before: it may have lost them."""
    for key, promises in state.promises.items():
        if key.rsplit("/", 1)[0] == station_id:
            promises.retry_at_ms = 0
            promises.fallback_due = promises.fallback_w is not None
            promises.lease_due = promises.accepted is not None


def _status_changed(state: FacilityState, event: ConnectorStatusChanged, _at_ms: int) -> None:
    station = state.station(event.station_id)
    station.connectors[connector_key(event.evse_id, event.connector_id)] = event.status
    of_evse = [x for key, x in station.connectors.items() if key.startswith(f"{event.evse_id}/")]
    station.statuses[event.evse_id] = evse_status(of_evse)
    if station.statuses[event.evse_id] == "Available":
        state.needs.pop(evse_key(event.station_id, event.evse_id), None)


def evse_status(connectors: Sequence[str]) -> str:
    """An EVSE charges one car at a time: it is taken when one of its connectors is, and free when none is and one can
    be used (OCPP 2.0.1 part 1, 2.2)."""
    return next((status for status in _BY_WEIGHT if status in connectors), connectors[0])


def _security_event(state: FacilityState, event: SecurityEventReported, at_ms: int) -> None:
    alerts = state.station(event.station_id).alerts
    alerts.pop(event.kind, None)
    alerts[event.kind] = AlertState(event.reported_at_ms, at_ms)
    if len(alerts) > ALERT_KINDS_MAX:
        del alerts[next(iter(alerts))]


def _task_progressed(state: FacilityState, event: StationTaskProgressed, _at_ms: int) -> None:
    state.station(event.station_id).tasks[event.task] = TaskState(event.request_id, event.status, event.info)


def _quarantined(state: FacilityState, event: StationQuarantined, at_ms: int) -> None:
    station = state.station(event.station_id)
    station.quarantined_until_ms, station.quarantine_reason = event.until_ms, event.reason
    station.quarantine_ms = event.until_ms - at_ms


def _released(state: FacilityState, event: StationReleased, at_ms: int) -> None:
    station = state.station(event.station_id)
    station.quarantined_until_ms, station.quarantine_ms = min(station.quarantined_until_ms, at_ms), 0


def _needs_reported(state: FacilityState, event: EvNeedsReported, at_ms: int) -> None:
    key = evse_key(event.station_id, event.evse_id)
    state.needs[key] = EvNeeds(event.energy_wh, event.departure_ms, event.power_max_w, at_ms)


def _ordered(state: FacilityState, event: StationOrdered, _at_ms: int) -> None:
    state.orders[event.order_id] = OpenOrder(event.station_id, event.order, event.purpose)


def _answered(state: FacilityState, event: StationAnswered, _at_ms: int) -> None:
    state.orders.pop(event.order_id, None)


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    StationConnected: _station_connected,
    StationDisconnected: _station_disconnected,
    StationBooted: _station_booted,
    ConnectorStatusChanged: _status_changed,
    StationOrdered: _ordered,
    StationAnswered: _answered,
    SecurityEventReported: _security_event,
    StationTaskProgressed: _task_progressed,
    EvNeedsReported: _needs_reported,
    StationQuarantined: _quarantined,
    StationReleased: _released,
}
