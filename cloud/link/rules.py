"""The link's pure bits: what a batch says, and the form in which it is stored and told."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from cloud.link.readings import READING, Reading, read_reading
from shared.events import Event
from shared.sync import Batch, SyncEntry
from shared.wire import WireError

UNREADABLE = "Unreadable"
"""The type under which something is kept that stands in a facility's log and is not an entry of one."""

_bodies: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants"))
"""NaN stays NaN, which PostgreSQL refuses, instead of becoming a null that nobody wrote."""
_event: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])

_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Line(NamedTuple):
    """An entry of a facility's log as it is stored. A tuple, since a backlog is made of millions of them."""

    seq: int
    at_ms: int
    type: str
    body: dict[str, Any]


class Told(NamedTuple):
    """An event with its place and instant in the log, as projections are given it; a Reading if it is one."""

    seq: int
    at_ms: int
    type: str
    event: Event | Reading


class Refused(NamedTuple):
    """A line whose body does not fit its type, and what is wrong with it."""

    line: Line
    error: ValidationError


def check_without_gaps(batch: Batch) -> None:
    """Positions of an event batch run from ``after + 1`` to ``upto``. Raises WireError otherwise: storing such a batch
    would leave a hole that nobody ever fills."""
    if len(batch.entries) != batch.upto - batch.after:  # they ascend between these two, as every batch's do
        positions = [e.position for e in batch.entries]
        raise WireError(
            f"batch of {batch.log_id} should hold {batch.after + 1} to {batch.upto} without gaps,"
            f" holds {len(positions)} entries from {min(positions, default=0)} to {max(positions, default=0)}"
        )


def old_upto(entries: Iterable[tuple[int, int]], before_ms: int) -> int | None:
    """Up to where the oldest entries of a log, position and instant each, are older than that; None for none. An entry
    from a time when its box's clock was ahead keeps those after it."""
    last = None
    for seq, at_ms in entries:
        if at_ms >= before_ms:
            break
        last = seq
    return last


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
    to_json, source = _bodies.serializer.to_json, f"{facility_id}\t{log_id}".encode()
    escaped = {kind: kind.translate(_COPY_ESCAPES).encode() for kind in {line.type for line in lines}}
    return b"".join(
        [
            b"%b\t%d\t%d\t%b\t%b\n" % (source, seq, at_ms, escaped[kind], to_json(body).replace(b"\\", b"\\\\"))
            for seq, at_ms, kind, body in lines
        ]
    )


def read(lines: Sequence[Line], types: frozenset[str]) -> tuple[list[Told], list[Refused]]:
    """The events of those ``types``, in order, and the lines of those types that cannot be read."""
    told: list[Told] = []
    refused: list[Refused] = []
    for line in lines:
        seq, at_ms, kind, body = line
        if kind not in types:
            continue
        try:
            event = read_reading(body) if kind == READING else _event.validate_python({**body, "type": kind})
        except ValidationError as error:
            refused.append(Refused(line, error))
        else:
            told.append(Told(seq, at_ms, kind, event))
    return told, refused


def of_types(told: Sequence[Told], types: frozenset[str]) -> list[Told]:
    """Those that a projection asked for, in order."""
    return [t for t in told if t.type in types]
