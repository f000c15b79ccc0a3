"""OCPP 2.0.1, from the station: what its reports say of it, as notes to be read back and as inputs for the rules."""

from collections.abc import Iterable
from types import MappingProxyType

from edge.ocpp import v201_model
from edge.ocpp.moments import instant
from edge.ocpp.notes import Change, Forget, ForgetOthers, Kind, Note
from edge.ocpp.rpc import Payload
from edge.ocpp.security_events import is_critical
from edge.ocpp.v201_model import attribute
from edge.ocpp.version import Request
from edge.rules.inputs import Input, NeedsReported, ReservationUpdated, SecurityReported, TaskReported

_SECURITY_TEXT_MAX = 255
_FULL_SOC_PCT = 100
_PHASES = MappingProxyType({"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3})


# Notes.


def boot(asked: Request) -> tuple[Change, ...]:
    """B01: who made the station, its serial number and its modem."""
    return (Note(Kind.BOOT, "", {**asked.payload["chargingStation"], "reason": asked.payload["reason"]}),)


def report(asked: Request) -> tuple[Change, ...]:
    """B07: the device model, variable by variable, and how far the report has come."""
    told = asked.payload
    variables = [v201_model.reported(x) for x in told.get("reportData", ())]
    return (*variables, _progress(told))


def monitoring_report(asked: Request) -> tuple[Change, ...]:
    """N02: the monitors that are set, by their ids."""
    told = asked.payload
    found = [
        Note(Kind.MONITOR, str(m["id"]), {"component": x["component"], "variable": x["variable"], **m})
        for x in told.get("monitor", ())
        for m in x["variableMonitoring"]
    ]
    return (*found, _progress(told))


def events(asked: Request) -> tuple[Change, ...]:
    """N07: each event once, however often it is sent, and the value that it tells of its variable."""
    found: list[Change] = []
    for x in asked.payload["eventData"]:
        found += [Note(Kind.EVENT, f"{x['timestamp'][:40]}/{x['eventId']}", x), attribute(x, x["actualValue"])]
    return tuple(found)


def profiles(asked: Request) -> tuple[Change, ...]:
    """K09: the answer to one GetChargingProfiles; a newer request's takes the place of it."""
    told = asked.payload
    about = f"{told['requestId']}/"
    where = {"evseId": told["evseId"], "chargingLimitSource": told["chargingLimitSource"]}
    found = [
        Note(Kind.PROFILE, f"{about}{told['evseId']}/{told['chargingLimitSource']}/{x['id']}", {**where, "profile": x})
        for x in told["chargingProfile"]
    ]
    return (ForgetOthers(Kind.PROFILE, about), *found)


def display_messages(asked: Request) -> tuple[Change, ...]:
    """O03: the messages on the display, of the newest request."""
    told = asked.payload
    about = f"{told['requestId']}/"
    found = [Note(Kind.DISPLAY_MESSAGE, f"{about}{x['id']}", x) for x in told.get("messageInfo", ())]
    return (ForgetOthers(Kind.DISPLAY_MESSAGE, about), *found)


def charging_limit(asked: Request) -> tuple[Change, ...]:
    """K12: a limit that somebody else set at the station, until it is cleared."""
    told = asked.payload
    return (Note(Kind.EXTERNAL_LIMIT, _limit_key(told, told["chargingLimit"]["chargingLimitSource"]), told),)


def cleared_limit(asked: Request) -> tuple[Change, ...]:
    """K13."""
    return (Forget(Kind.EXTERNAL_LIMIT, _limit_key(asked.payload, asked.payload["chargingLimitSource"])),)


def customer(asked: Request) -> tuple[Change, ...]:
    """N09: what the station holds on a customer, in pieces."""
    told = asked.payload
    return (Note(Kind.CUSTOMER, f"{told['requestId']}/{told['seqNo']:06}", told),)


def security(asked: Request) -> tuple[Change, ...]:
    """A04: each event once, however often it is sent."""
    return (Note(Kind.SECURITY, f"{asked.payload['timestamp'][:40]}/{asked.payload['type']}", asked.payload),)


def needs(asked: Request) -> tuple[Change, ...]:
    """K15: what the car said it needs."""
    return (Note(Kind.NEEDS, str(asked.payload["evseId"]), asked.payload),)


def ev_schedule(asked: Request) -> tuple[Change, ...]:
    """K15: the schedule by which the car means to charge."""
    return (Note(Kind.EV_SCHEDULE, str(asked.payload["evseId"]), asked.payload),)


def signed_values(asked: Request) -> tuple[Change, ...]:
    """Meter values that the meter signed (J01.FR.21), as they came: whoever doubts a bill checks these."""
    told = asked.payload
    about = told.get("transactionInfo", {}).get("transactionId") or f"evse-{told.get('evseId', 0)}"
    return tuple(
        Note(Kind.SIGNED_VALUE, f"{about}/{at[:40]}/{sampled.get('context', 'Sample.Periodic')}", sampled)
        for at, sampled in _signed(told.get("meterValue", ()))
    )


def _progress(told: Payload) -> Note:
    about = {name: told[name] for name in ("generatedAt", "seqNo")}
    return Note(Kind.REPORT, str(told["requestId"]), {**about, "complete": not told.get("tbc", False)})


def _limit_key(told: Payload, source: str) -> str:
    return f"{told.get('evseId', 0)}/{source}"


def _signed(meter_values: Iterable[Payload]) -> Iterable[tuple[str, Payload]]:
    for meter_value in meter_values:
        for sampled in meter_value["sampledValue"]:
            if sampled.get("signedMeterValue"):
                yield meter_value["timestamp"], sampled


# Inputs for the rules.


def security_reported(asked: Request) -> tuple[Input, ...]:
    """A04."""
    told = asked.payload
    at_ms = instant(told["timestamp"], asked.received_at_ms)
    kind, info = told["type"], told.get("techInfo", "")[:_SECURITY_TEXT_MAX]
    return (SecurityReported(asked.station_id, kind, at_ms, critical=is_critical(kind), info=info),)


def firmware_status(asked: Request) -> tuple[Input, ...]:
    """L01. Without a request id it answers a TriggerMessage while nothing is under way (Idle)."""
    return (TaskReported(asked.station_id, "FIRMWARE", asked.payload.get("requestId"), asked.payload["status"]),)


def log_status(asked: Request) -> tuple[Input, ...]:
    """N01."""
    return (TaskReported(asked.station_id, "LOG", asked.payload.get("requestId"), asked.payload["status"]),)


def publish_status(asked: Request) -> tuple[Input, ...]:
    """L03: ``info`` says where the firmware can be fetched from."""
    told = asked.payload
    at = " ".join(told.get("location", ()))[:_SECURITY_TEXT_MAX]
    return (TaskReported(asked.station_id, "PUBLISH_FIRMWARE", told.get("requestId"), told["status"], at),)


def reservation(asked: Request) -> tuple[Input, ...]:
    """H04: Expired or Removed."""
    told = asked.payload
    return (ReservationUpdated(asked.station_id, told["reservationId"], told["reservationUpdateStatus"]),)


def needs_reported(asked: Request) -> tuple[Input, ...]:
    """K15: energy, departure and the most that the car takes, as far as it said so."""
    told = asked.payload["chargingNeeds"]
    ac, dc = told.get("acChargingParameters"), told.get("dcChargingParameters")
    departure = told.get("departureTime")
    departure_ms = instant(departure, asked.received_at_ms) if departure is not None else None
    energy_wh, power_w = _of_ac(ac, told["requestedEnergyTransfer"]) if ac else _of_dc(dc or {})
    return (NeedsReported(asked.station_id, asked.payload["evseId"], energy_wh, departure_ms, power_w),)


def _of_ac(told: Payload, transfer: str) -> tuple[int | None, int | None]:
    power_w = told["evMaxCurrent"] * told["evMaxVoltage"] * _PHASES.get(transfer, 1)
    return _positive(told["energyAmount"]), _positive(power_w)


def _of_dc(told: Payload) -> tuple[int | None, int | None]:
    power_w = told.get("evMaxPower") or told.get("evMaxCurrent", 0) * told.get("evMaxVoltage", 0)
    energy_wh = told.get("energyAmount")
    if energy_wh is None and "evEnergyCapacity" in told and "stateOfCharge" in told:
        full_pct = told.get("fullSoC", _FULL_SOC_PCT)
        energy_wh = told["evEnergyCapacity"] * max(0, full_pct - told["stateOfCharge"]) // _FULL_SOC_PCT
    return _positive(energy_wh), _positive(power_w)


def _positive(value: int | None) -> int | None:
    """None for what is not said; a negative or absurd number says nothing either."""
    return value if value is not None and 0 < value < 10**12 else None
