"""OCPP 2.0.1: which messages a person may not send to a station, because the power books would not know.

The books (``edge/rules/books.py``) count the profiles that the rules set: TxDefaultProfile, ids ten times the EVSE and
one more. A ChargingStationMaxProfile can only lower what a station gives (K01: the lowest of the purposes counts), so
it may be set by hand. Everything else that touches profiles, or how a station heeds them, may not.
"""

from ocpp.v201.enums import Action, ChargingProfilePurposeEnumType

from edge.ocpp.rpc import Payload
from edge.ocpp.v201_calls import SMART_CHARGING, profile_ids
from edge.ocpp.v201_security import PASSWORD
from shared.facilities import Station

_LEANT_ON = frozenset(("offlinetxforunknownidenabled", "stoptxoninvalidid", "maxenergyoninvalidid"))
_HARMLESS = ChargingProfilePurposeEnumType.charging_station_max_profile


def why_not(station: Station, action: str, payload: Payload) -> str | None:
    """The reason, for the person; None when the message may be sent."""
    match action:
        case Action.set_charging_profile:
            return _set(station, payload)
        case Action.clear_charging_profile:
            return _clear(station, payload)
        case Action.set_variables:
            return next(filter(None, map(_variable, payload["setVariableData"])), None)
        case Action.request_start_transaction if "chargingProfile" in payload:
            return "a start with a chargingProfile sets a limit that the power books do not know: leave it out"
    return None


def _set(station: Station, payload: Payload) -> str | None:
    profile = payload["chargingProfile"]
    if profile["chargingProfilePurpose"] != _HARMLESS:
        return (
            f"only a {_HARMLESS} may be set by hand: limits of EVSEs are set by their own operation, in the power books"
        )
    if profile["id"] in profile_ids(station):
        return f"profile id {profile['id']} is one of the power books' own: choose another"
    return None


def _clear(station: Station, payload: Payload) -> str | None:
    asked = payload.get("chargingProfileCriteria", {})
    if "chargingProfileId" in payload and payload["chargingProfileId"] not in profile_ids(station):
        return None
    if "chargingProfileId" not in payload and asked.get("chargingProfilePurpose") == _HARMLESS:
        return None
    return f"this would clear limits that the power books count on: name another profile's id, or purpose {_HARMLESS}"


def _variable(item: Payload) -> str | None:
    component, variable = item["component"]["name"], item["variable"]["name"]
    if component.casefold() == SMART_CHARGING.casefold():
        return f"variables of {SMART_CHARGING} decide whether limits are heeded, which the power books rely on"
    if variable.casefold() == PASSWORD.casefold():
        return f"{variable} is set by its own operation, so that the new password is known here"
    if variable.casefold() in _LEANT_ON:
        return f"{variable} decides who gets energy without a word from here, which the power books rely on"
    return None
