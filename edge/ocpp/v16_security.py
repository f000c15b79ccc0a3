"""OCPP 1.6 with the security whitepaper: the renewal of a station's password (A01) and of its certificate (A02)."""

from ocpp.v16.enums import Action, ConfigurationStatus, MessageTrigger

from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.version import CallBody, LimitOutcome

PASSWORD = "AuthorizationKey"  # noqa: S105 - the name of a setting
_TAKEN = (ConfigurationStatus.accepted, ConfigurationStatus.reboot_required)


def password_call(password: str) -> CallBody:
    """A01: the key is written in hexadecimal, and the station takes it up when it connects again."""
    return CallBody(Action.change_configuration, {"key": PASSWORD, "value": password})


def password_outcome(told: Answered | Refused) -> LimitOutcome:
    """Whether the station took it. Without a readable word it may have."""
    if isinstance(told, Refused):
        return LimitOutcome("REJECTED", f"{told.code}: {told.description}")
    if told.problem is not None:
        return LimitOutcome("UNKNOWN", told.problem.description)
    status = told.payload["status"]
    return LimitOutcome("ACCEPTED") if status in _TAKEN else LimitOutcome("REJECTED", status)


def certificate_call(chain: str) -> CallBody:
    """A02."""
    return CallBody(Action.certificate_signed, {"certificateChain": chain})


def signs(_payload: Payload) -> bool:
    """1.6 knows one purpose alone."""
    return True


CERTIFICATE_WANTED = CallBody(
    Action.extended_trigger_message, {"requestedMessage": MessageTrigger.sign_charge_point_certificate}
)
"""A02: makes the station draw a new key and ask for a certificate."""
