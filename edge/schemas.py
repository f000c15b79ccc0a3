"""The JSON schemas that the ``ocpp`` package ships, compiled once to the validators of the OCPP framework.

The package's own validator takes over a millisecond for a message; the same schemas compiled take microseconds.
What they lack is found at start, not when a station sends the message.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import jsonschema_rs
from ocpp.v16.enums import Action as ActionV16
from ocpp.v201.enums import Action

from edge.ocpp import v16, v201
from edge.ocpp.rpc import Dialect, ErrorCode, Problem, Validator

ACTIONS_V201 = 64
"""What OCPP 2.0.1 defines (part 2, chapter 1); each has a request and a response."""
ACTIONS_V16 = 39
"""OCPP 1.6 (chapter 4 and 5), 28, and the 11 of its security extension."""

_CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        "additionalProperties": ErrorCode.FORMAT_VIOLATION,
        "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "enum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        "maxLength": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        "minimum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        "maximum": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    }
)
"""Which word of part 4, 4.3 says that a keyword of the schema was broken; for any other keyword, FormatViolation."""

_CODES_V16: Mapping[ErrorCode, str] = MappingProxyType(
    {
        ErrorCode.FORMAT_VIOLATION: "FormationViolation",
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
        ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "GenericError",
        ErrorCode.RPC_FRAMEWORK_ERROR: "GenericError",
    }
)
"""How OCPP-J 1.6 (4.2.3) spells the codes, and what it says where it has none."""
_READINGS = ("transactionData", "meterValue")
_READING_WORDS = ("measurand", "unit", "phase", "location", "context")

WORDS_MAX = 255
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BootNotification": (
            "chargePointSerialNumber",
            "chargeBoxSerialNumber",
            "firmwareVersion",
            "iccid",
            "imsi",
            "meterType",
            "meterSerialNumber",
        ),
        "StatusNotification": ("errorCode", "info", "vendorErrorCode"),
        "StopTransaction": ("idTag", "reason"),
    }
)
"""What only describes, by the 1.6 message that it stands in."""
_REGISTERS = ("meterStart", "meterStop")

_MASK = "the value"
"""Stands for what a station sent in the words of a problem: those are logged, and a value may name a person."""


class SchemaSetError(RuntimeError):
    """The installed ``ocpp`` package does not ship the schemas that this version of the product was built on."""


@cache
def v201_dialect() -> Dialect:
    """All of OCPP 2.0.1. Raises SchemaSetError when the package lacks an action, a schema, or knows another one than
    the table of ``edge/ocpp/v201.py``."""
    actions = [str(action) for action in Action]
    if len(set(actions)) != ACTIONS_V201:
        raise SchemaSetError(f"the ocpp package has {len(set(actions))} actions of OCPP 2.0.1, not {ACTIONS_V201}")
    if unknown := set(v201.HANDLERS) - set(actions):
        raise SchemaSetError(f"the ocpp package does not know {', '.join(sorted(unknown))}")
    return Dialect(
        requests={action: _compiled("ocpp.v201", f"{action}Request") for action in actions},
        responses={action: _compiled("ocpp.v201", f"{action}Response") for action in actions},
        from_station=frozenset(str(action) for action in v201.HANDLERS),
    )


@cache
def v16_dialect() -> Dialect:
    """All of OCPP 1.6 with the security extension. Raises SchemaSetError as ``v201_dialect`` does."""
    actions = [str(action) for action in ActionV16]
    if len(set(actions)) != ACTIONS_V16:
        raise SchemaSetError(f"the ocpp package has {len(set(actions))} actions of OCPP 1.6, not {ACTIONS_V16}")
    if unknown := set(v16.HANDLERS) - set(actions):
        raise SchemaSetError(f"the ocpp package does not know {', '.join(sorted(unknown))}")
    return Dialect(
        requests={action: _compiled("ocpp.v16", action) for action in actions},
        responses={action: _compiled("ocpp.v16", f"{action}Response") for action in actions},
        from_station=frozenset(str(action) for action in v16.HANDLERS),
        codes=_CODES_V16,
    )


def _with_any_reading(schema: dict[str, Any]) -> dict[str, Any]:
    """A 1.6 schema whose readings may be of anything: stations invent measurands and units, and a stop that came with
    such a reading would be lost with the energy that it bills. What cannot be read is passed over later."""
    for name in _READINGS:
        if (told := schema.get("properties", {}).get(name)) is not None:
            sampled = told["items"]["properties"]["sampledValue"]["items"]["properties"]
            for word in _READING_WORDS:
                sampled[word] = {"type": "string"}
    return schema


def _with_any_words(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A 1.6 schema that lets a station describe itself, its errors and a stop in more words than the specification has,
    and its register in parts of a watt-hour: makers write serial numbers of 34 characters and errors of their own.
    Such a station would never come up, its connector be free when it is not, the energy of its stop be lost."""
    for word in _WORDS.get(name, ()):
        schema["properties"][word] = {"type": "string", "maxLength": WORDS_MAX}
    for register in _REGISTERS:
        if register in schema.get("properties", {}):
            schema["properties"][register] = {"type": "number"}
    return schema


def _compiled(package: str, name: str) -> Validator:
    try:
        text = (resources.files(package) / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig")
        # Formats are not judged: a timestamp that cannot be read costs a transaction message its time, not its energy.
        schema = json.loads(text)
        if package == "ocpp.v16":
            schema = _with_any_words(name, _with_any_reading(schema))
        validator = jsonschema_rs.validator_for(schema, validate_formats=False, mask=_MASK)
    except (OSError, ValueError) as error:
        raise SchemaSetError(f"the ocpp package's schema {name} cannot be used: {error}") from error
    return _judge(validator.validate)


def _judge(validate: Callable[[object], None]) -> Validator:
    def judge(payload: object) -> Problem | None:
        try:
            validate(payload)
        except jsonschema_rs.ValidationError as error:
            where = "/".join(str(step) for step in error.instance_path) or "the payload"
            code = _CODES.get(error.kind.name, ErrorCode.FORMAT_VIOLATION)
            return Problem(code, f"{where}: {error.message}", {"at": where, "rule": error.kind.name})
        return None

    return judge
