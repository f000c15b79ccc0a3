"""The link's pure bits: what a batch says, and the form in which it is stored and told."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from shared.events import Event
from shared.sync import Batch, SyncEntry
from shared.wire import WireError

UNREADABLE = "Unreadable"
"""The type under which something is kept that stands in a facility's log and is not an entry of one."""

_bodies: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants"))
"""NaN stays NaN, which PostgreSQL refuses, instead of becoming a null that nobody wrote."""
_events: TypeAdapter[list[Event]] = TypeAdapter(list[Annotated[Event, Field(discriminator="type")]])

_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Line(NamedTuple):
    """An entry of a facility's log as it is stored. A tuple, since a backlog is made of millions of them."""

    seq: int
    at_ms: int
    type: str
    body: dict[str, Any]


class Told(NamedTuple):
    """An event with its place and instant in the log, as projections are given it."""

    seq: int
    at_ms: int
    event: Event


class Refused(NamedTuple):
    """A line whose body does not fit its type, and what is wrong with it."""

    line: Line
    error: ValidationError


def check_without_gaps(batch: Batch) -> None:
    """Positions of an event batch run from ``after + 1`` to ``upto``. Raises WireError otherwise: storing such a batch
    would leave a hole that nobody ever fills."""
    positions = [e.position for e in batch.entries]
    if positions != list(range(batch.after + 1, batch.upto + 1)):
        raise WireError(
            f"batch of {batch.log_id} should hold {batch.after + 1} to {batch.upto} without gaps,"
            f" holds {len(positions)} entries from {min(positions, default=0)} to {max(positions, default=0)}"
        )


def to_line(written: SyncEntry, received_at_ms: int) -> Line:
    """The log entry at a position. What is none is kept whole as ``Unreadable``, so that the log stays without gaps."""
    position, said = written
    at_ms, kind, body = said.get("at_ms"), said.get("type"), said.get("body")
    if type(at_ms) is int and type(kind) is str and type(body) is dict:
        return Line(position, at_ms, kind, body)
    return unreadable(position, received_at_ms, said)


def unreadable(seq: int, at_ms: int, body: dict[str, Any]) -> Line:
    """Something that cannot be stored as it is (a NUL character, NaN) or is no entry, as its escaped text."""
    return Line(seq, at_ms, UNREADABLE, {"text": json.dumps(body)})


def copy_text(facility_id: str, log_id: str, lines: Sequence[Line]) -> bytes:
    """The lines in the text form of PostgreSQL's COPY. JSON has no raw control characters, so only its backslashes
    need the escape that COPY asks for."""
    rows = []
    to_json, source = _bodies.serializer.to_json, f"{facility_id}\t{log_id}"
    escaped = {kind: kind.translate(_COPY_ESCAPES) for kind in {line.type for line in lines}}
    for seq, at_ms, kind, body in lines:
        json_text = to_json(body).decode().replace("\\", "\\\\")
        rows.append(f"{source}\t{seq}\t{at_ms}\t{escaped[kind]}\t{json_text}\n")
    return "".join(rows).encode()


def read(lines: Sequence[Line], types: frozenset[str]) -> tuple[list[Told], list[Refused]]:
    """The events of those ``types``, in order, and the lines of those types that cannot be read: all in one go, and
    one by one only when something does not fit."""
    wanted = [line for line in lines if line.type in types]
    try:
        events = _events.validate_python([_tagged(line) for line in wanted])
        return [Told(line.seq, line.at_ms, event) for line, event in zip(wanted, events, strict=True)], []
    except ValidationError:
        return _read_one_by_one(wanted)


def _read_one_by_one(lines: Sequence[Line]) -> tuple[list[Told], list[Refused]]:
    told: list[Told] = []
    refused: list[Refused] = []
    for line in lines:
        try:
            (event,) = _events.validate_python([_tagged(line)])
            told.append(Told(line.seq, line.at_ms, event))
        except ValidationError as error:
            refused.append(Refused(line, error))
    return told, refused


def _tagged(line: Line) -> dict[str, Any]:
    return {**line.body, "type": line.type}


def of_types(told: Sequence[Told], types: frozenset[str]) -> list[Told]:
    """Those that a projection asked for, in order."""
    return [t for t in told if t.event.type in types]
