"""Meter values that the meter signed, taken out of a message as they stand there.

OCPP 2.0.1 has a place for them (SignedMeterValueType, J01.FR.21). 1.6 has the format SignedData, whose value is the
meter's own text or, as the Open Charge Alliance's note on signed meter values has it, the fields of 2.0.1 as JSON.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ocpp.v16.enums import ValueFormat

from edge.ocpp.metering import REGISTER
from edge.ocpp.rpc import Payload


@dataclass(frozen=True, slots=True)
class SignedValue:
    """``data`` and ``public_key`` are as the station wrote them; ``public_key`` is empty when it came without one."""

    data: str
    encoding: str = ""
    public_key: str = ""


def of_v201(payload: Payload) -> tuple[SignedValue, ...]:
    """Of a TransactionEvent."""
    return tuple(
        SignedValue(one["signedMeterData"], one.get("encodingMethod", ""), one.get("publicKey", ""))
        for sampled in _sampled(payload.get("meterValue", ()))
        if (one := sampled.get("signedMeterValue"))
    )


def of_v16(payload: Payload) -> tuple[SignedValue, ...]:
    """Of a MeterValues or a StopTransaction."""
    told = payload.get("meterValue") or payload.get("transactionData") or ()
    return tuple(_of_text(x["value"]) for x in _sampled(told) if x.get("format") == ValueFormat.signed_data)


def _sampled(meter_values: Any) -> Iterator[Payload]:
    for meter_value in meter_values:
        yield from (x for x in meter_value["sampledValue"] if x.get("measurand", REGISTER) == REGISTER)


def _of_text(text: str) -> SignedValue:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return SignedValue(text)
    if not isinstance(told, dict):
        return SignedValue(text)
    data, encoding, key = (str(told.get(name, "")) for name in ("signedMeterData", "encodingMethod", "publicKey"))
    return SignedValue(data or text, encoding, key)
