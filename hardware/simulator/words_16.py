"""What a simulated station means, which thinks in OCPP 2.0.1, in the words of 1.6, and the other way round. Pure."""

from typing import Any

from hardware.simulator.memory import Fields
from hardware.simulator.outlet import Outlet

STOPPED_REASONS = {"ImmediateReset": "SoftReset"}
MAX_16, MAX = "ChargePointMaxProfile", "ChargingStationMaxProfile"


def status_of(outlet: Outlet) -> str:
    """The status of a connector (1.6 4.9)."""
    if outlet.car is None:
        return outlet.connector_status
    if outlet.transaction is None:
        return "Preparing"
    return outlet.state.value if outlet.transaction.allowed else "Finishing"


def register_wh(meter_value: Fields) -> int:
    """The register of a meter value."""
    values = [x["value"] for x in meter_value["sampled_value"] if x["measurand"] == "Energy.Active.Import.Register"]
    return int(values[0])


def meter_value(told: Fields) -> Fields:
    """A meter value: in 1.6 numbers are text, and units stand beside them."""
    sampled = [
        {
            "value": str(x["value"]),
            "measurand": x["measurand"],
            "context": x["context"],
            "unit": x["unit_of_measure"]["unit"],
        }
        for x in told["sampled_value"]
    ]
    return {"timestamp": told["timestamp"], "sampled_value": sampled}


def profile_request(request: Fields, transaction_name: str | None) -> Fields:
    """A SetChargingProfile of 1.6 as the station takes it; ``transaction_name`` is whose number it carries."""
    told: Fields = request["cs_charging_profiles"]
    purpose = told["charging_profile_purpose"]
    # The package reads these limits as decimals, which no journal can say.
    periods = [{**x, "limit": float(x["limit"])} for x in told["charging_schedule"]["charging_schedule_period"]]
    schedule = {**told["charging_schedule"], "id": told["charging_profile_id"], "charging_schedule_period": periods}
    profile: Fields = {
        "id": told["charging_profile_id"],
        "charging_profile_purpose": MAX if purpose == MAX_16 else purpose,
        "charging_schedule": [schedule],
    }
    same = ("stack_level", "charging_profile_kind", "valid_from", "valid_to")
    profile |= {name: told[name] for name in same if name in told}
    if transaction_name is not None:
        profile["transaction_id"] = transaction_name
    return {"evse_id": request["connector_id"], "charging_profile": profile}


def clear_request(request: Fields) -> Fields:
    """A ClearChargingProfile of 1.6 as the station takes it."""
    if "id" in request:
        return {"charging_profile_id": request["id"]}
    names = {
        "connector_id": "evse_id",
        "charging_profile_purpose": "charging_profile_purpose",
        "stack_level": "stack_level",
    }
    criteria = {mine: request[theirs] for theirs, mine in names.items() if theirs in request}
    if criteria.get("charging_profile_purpose") == MAX_16:
        criteria["charging_profile_purpose"] = MAX
    return {"charging_profile_criteria": criteria}


def status_only(answer: Fields, **renamed: str) -> dict[str, Any]:
    """An answer's status alone, in 1.6's spelling; its reason has no place there."""
    status = answer["status"]
    if status == "Rejected" and answer.get("status_info", {}).get("reason_code") == "NotSupported":
        status = renamed.get("unsupported", status)
    return {"status": renamed.get(status, status)}
