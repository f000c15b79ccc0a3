"""A reading is what its event says, as a dict: read and refused as the event would be."""

from typing import Any

import pytest
from pydantic import ValidationError

from cloud.link.readings import READING, read_reading, reading_of
from shared.events import EnergyMetered, entry

LEAST = {"station_id": "cs-1", "evse_id": 1, "transaction_id": "t-1", "seq_no": None, "metered_at_ms": 5}
WHOLE = {**LEAST, "seq_no": 3, "register_wh": 7, "power_w": 8, "soc_pct": 9, "signed": True}
REST = {"told_at_ms": 4, "offline": True}
UNFIT = {
    "station_id": "not a name",
    "evse_id": "one",
    "transaction_id": 5,
    "seq_no": 1.5,
    "metered_at_ms": None,
    "register_wh": "many",
    "power_w": [],
    "soc_pct": {},
    "signed": "perhaps",
    "told_at_ms": 0.5,
    "offline": None,
}


@pytest.mark.parametrize("body", [LEAST, WHOLE, {**WHOLE, **REST}])
def test_a_reading_says_what_its_event_says(body: dict[str, Any]) -> None:
    assert read_reading(body) == body
    assert EnergyMetered(**read_reading(body)) == EnergyMetered(**body)


def test_numbers_are_taken_as_the_event_takes_them() -> None:
    body = {**LEAST, "evse_id": "2", "power_w": 7.0}
    assert read_reading(body) == {**LEAST, "evse_id": 2, "power_w": 7}
    assert EnergyMetered(**body) == EnergyMetered(**read_reading(body))


def test_unknown_fields_of_a_newer_edge_and_a_type_are_passed_over() -> None:
    assert read_reading({**LEAST, "type": "EntryRefused", "phase": 3}) == LEAST


@pytest.mark.parametrize("name", sorted(EnergyMetered.model_fields.keys() - {"type"}))
def test_a_field_that_the_event_refuses_is_refused(name: str) -> None:
    body = {**WHOLE, name: UNFIT[name]}
    with pytest.raises(ValidationError, match=READING) as of_event:
        EnergyMetered(**body)
    with pytest.raises(ValidationError, match=READING) as of_reading:
        read_reading(body)
    assert [e["type"] for e in of_reading.value.errors()] == [e["type"] for e in of_event.value.errors()]


@pytest.mark.parametrize("name", sorted(LEAST))
def test_what_the_event_must_say_the_reading_must_say(name: str) -> None:
    with pytest.raises(ValidationError, match="missing"):
        read_reading({key: value for key, value in LEAST.items() if key != name})


def test_an_event_that_is_read_already_is_a_reading_too() -> None:
    event = EnergyMetered(**LEAST, power_w=7)
    told = reading_of(event)
    assert {name: told[name] for name in (*LEAST, "power_w")} == {**LEAST, "power_w": 7}
    assert read_reading(entry(1, 5, event).body).items() <= told.items()
