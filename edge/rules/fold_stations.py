"""How the events of charging stations as devices change what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import (
    FacilityState,
    OpenOrder,
)
from shared.events import (
    ConnectorStatusChanged,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationOrdered,
)


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
}
