"""Events survive their way up through older and newer versions."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.commands import Outcome
from shared.events import KNOWN_TYPES, Entry, Event, PaymentTaken, VehicleEntered, entry, parse_event
from shared.facilities import SpaceKind
from shared.rights import RightKind, RightRef

ENTERED = VehicleEntered(
    session_id="boston-1f-7",
    lane_id="in",
    plate="4AB12C",
    right=RightRef(kind=RightKind.SUBSCRIPTION, right_id="sub-1", customer_id="ada", covers_parking=True),
    space_id="s-1",
    space_kind=SpaceKind.EV,
    is_ev=True,
)


def example(kind: type[Event]) -> Event:
    """An event of a kind with a value in every field, other than its default."""
    return kind(**{name: value(field.annotation) for name, field in kind.model_fields.items() if name != "type"})


def value(annotation: Any) -> Any:
    if get_origin(annotation) in (types.UnionType, Union):
        return value(next(a for a in get_args(annotation) if a is not types.NoneType))
    if get_origin(annotation) is Annotated:
        return value(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return (value(get_args(annotation)[0]),)
    if get_origin(annotation) is dict:
        return {"x": 1}
    if issubclass(annotation, BaseModel) and annotation is not RightRef:
        return annotation(**{name: value(field.annotation) for name, field in annotation.model_fields.items()})
    plain = {str: "x-1", int: 41, bool: True, RightRef: ENTERED.right, SpaceKind: SpaceKind.EV, Outcome: Outcome.DONE}
    return plain[annotation]


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_survives_its_log_with_every_field(kind: type[Event]) -> None:
    event = example(kind)
    written = Entry.model_validate_json(entry(1, 1_000, event).model_dump_json())
    assert parse_event(written) == event
    assert (written.seq, written.at_ms, written.type) == (1, 1_000, kind.__name__)


def test_a_type_is_named_as_its_class_is() -> None:
    assert {kind.__name__ for kind in get_args(Event)} == KNOWN_TYPES


def test_the_body_leaves_out_what_the_entry_or_the_default_says() -> None:
    event = ENTERED.model_copy(update={"is_ev": False, "right": RightRef(kind=RightKind.TICKET)})
    body = entry(1, 0, event).body
    assert "type" not in body
    assert "is_ev" not in body
    assert body["right"] == {"kind": "TICKET"}


def test_a_type_of_a_newer_version_is_kept_as_it_was_written() -> None:
    written = Entry(seq=3, at_ms=5, type="DroneLanded", body={"drone_id": "d-1"})
    assert parse_event(written) is None
    assert Entry.model_validate_json(written.model_dump_json()) == written


def test_a_body_of_an_older_version_reads_with_the_defaults_of_the_new_fields() -> None:
    body = entry(1, 0, ENTERED).body
    del body["is_ev"]
    read = parse_event(Entry(seq=1, at_ms=0, type="VehicleEntered", body=body))
    assert read == ENTERED.model_copy(update={"is_ev": False})


def test_a_field_of_a_newer_version_stays_in_the_entry_though_it_is_not_understood() -> None:
    written = Entry(seq=1, at_ms=0, type="VehicleEntered", body={**entry(1, 0, ENTERED).body, "mood": "good"})
    assert parse_event(written) == ENTERED
    assert Entry.model_validate_json(written.model_dump_json()).body["mood"] == "good"


def test_a_known_type_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValidationError):
        parse_event(Entry(seq=1, at_ms=0, type="VehicleEntered", body={}))


def test_positions_start_at_one() -> None:
    with pytest.raises(ValidationError):
        Entry(seq=0, at_ms=0, type="LaneRestored", body={})


@given(st.integers(1, 2**50), st.integers(0, 2**50), st.integers(-(2**40), 2**40), st.text(max_size=40))
def test_any_amount_and_any_text_survives(seq: int, at_ms: int, cents: int, text: str) -> None:
    event = PaymentTaken(
        session_id="s-1", amount_cents=cents, method="CASH", reference=text, taken_by=text, priced_until_ms=at_ms
    )
    assert parse_event(Entry.model_validate_json(entry(seq, at_ms, event).model_dump_json())) == event
