"""Meter readings as plain dicts. Nine in ten events of a long backlog are readings, of which the cloud keeps the newest
of each transaction, and a dict is checked and made in a third of the time that the event takes.
"""

from typing import Any, Final, TypeAlias

from pydantic_core import SchemaValidator, core_schema

from shared.events import EnergyMetered

READING: Final = "EnergyMetered"
"""The type of event that is read so."""

Reading: TypeAlias = dict[str, Any]
"""What an EnergyMetered says, without its type, and without what the station left out (see ``reading_of``)."""


def _fields_alone() -> SchemaValidator:
    """The event's own schema of each field, so that a reading is refused or read as the event would be."""
    of_event: dict[str, Any] = EnergyMetered.__pydantic_core_schema__["schema"]["fields"]
    fields = {}
    for name in sorted(of_event.keys() - {"type"}):
        schema = of_event[name]["schema"]
        may_be_left_out = schema["type"] == "default"
        fields[name] = core_schema.typed_dict_field(
            schema["schema"] if may_be_left_out else schema, required=not may_be_left_out
        )
    return SchemaValidator(core_schema.typed_dict_schema(fields, cls_name=READING))


_validator = _fields_alone()


def read_reading(body: dict[str, Any]) -> Reading:
    """The reading in an event's body. Raises pydantic.ValidationError."""
    reading: Reading = _validator.validate_python(body)
    return reading


def reading_of(event: EnergyMetered) -> Reading:
    """The same of an event that is read already; what the station left out is there, as its default."""
    return vars(event)
