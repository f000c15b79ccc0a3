"""OCPP 1.6: the configuration keys of a station, which are all the device model that it has, and what of them bounds
our own messages (9.1 to 9.4)."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from ocpp.v16.enums import Action, ConfigurationKey, ConfigurationStatus

from edge.ocpp.masking import is_secret
from edge.ocpp.notes import VALUE, Change, Kind, Note, Revise
from edge.ocpp.rpc import Payload
from edge.ocpp.version import Bounds, CallBody, Listing

LISTINGS: Mapping[str, Listing] = MappingProxyType(
    {Action.get_configuration: Listing("key", items=ConfigurationKey.get_configuration_max_keys)}
)
BOUNDS = Bounds(
    list_items=ConfigurationKey.send_local_list_max_length,
    list_entries=(ConfigurationKey.local_auth_list_max_length, ""),
    stack_level=ConfigurationKey.charge_profile_max_stack_level,
    profiles=(ConfigurationKey.max_charging_profiles_installed, ""),
)


def inventory_call(_request_id: int) -> CallBody:
    """Ask for every key at once (5.8); the answer itself is the report."""
    return CallBody(Action.get_configuration, {})


def told(body: CallBody, answer: Payload) -> tuple[Change, ...]:
    """What an answer says of the station: keys read (5.8), and one changed (5.4)."""
    match body.action:
        case Action.get_configuration:
            return tuple(_read(x) for x in answer.get("configurationKey") or ())
        case Action.change_configuration if answer["status"] == ConfigurationStatus.accepted:
            key, value = body.payload["key"], body.payload["value"]
            shown = "" if is_secret(key) else value
            return (Revise(Kind.VARIABLE, key, partial(_revised, value=shown)),)
    return ()


def _read(one: Payload) -> Note:
    key = str(one["key"])
    return Note(Kind.VARIABLE, key, {name: x for name, x in one.items() if name != VALUE or not is_secret(key)})


def _revised(before: Mapping[str, Any], *, value: str) -> Mapping[str, Any]:
    return {**before, VALUE: value}
