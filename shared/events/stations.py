"""Charging stations as devices: there or away, booted, what their connectors say."""

from typing import Any, Literal

from pydantic import Field

from shared.facilities import Frozen
from shared.ids import Id, StationId


class StationConnected(Frozen):
    type: Literal["StationConnected"] = "StationConnected"
    station_id: StationId
    ocpp_version: str


class StationDisconnected(Frozen):
    type: Literal["StationDisconnected"] = "StationDisconnected"
    station_id: StationId
    reason: str


class StationBooted(Frozen):
    type: Literal["StationBooted"] = "StationBooted"
    station_id: StationId
    vendor: str
    model: str
    firmware: str
    reason: str


class ConnectorStatusChanged(Frozen):
    type: Literal["ConnectorStatusChanged"] = "ConnectorStatusChanged"
    station_id: StationId
    evse_id: int
    connector_id: int
    status: str


class StationOrdered(Frozen):
    """Something was asked of a station (``order`` is a name in ``edge/rules/orders.py``, ``details`` its values).
    ``purpose`` says who wanted it: ``command/<id>`` for a person's command, else the rule's own reason."""

    type: Literal["StationOrdered"] = "StationOrdered"
    order_id: Id
    station_id: StationId
    order: str
    purpose: str
    details: dict[str, Any] = Field(default_factory=dict)


class StationAnswered(Frozen):
    """What became of an order. ``outcome``: ACCEPTED, REJECTED, UNSUPPORTED (no word for it), UNKNOWN (it may have been
    done) or UNSENT (it surely was not)."""

    type: Literal["StationAnswered"] = "StationAnswered"
    order_id: Id
    station_id: StationId
    outcome: Literal["ACCEPTED", "REJECTED", "UNSUPPORTED", "UNKNOWN", "UNSENT"]
    reason: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
