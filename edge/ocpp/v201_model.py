"""OCPP 2.0.1: the device model, as far as a station's answers tell of it, and what of it bounds our own messages."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from ocpp.v201.enums import Action, AttributeEnumType, GetVariableStatusEnumType, SetVariableStatusEnumType

from edge.ocpp.masking import is_secret
from edge.ocpp.notes import VALUE, VARIABLE_ATTRIBUTE, Change, ForgetOne, Kind, Note, Revise
from edge.ocpp.rpc import Payload
from edge.ocpp.version import Bounds, CallBody, Listing

_DEVICE_DATA, _MONITORING, _LOCAL_LIST = "DeviceDataCtrlr", "MonitoringCtrlr", "LocalAuthListCtrlr"
_PER_MESSAGE = _ITEMS, _BYTES = "ItemsPerMessage", "BytesPerMessage"


def _listing(asked: str, component: str, action: str) -> Listing:
    return Listing(asked, items=f"{component}.{_ITEMS}({action})", octets=f"{component}.{_BYTES}({action})")


LISTINGS: Mapping[str, Listing] = MappingProxyType(
    {
        Action.get_variables: _listing("getVariableData", _DEVICE_DATA, "GetVariables"),
        Action.set_variables: _listing("setVariableData", _DEVICE_DATA, "SetVariables"),
        Action.get_report: _listing("componentVariable", _DEVICE_DATA, "GetReport"),
        Action.set_variable_monitoring: _listing("setMonitoringData", _MONITORING, "SetVariableMonitoring"),
        Action.clear_variable_monitoring: _listing("id", _MONITORING, "ClearVariableMonitoring"),
    }
)
BOUNDS = Bounds(
    list_items=f"{_LOCAL_LIST}.{_ITEMS}",
    list_octets=f"{_LOCAL_LIST}.{_BYTES}",
    list_entries=(f"{_LOCAL_LIST}.Entries", "maxLimit"),
    stack_level="SmartChargingCtrlr.ProfileStackLevel",
    profiles=("SmartChargingCtrlr.Entries(ChargingProfiles)", "maxLimit"),
)


def bounds_question() -> CallBody:
    """Ask for all that bounds our messages; a station that reports it anyway answers nothing new."""
    wanted = [(_DEVICE_DATA, name, of) for of in ("GetVariables", "SetVariables", "GetReport") for name in _PER_MESSAGE]
    wanted += [(_LOCAL_LIST, name, "") for name in _PER_MESSAGE]
    wanted.append(("SmartChargingCtrlr", "ProfileStackLevel", ""))
    asked = [
        {"component": {"name": component}, "variable": {"name": name, **({"instance": of} if of else {})}}
        for component, name, of in wanted
    ]
    return CallBody(Action.get_variables, {"getVariableData": asked})


def variable_key(reported: Mapping[str, Any]) -> str:
    """How a variable is named within its station: ``EVSE[1].Power``, ``Connector[1.2].Available``, with instances in
    parentheses."""
    component, variable = reported["component"], reported["variable"]
    evse = component.get("evse") or {}
    place = ".".join(str(evse[name]) for name in ("id", "connectorId") if name in evse)
    return f"{_named(component)}{f'[{place}]' if place else ''}.{_named(variable)}"


def attribute(told: Mapping[str, Any], value: str, kind: str = AttributeEnumType.actual) -> Revise:
    """A value of one variable, as it was said last; all else that is known of the variable stays."""
    about = {"component": told["component"], "variable": told["variable"]}
    shown = "" if is_secret(told["variable"]["name"]) else value
    return Revise(Kind.VARIABLE, variable_key(told), partial(_revised, about=about, kind=str(kind), value=shown))


def _revised(before: Mapping[str, Any], *, about: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any]:
    known = {x.get("type", str(AttributeEnumType.actual)): x for x in before.get(VARIABLE_ATTRIBUTE, ())}
    known[kind] = {**known.get(kind, {"type": kind}), VALUE: value}
    return {**before, **about, VARIABLE_ATTRIBUTE: list(known.values())}


def reported(told: Mapping[str, Any]) -> Note:
    """A variable of a report (B07), without the value of one that is a secret."""
    if not is_secret(told["variable"]["name"]):
        return Note(Kind.VARIABLE, variable_key(told), told)
    blank = [{name: x for name, x in one.items() if name != VALUE} for one in told.get(VARIABLE_ATTRIBUTE, ())]
    return Note(Kind.VARIABLE, variable_key(told), {**told, VARIABLE_ATTRIBUTE: blank})


def told(body: CallBody, answer: Payload) -> tuple[Change, ...]:
    """What an answer says of the station: variables read (B06) and set (B05), monitors set (N04) and cleared (N06)."""
    match body.action:
        case Action.get_variables:
            read = [
                x for x in answer["getVariableResult"] if x["attributeStatus"] == GetVariableStatusEnumType.accepted
            ]
            return tuple(attribute(x, x.get("attributeValue", ""), _kind(x)) for x in read)
        case Action.set_variables:
            values = {(variable_key(x), _kind(x)): x["attributeValue"] for x in body.payload["setVariableData"]}
            return tuple(
                attribute(x, values[variable_key(x), _kind(x)], _kind(x))
                for x in answer["setVariableResult"]
                if x["attributeStatus"] == SetVariableStatusEnumType.accepted and (variable_key(x), _kind(x)) in values
            )
        case Action.set_variable_monitoring:
            return _monitors(body.payload["setMonitoringData"], answer["setMonitoringResult"])
        case Action.clear_variable_monitoring:
            gone = [x["id"] for x in answer["clearMonitoringResult"] if x["status"] in ("Accepted", "NotFound")]
            return tuple(ForgetOne(Kind.MONITOR, str(number)) for number in gone)
    return ()


def _monitors(asked: list[Payload], set_up: list[Payload]) -> tuple[Change, ...]:
    """An answer says everything of a monitor but its value and whether it lasts for one transaction."""
    wanted = {(variable_key(x), x["type"], x["severity"]): x for x in asked}
    found: list[Change] = []
    for one in set_up:
        known = wanted.get((variable_key(one), one["type"], one["severity"]))
        if one["status"] == "Accepted" and "id" in one and known is not None:
            body = {name: known[name] for name in ("component", "variable", "value", "type", "severity")}
            more = {"id": one["id"], "transaction": known.get("transaction", False)}
            found.append(Note(Kind.MONITOR, str(one["id"]), {**body, **more}))
    return tuple(found)


def _kind(x: Mapping[str, Any]) -> str:
    return str(x.get("attributeType", AttributeEnumType.actual))


def _named(part: Mapping[str, Any]) -> str:
    return f"{part['name']}({part['instance']})" if part.get("instance") else str(part["name"])
