"""Names are safe as one topic level and as part of a file name, and plates have one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.ids import Id, Plate, normalise_plate, position_id

ids = TypeAdapter(Id)
plates = TypeAdapter(Plate)


@pytest.mark.parametrize("name", ["a", "boston-downtown", "7", "x" * 64, "hq-1f00"])
def test_an_id_is_lower_case_letters_digits_and_hyphens(name: str) -> None:
    assert ids.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a.b", "a/b", "a+b", "a#", "x" * 65, "a\n", "é"])
def test_an_id_is_refused_when_a_broker_or_a_file_system_could_misread_it(name: str) -> None:
    with pytest.raises(ValidationError):
        ids.validate_python(name)


@pytest.mark.parametrize(
    ("typed", "compared"),
    [("4ab-12 c", "4AB12C"), (" 7xyz890 ", "7XYZ890"), ("4AB12C", "4AB12C"), ("?", ""), ("", ""), ("ß1", "SS1")],
)
def test_a_plate_is_folded_to_the_form_that_is_compared(typed: str, compared: str) -> None:
    assert normalise_plate(typed) == compared


def test_look_alikes_are_not_guessed() -> None:
    assert normalise_plate("O0") != normalise_plate("00")


@given(st.text())
def test_whatever_a_camera_reads_folds_to_a_plate_or_to_nothing_and_folding_twice_changes_nothing(text: str) -> None:
    folded = normalise_plate(text)
    assert folded == "" or plates.validate_python(folded) == folded
    assert normalise_plate(folded) == folded


def test_an_id_from_a_position_is_an_id_and_differs_between_logs_and_positions() -> None:
    names = {position_id(log, seq) for log in ("boston-1f", "boston-2f") for seq in (1, 11)}
    assert len(names) == 4
    assert all(ids.validate_python(name) for name in names)
