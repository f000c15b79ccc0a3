"""How much a station takes in one message, and calls cut to that.

Stations of OCPP 2.0.1 declare it as ItemsPerMessage and BytesPerMessage (B05, B06, B08, D01, N04, N06), those of 1.6
as GetConfigurationMaxKeys and SendLocalListMaxLength (9.1, 9.2). What a station does not declare is tried whole, and
cut in two when the station says that it is too much.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from edge.ocpp.notes import VALUE, VARIABLE_ATTRIBUTE
from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.version import CallBody, Listing

ENVELOPE_BYTES = 100
"""What a frame has around the payload: the message id, the action and punctuation."""
SEPARATOR_BYTES = 2
"""Between two items of a list."""
_TOO_MUCH = frozenset(
    (
        "FormatViolation",
        "FormationViolation",
        "OccurenceConstraintViolation",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
    )
)
"""What stations answer to a list that is too long (B06.FR.16 on), in the spellings of both versions."""


@dataclass(frozen=True, slots=True)
class Room:
    """The most of one message; None is not known."""

    items_max: int | None = None
    bytes_max: int | None = None


def declared(body: Mapping[str, Any], characteristic: str = "") -> int | None:
    """The number that a variable of a station tells: its value, or one of its characteristics (2.0.1). None when it
    tells none that can be."""
    if characteristic:
        told = (body.get("variableCharacteristics") or {}).get(characteristic)
    else:
        actual = (x for x in body.get(VARIABLE_ATTRIBUTE, ()) if x.get("type", "Actual") == "Actual")
        told = next(actual, body).get(VALUE)
    try:
        number = int(float(str(told)))
    except (ValueError, OverflowError):
        return None
    return number if number >= 0 else None


def parts(body: CallBody, listing: Listing, room: Room) -> tuple[CallBody, ...]:
    """A call as one or more that each fit. A single item goes whatever its length: nothing smaller can be sent."""
    items = body.payload.get(listing.asked)
    if not isinstance(items, list) or len(items) < 2:
        return (body,)
    around_bytes = _bytes(_with(body, listing, []).payload) + ENVELOPE_BYTES
    found: list[list[Any]] = []
    used_bytes = 0
    for item in items:
        item_bytes = _bytes(item) + SEPARATOR_BYTES
        if not found or not _fits(len(found[-1]) + 1, used_bytes + item_bytes, room):
            found.append([])
            used_bytes = around_bytes
        found[-1].append(item)
        used_bytes += item_bytes
    return tuple(_with(body, listing, some) for some in found)


def halves(body: CallBody, listing: Listing | None, told: Answered | Refused) -> tuple[CallBody, ...]:
    """What to send in the place of a call that was refused as too much; empty when there is nothing smaller."""
    items = body.payload.get(listing.asked) if listing is not None else None
    too_much = isinstance(told, Refused) and told.code in _TOO_MUCH
    if listing is None or not too_much or not isinstance(items, list) or len(items) < 2:
        return ()
    middle = len(items) // 2
    return _with(body, listing, items[:middle]), _with(body, listing, items[middle:])


def joined(answers: Sequence[Answered]) -> Answered:
    """The answers to the parts of one call as one answer: lists one after another, the status that is worst."""
    payload: Payload = {}
    for name in dict.fromkeys(chain.from_iterable(x.payload for x in answers)):
        told = [x.payload[name] for x in answers if name in x.payload]
        lists = all(isinstance(one, list) for one in told)
        payload[name] = list(chain.from_iterable(told)) if lists else min(told, key=_goodness)
    return replace(answers[0], payload=payload, problem=next((x.problem for x in answers if x.problem), None))


def _goodness(told: object) -> int:
    """Of the parts of a report, one that is empty takes nothing from another that is not (B08)."""
    return {"Accepted": 1, "EmptyResultSet": 2}.get(str(told), 0)


def _fits(items: int, octets: int, room: Room) -> bool:
    items_fit = room.items_max is None or items <= room.items_max
    return items_fit and (room.bytes_max is None or octets <= room.bytes_max)


def _bytes(value: object) -> int:
    return len(json.dumps(value).encode())


def _with(body: CallBody, listing: Listing, items: list[Any]) -> CallBody:
    return replace(body, payload={**body.payload, listing.asked: items})
