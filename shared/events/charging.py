"""Charging. A transaction is OCPP's: from authorised and plugged in to unplugged; keyed by station and its id."""

from typing import Literal

from shared.facilities import Frozen
from shared.ids import Id, StationId
from shared.rights import RightRef


class ChargingRefused(Frozen):
    type: Literal["ChargingRefused"] = "ChargingRefused"
    station_id: StationId
    evse_id: int | None
    id_token: str
    reason: str


class TransactionStarted(Frozen):
    """``seq_no`` counts a station's messages of one transaction from 0 (OCPP 2.0.1 E01.FR.07)."""

    type: Literal["TransactionStarted"] = "TransactionStarted"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    started_at_ms: int
    id_token: str = ""
    session_id: Id | None = None
    right: RightRef | None = None
    register_wh: int | None = None
    offline: bool = False


class TransactionAuthorized(Frozen):
    """The token came after the cable: who pays for a transaction that has already started."""

    type: Literal["TransactionAuthorized"] = "TransactionAuthorized"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    id_token: str
    session_id: Id
    right: RightRef | None = None


class EnergyMetered(Frozen):
    """A meter reading within a transaction, taken by the station at ``metered_at_ms``; power is the station's own
    figure or derived from the register."""

    type: Literal["EnergyMetered"] = "EnergyMetered"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    metered_at_ms: int
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None


class ChargingStateChanged(Frozen):
    """``state`` is OCPP's ChargingStateEnumType: Charging, EVConnected, SuspendedEV, SuspendedEVSE, Idle."""

    type: Literal["ChargingStateChanged"] = "ChargingStateChanged"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    state: str
    changed_at_ms: int


class TransactionEnded(Frozen):
    """``finished_at_ms`` is when energy last flowed: idle time runs from there to ``ended_at_ms`` (unplugged)."""

    type: Literal["TransactionEnded"] = "TransactionEnded"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    started_at_ms: int
    finished_at_ms: int
    ended_at_ms: int
    energy_wh: int
    session_id: Id | None = None
    right: RightRef | None = None
    reason: str = ""
    offline: bool = False
