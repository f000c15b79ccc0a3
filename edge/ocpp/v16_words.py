"""OCPP 1.6 said in the words of 2.0.1, which are the words of the rules: statuses, reasons and meter values."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ocpp.v16.enums import AuthorizationStatus, ChargePointStatus, Reason, ValueFormat
from ocpp.v201.enums import ChargingStateEnumType, ConnectorStatusEnumType, ReasonEnumType

from edge.ocpp.metering import REGISTER
from edge.ocpp.rpc import Payload

_Connector = ConnectorStatusEnumType
CONNECTOR_STATUSES: Mapping[str, str] = MappingProxyType(
    {
        ChargePointStatus.available: _Connector.available,
        ChargePointStatus.preparing: _Connector.occupied,
        ChargePointStatus.charging: _Connector.occupied,
        ChargePointStatus.suspended_ev: _Connector.occupied,
        ChargePointStatus.suspended_evse: _Connector.occupied,
        ChargePointStatus.finishing: _Connector.occupied,
        ChargePointStatus.reserved: _Connector.reserved,
        ChargePointStatus.unavailable: _Connector.unavailable,
        ChargePointStatus.faulted: _Connector.faulted,
    }
)
"""Each status of a 1.6 connector (4.9)."""

CHARGING_STATES: Mapping[str, str] = MappingProxyType(
    {
        ChargePointStatus.charging: ChargingStateEnumType.charging,
        ChargePointStatus.suspended_ev: ChargingStateEnumType.suspended_ev,
        ChargePointStatus.suspended_evse: ChargingStateEnumType.suspended_evse,
    }
)
"""The statuses that say how a running transaction fares; Preparing comes before it and Finishing after it."""

STOPPED_REASONS: Mapping[str, str] = MappingProxyType(
    {
        Reason.de_authorized: ReasonEnumType.de_authorized,
        Reason.hard_reset: ReasonEnumType.immediate_reset,
        Reason.soft_reset: ReasonEnumType.immediate_reset,
        Reason.unlock_command: ReasonEnumType.other,
    }
)
"""The reasons that 2.0.1 spells otherwise."""

TAG_STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "Accepted": AuthorizationStatus.accepted,
        "Blocked": AuthorizationStatus.blocked,
        "NoCredit": AuthorizationStatus.blocked,
        "Expired": AuthorizationStatus.expired,
        "ConcurrentTx": AuthorizationStatus.concurrent_tx,
    }
)
"""How a judgement of the rules is told; what 1.6 has no word for is Invalid."""

TAG_MAX = 20
"""An id tag is a CiString20 (7.28). A longer token cannot be said."""
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")


def meter_values(told: Iterable[Payload]) -> list[Payload]:
    """A ``meterValue`` array of 1.6 in the shape of 2.0.1. A value is text there (7.43): one that is no number is left
    out, as is signed data, which only its maker can read."""
    return [
        {"timestamp": one.get("timestamp"), "sampledValue": [_sampled(x) for x in one["sampledValue"] if _is_number(x)]}
        for one in told
    ]


def has_signed_register(told: Iterable[Payload]) -> bool:
    """Whether a meter signed a register among these."""
    samples = (sampled for one in told for sampled in one["sampledValue"])
    return any(x.get("format") == ValueFormat.signed_data and x.get("measurand", REGISTER) == REGISTER for x in samples)


def _is_number(sampled: Payload) -> bool:
    return sampled.get("format") != ValueFormat.signed_data and _NUMBER.fullmatch(sampled["value"]) is not None


def _sampled(sampled: Payload) -> Payload:
    return {**sampled, "value": float(sampled["value"]), "unitOfMeasure": {"unit": sampled.get("unit", "")}}
