"""OCPP 2.0.1, to the station: limits as charging profiles (K01), and what each station is told when it comes up (B05).

A limit is a TxDefaultProfile of its EVSE: it is in force before a transaction exists, so no energy flows unlimited.
"""

from collections.abc import Iterable

from ocpp.v201.enums import (
    Action,
    ChargingProfileKindEnumType,
    ChargingProfilePurposeEnumType,
    ChargingProfileStatusEnumType,
    ChargingRateUnitEnumType,
    GetVariableStatusEnumType,
    ReportBaseEnumType,
)

from edge.ocpp.metering import POWER, REGISTER, STATE_OF_CHARGE
from edge.ocpp.moments import written
from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.version import CallBody, InAmps, InWatts, LimitOutcome, LimitUnit
from edge.rules.inputs import LimitSetpoint
from shared.clock import SECOND_MS
from shared.facilities import ChargerLevel, PowerSettings, Station

FALLBACK_STACK_LEVEL = 0
LEASE_STACK_LEVEL = 1
VOLTAGE_V = 240
"""Between line and neutral. The highest nominal one, so that amperes made of watts never add up to more watts."""

SMART_CHARGING = "SmartChargingCtrlr"
_RATE_UNIT = "RateUnit"
_EVSE, _SUPPLY_PHASES = "EVSE", "SupplyPhases"


def profile_ids(station: Station) -> frozenset[int]:
    """The ids of every profile that a limit of this station may have."""
    levels = (FALLBACK_STACK_LEVEL, LEASE_STACK_LEVEL)
    return frozenset(evse.evse_id * 10 + level for evse in station.evses for level in levels)


def limit_call(setpoint: LimitSetpoint, unit: LimitUnit) -> CallBody:
    """The SetChargingProfile of a limit.

    The permanent fallback runs from the start of each transaction (Relative) and so holds whatever the station's clock
    says. A lease has its end in two forms, ``validTo`` and ``duration``: either is enough for it to end by itself.
    """
    lease = setpoint.until_ms is not None
    stack_level = LEASE_STACK_LEVEL if lease else FALLBACK_STACK_LEVEL
    profile_id = setpoint.evse_id * 10 + stack_level
    scheduled: Payload = {"id": profile_id, **schedule(setpoint.limit_w, unit)}
    profile: Payload = {
        "id": profile_id,
        "stackLevel": stack_level,
        "chargingProfilePurpose": ChargingProfilePurposeEnumType.tx_default_profile,
        "chargingProfileKind": ChargingProfileKindEnumType.absolute if lease else ChargingProfileKindEnumType.relative,
        "chargingSchedule": [scheduled],
    }
    if setpoint.until_ms is not None:
        profile["validFrom"] = scheduled["startSchedule"] = written(setpoint.from_ms)
        profile["validTo"] = written(setpoint.until_ms)
        scheduled["duration"] = max(1, (setpoint.until_ms - setpoint.from_ms) // SECOND_MS)
    return CallBody(Action.set_charging_profile, {"evseId": setpoint.evse_id, "chargingProfile": profile})


def limit_outcome(told: Answered | Refused) -> LimitOutcome:
    """What became of a limit. Without a readable word the limit may be in force: UNKNOWN."""
    if isinstance(told, Refused):
        return LimitOutcome("REJECTED", f"{told.code}: {told.description}")
    status = told.payload.get("status")
    if status == ChargingProfileStatusEnumType.accepted:
        return LimitOutcome("ACCEPTED")
    if status == ChargingProfileStatusEnumType.rejected:
        return LimitOutcome("REJECTED", _reason(told.payload))
    return LimitOutcome("UNKNOWN", told.problem.description if told.problem else "an answer without a status")


def unit_question(station: Station) -> CallBody | None:
    """Ask an AC station which units it takes and on how many phases it is fed; a DC station's limits are always W."""
    if station.level is ChargerLevel.DCFC:
        return None
    asked = [_variable(SMART_CHARGING, _RATE_UNIT)]
    asked += [_variable(_EVSE, _SUPPLY_PHASES, evse_id=evse.evse_id) for evse in station.evses]
    return CallBody(Action.get_variables, {"getVariableData": asked})


def unit_from(station: Station, told: Answered | Refused) -> LimitUnit:
    """W, unless an AC station says that it takes A alone. Phases that are not told count as the most there may be, so
    that the amperes sent stay on the safe side."""
    if station.level is ChargerLevel.DCFC or not isinstance(told, Answered) or told.problem is not None:
        return InWatts()
    values = list(_values(told.payload["getVariableResult"]))
    units = {unit.strip() for name, value in values if name == _RATE_UNIT for unit in value.split(",")}
    if units != {ChargingRateUnitEnumType.amps.value}:
        return InWatts()
    phases = [int(value) for name, value in values if name == _SUPPLY_PHASES and value in ("1", "2", "3")]
    all_told = len(phases) == len(station.evses)
    most = 1 if station.level is ChargerLevel.LEVEL1 else 3
    return InAmps(VOLTAGE_V, max(phases) if all_told else most)


def settings_calls(station: Station, power: PowerSettings) -> tuple[CallBody, ...]:
    """One SetVariables per setting, because some stations refuse a whole list for one item in it.

    A transaction starts when the car is plugged in and authorised, and ends when it is unplugged (E01, E06): the time a
    full car stays on the cable belongs to it, and only so can idle time be billed. A token that was refused gets no
    energy and one that was never told starts nothing while the link is down, because the power books lean on both; nor
    is one taken from a cache, which would outlive the visit that made it good. The measurands go twice, the register
    alone first: a station that lacks one of the list refuses all of it.
    """
    measurands = [REGISTER, POWER] + ([STATE_OF_CHARGE] if station.level is ChargerLevel.DCFC else [])
    settings = (
        ("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false"),
        ("TxCtrlr", "StopTxOnInvalidId", "true"),
        ("TxCtrlr", "MaxEnergyOnInvalidId", "0"),
        ("AuthCtrlr", "LocalPreAuthorize", "false"),
        ("AuthCacheCtrlr", "Enabled", "false"),
        ("LocalAuthListCtrlr", "Enabled", "true"),
        ("AuthCtrlr", "LocalAuthorizeOffline", "true"),
        ("SampledDataCtrlr", "TxUpdatedInterval", str(power.meter_interval_s)),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", REGISTER),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", ",".join(measurands)),
        ("SampledDataCtrlr", "TxStartedMeasurands", REGISTER),
        ("SampledDataCtrlr", "TxEndedMeasurands", REGISTER),
        ("TxCtrlr", "TxStartPoint", "PowerPathClosed"),
        ("TxCtrlr", "TxStopPoint", "EVConnected"),
    )
    return tuple(
        CallBody(
            Action.set_variables, {"setVariableData": [{**_variable(component, variable), "attributeValue": value}]}
        )
        for component, variable, value in settings
    )


