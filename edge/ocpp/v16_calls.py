"""OCPP 1.6, to the station: limits as charging profiles (3.13), and what each station is told when it comes up (9).

A limit is a TxDefaultProfile of its connector (3.13.1): it is in force before a transaction exists, so no energy flows
unlimited. The profile with the highest stack level that is valid counts (3.13.2), so a lease lies over the fallback.
"""

from collections.abc import Iterable

from ocpp.v16.enums import (
    Action,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingProfileStatus,
    ConfigurationKey,
)

from edge.ocpp.metering import POWER, REGISTER, STATE_OF_CHARGE
from edge.ocpp.moments import written
from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.v201_calls import FALLBACK_STACK_LEVEL, LEASE_STACK_LEVEL, schedule
from edge.ocpp.version import CallBody, InAmps, InWatts, LimitOutcome, LimitUnit, configured_amps
from edge.rules.inputs import LimitSetpoint
from shared.clock import SECOND_MS
from shared.facilities import ChargerLevel, PowerSettings, Station

_ASKED = (ConfigurationKey.charging_schedule_allowed_charging_rate_unit, ConfigurationKey.connector_phase_rotation)
_POWER_WORDS = frozenset(("Power", "W"))
"""The specification's word (9.4.2), and the one that stations borrow from the profile itself."""
_ONE_PHASE = "NotApplicable"


def limit_call(setpoint: LimitSetpoint, unit: LimitUnit) -> CallBody:
    """The SetChargingProfile of a limit (5.16).

    The permanent fallback runs from the start of each transaction (Relative) and so holds whatever the station's clock
    says. A lease has its end in two forms, ``validTo`` and ``duration``: either is enough for it to end by itself.
    """
    lease = setpoint.until_ms is not None
    stack_level = LEASE_STACK_LEVEL if lease else FALLBACK_STACK_LEVEL
    limits = schedule(setpoint.limit_w, unit)
    period = limits["chargingSchedulePeriod"][0]
    period["limit"] = _undisputed(period["limit"])
    profile: Payload = {
        "chargingProfileId": setpoint.evse_id * 10 + stack_level,
        "stackLevel": stack_level,
        "chargingProfilePurpose": ChargingProfilePurposeType.tx_default_profile,
        "chargingProfileKind": ChargingProfileKindType.absolute if lease else ChargingProfileKindType.relative,
        "chargingSchedule": limits,
    }
    if setpoint.until_ms is not None:
        profile["validFrom"] = limits["startSchedule"] = written(setpoint.from_ms)
        profile["validTo"] = written(setpoint.until_ms)
        limits["duration"] = max(1, (setpoint.until_ms - setpoint.from_ms) // SECOND_MS)
    return CallBody(Action.set_charging_profile, {"connectorId": setpoint.evse_id, "csChargingProfiles": profile})


def limit_outcome(told: Answered | Refused) -> LimitOutcome:
    """What became of a limit. Without a readable word the limit may be in force: UNKNOWN."""
    if isinstance(told, Refused):
        return LimitOutcome("REJECTED", f"{told.code}: {told.description}")
    status = told.payload.get("status")
    if status == ChargingProfileStatus.accepted:
        return LimitOutcome("ACCEPTED")
    if status in (ChargingProfileStatus.rejected, ChargingProfileStatus.not_supported):
        return LimitOutcome("REJECTED", str(status))
    return LimitOutcome("UNKNOWN", told.problem.description if told.problem else "an answer without a status")


def unit_question(station: Station) -> CallBody | None:
    """Ask an AC station which units it takes and how its lines are fed; a DC station's limits are always W (9.4.2)."""
    if station.level is ChargerLevel.DCFC:
        return None
    return CallBody(Action.get_configuration, {"key": list(_ASKED)})


def unit_from(station: Station, told: Answered | Refused) -> LimitUnit:
    """W where an AC station takes it, else A: what every AC station can, so one that does not say is told A. Where
    the configuration does not know its lines, the station's word counts that each connector has one phase."""
    if station.level is ChargerLevel.DCFC:
        return InWatts()
    values = dict(_values(told)) if isinstance(told, Answered) else {}
    units = {word.strip() for word in values.get(_ASKED[0], "").split(",")}
    if units & _POWER_WORDS:
        return InWatts()
    amps = configured_amps(station)
    configured = all(evse.phases for evse in station.evses)
    return amps if configured or not _one_phase(station, values.get(_ASKED[1], "")) else InAmps(amps.voltage_v, 1)


def settings_calls(station: Station, power: PowerSettings) -> tuple[CallBody, ...]:
    """One ChangeConfiguration per key (9.1 to 9.3). The measurands go twice, the register alone first: a station that
    lacks one of the list refuses all of it.

    A transaction ends when the car is unplugged, so that idle time belongs to it. A tag that was refused gets no energy
    and one that was never told starts nothing while the link is down, because the power books lean on both; nor is a
    tag taken from a cache, which would outlive the visit that made it good.
    """
    measurands = [REGISTER, POWER] + ([STATE_OF_CHARGE] if station.level is ChargerLevel.DCFC else [])
    settings: tuple[tuple[str, str], ...] = (
        (ConfigurationKey.allow_offline_tx_for_unknown_id, "false"),
        (ConfigurationKey.stop_transaction_on_invalid_id, "true"),
        (ConfigurationKey.max_energy_on_invalid_id, "0"),
        (ConfigurationKey.stop_transaction_on_ev_side_disconnect, "true"),
        (ConfigurationKey.meter_value_sample_interval, str(power.meter_interval_s)),
        (ConfigurationKey.meter_values_sampled_data, REGISTER),
        (ConfigurationKey.meter_values_sampled_data, ",".join(measurands)),
        (ConfigurationKey.clock_aligned_data_interval, "0"),
        (ConfigurationKey.authorization_cache_enabled, "false"),
        (ConfigurationKey.local_pre_authorize, "false"),
        (ConfigurationKey.local_auth_list_enabled, "true"),
        (ConfigurationKey.local_authorize_offline, "true"),
    )
    return tuple(CallBody(Action.change_configuration, {"key": key, "value": value}) for key, value in settings)


def _undisputed(limit: float) -> float:
    """The highest limit up to this one that every station finds to be a multiple of 0.1, as the schema of 1.6 asks.
    Validators that divide in binary find that 15.2 is none (it gives 151.99999999999997) and refuse a third of all
    amperages with one decimal; two in a row at most."""
    tenths = round(limit * 10)
    return next((n / 10 for n in range(tenths, -1, -1) if (n / 10 / 0.1).is_integer()), 0.0) if limit % 1 else limit


def _values(told: Answered) -> Iterable[tuple[str, str]]:
    found = told.payload.get("configurationKey")
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield str(item.get("key", "")), str(item.get("value", ""))


def _one_phase(station: Station, rotation: str) -> bool:
    """ConnectorPhaseRotation (9.1.8) is ``0.RST, 1.NotApplicable, ...``; all connectors must be told."""
    of = dict(part.strip().split(".", 1) for part in rotation.split(",") if "." in part)
    return all(of.get(str(evse.evse_id), "").strip() == _ONE_PHASE for evse in station.evses)
