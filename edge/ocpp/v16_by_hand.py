"""OCPP 1.6: which messages a person may not send to a station, because the power books would not know.

As in ``v201_by_hand``: a ChargePointMaxProfile can only lower what a station gives (3.13.1), so it may be set by hand;
the keys that keep refused and unknown tags from energy stay as they were set.
"""

from ocpp.v16.enums import Action, ChargingProfilePurposeType, ConfigurationKey

from edge.ocpp.rpc import Payload
from edge.ocpp.v16_security import PASSWORD
from edge.ocpp.v201_calls import profile_ids
from shared.facilities import Station

_HARMLESS = ChargingProfilePurposeType.charge_point_max_profile
_LEANT_ON = frozenset(
    key.casefold()
    for key in (
        ConfigurationKey.allow_offline_tx_for_unknown_id,
        ConfigurationKey.stop_transaction_on_invalid_id,
        ConfigurationKey.max_energy_on_invalid_id,
    )
)


def why_not(station: Station, action: str, payload: Payload) -> str | None:
    """The reason, for the person; None when the message may be sent."""
    match action:
        case Action.set_charging_profile:
            return _set(station, payload["csChargingProfiles"])
        case Action.clear_charging_profile:
            return _clear(station, payload)
        case Action.change_configuration if payload["key"].casefold() == PASSWORD.casefold():
            return f"{PASSWORD} is set by its own operation, so that the new password is known here"
        case Action.change_configuration if payload["key"].casefold() in _LEANT_ON:
            return f"{payload['key']} decides who gets energy without a word from here, which the power books rely on"
        case Action.remote_start_transaction if "chargingProfile" in payload:
            return "a start with a chargingProfile sets a limit that the power books do not know: leave it out"
    return None


def _set(station: Station, profile: Payload) -> str | None:
    if profile["chargingProfilePurpose"] != _HARMLESS:
        return f"only a {_HARMLESS} may be set by hand: limits of connectors are set by their own operation"
    if profile["chargingProfileId"] in profile_ids(station):
        return f"profile id {profile['chargingProfileId']} is one of the power books' own: choose another"
    return None


def _clear(station: Station, payload: Payload) -> str | None:
    """5.4: with an id only that profile goes; else whatever fits all that is named."""
    if "id" in payload and payload["id"] not in profile_ids(station):
        return None
    if "id" not in payload and payload.get("chargingProfilePurpose") == _HARMLESS:
        return None
    return f"this would clear limits that the power books count on: name another profile's id, or purpose {_HARMLESS}"