def schedule(limit_w: int, unit: LimitUnit) -> Payload:
    """The fields of a ChargingScheduleType that hold one limit; OCPP 1.6 names them alike."""
    if isinstance(unit, InWatts):
        period: Payload = {"startPeriod": 0, "limit": limit_w}
        return {"chargingRateUnit": ChargingRateUnitEnumType.watts, "chargingSchedulePeriod": [period]}
    # In tenths of an ampere, rounded down, so that rounding never lets more through (and 8.1 stays 8.1).
    limit_a = limit_w * 10 // (unit.voltage_v * unit.phases) / 10
    period = {"startPeriod": 0, "limit": limit_a, "numberPhases": unit.phases}
    return {"chargingRateUnit": ChargingRateUnitEnumType.amps, "chargingSchedulePeriod": [period]}


def inventory_call(request_id: int) -> CallBody:
    """Ask for the whole device model (B07); it comes as NotifyReport."""
    return CallBody(Action.get_base_report, {"requestId": request_id, "reportBase": ReportBaseEnumType.full_inventory})


def _variable(component: str, variable: str, evse_id: int | None = None) -> Payload:
    at: Payload = {} if evse_id is None else {"evse": {"id": evse_id}}
    return {"component": {"name": component, **at}, "variable": {"name": variable}}


def _values(results: Iterable[Payload]) -> Iterable[tuple[str, str]]:
    for result in results:
        if result["attributeStatus"] == GetVariableStatusEnumType.accepted:
            yield result["variable"]["name"], result.get("attributeValue", "")


def _reason(payload: Payload) -> str:
    info = payload.get("statusInfo")
    return str(info.get("reasonCode", "")) if isinstance(info, dict) else ""
