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


class SecurityEventReported(Frozen):
    """An alert. ``kind`` is a name of OCPP's list of security events, or a maker's own; ``critical`` by that list."""

    type: Literal["SecurityEventReported"] = "SecurityEventReported"
    station_id: StationId
    kind: str
    reported_at_ms: int
    critical: bool
    info: str = ""


class StationTaskProgressed(Frozen):
    """A firmware update, its publishing in the local network, or the upload of a log has come to ``status`` (OCPP's
    word). ``request_id`` is that of the order, None when the station gave none."""

    type: Literal["StationTaskProgressed"] = "StationTaskProgressed"
    station_id: StationId
    task: Literal["FIRMWARE", "PUBLISH_FIRMWARE", "LOG"]
    request_id: int | None = None
    status: str
    info: str = ""


class StationReservationEnded(Frozen):
    """A station let go of a reservation by itself: ``status`` is Expired or Removed."""

    type: Literal["StationReservationEnded"] = "StationReservationEnded"
    station_id: StationId
    reservation_id: int
    status: str


class EvNeedsReported(Frozen):
    """What the car at an EVSE said it needs; None for what it did not say."""

    type: Literal["EvNeedsReported"] = "EvNeedsReported"
    station_id: StationId
    evse_id: int
    energy_wh: int | None = None
    departure_ms: int | None = None
    power_max_w: int | None = None


class StationQuarantined(Frozen):
    """A station broke the protocol so often that it is not let in until ``until_ms``, or until a person releases it."""

    type: Literal["StationQuarantined"] = "StationQuarantined"
    station_id: StationId
    reason: str
    until_ms: int


class StationReleased(Frozen):
    """A person ended a station's quarantine."""

    type: Literal["StationReleased"] = "StationReleased"
    station_id: StationId
    released_by: str


class LocalListBounded(Frozen):
    """How many tokens a station says it takes in one message of its local list, and in all; None: it does not say."""

    type: Literal["LocalListBounded"] = "LocalListBounded"
    station_id: StationId
    per_message: int | None = None
    in_all: int | None = None


class StationMessageSent(Frozen):
    """A person was about to send a station a message of the protocol. What it said is not kept: it may hold keys."""

    type: Literal["StationMessageSent"] = "StationMessageSent"
    station_id: StationId
    action: str
    sent_by: str
