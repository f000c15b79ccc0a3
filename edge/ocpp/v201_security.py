"""OCPP 2.0.1: the renewal of a station's password (A01) and of its certificate (A02)."""

from ocpp.v201.enums import (
    Action,
    AttributeEnumType,
    CertificateSigningUseEnumType,
    MessageTriggerEnumType,
    SetVariableStatusEnumType,
)

from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.version import CallBody, LimitOutcome

COMPONENT, PASSWORD = "SecurityCtrlr", "BasicAuthPassword"
_TAKEN = (SetVariableStatusEnumType.accepted, SetVariableStatusEnumType.reboot_required)
_OURS = CertificateSigningUseEnumType.charging_station_certificate


def password_call(password: str) -> CallBody:
    """A01.FR.02: the station takes a new password up when it connects again."""
    item = {
        "component": {"name": COMPONENT},
        "variable": {"name": PASSWORD},
        "attributeType": AttributeEnumType.actual,
        "attributeValue": password,
    }
    return CallBody(Action.set_variables, {"setVariableData": [item]})


def password_outcome(told: Answered | Refused) -> LimitOutcome:
    """Whether the station took it. Without a readable word it may have."""
    if isinstance(told, Refused):
        return LimitOutcome("REJECTED", f"{told.code}: {told.description}")
    if told.problem is not None:
        return LimitOutcome("UNKNOWN", told.problem.description)
    status = told.payload["setVariableResult"][0]["attributeStatus"]
    return LimitOutcome("ACCEPTED") if status in _TAKEN else LimitOutcome("REJECTED", status)


def certificate_call(chain: str) -> CallBody:
    """A02.FR.04: what was signed goes back with the purpose that it was asked for."""
    return CallBody(Action.certificate_signed, {"certificateChain": chain, "certificateType": _OURS})


def signs(payload: Payload) -> bool:
    """Only a station's own certificate is signed here: one for ISO 15118 needs a V2G authority."""
    return bool(payload.get("certificateType", _OURS) == _OURS)


CERTIFICATE_WANTED = CallBody(
    Action.trigger_message, {"requestedMessage": MessageTriggerEnumType.sign_charging_station_certificate}
)
"""A02.FR.01: makes the station draw a new key and ask for a certificate."""
