"""What is written is read back the same by Python's own reader."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.local.toml_text import toml

text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
tables = st.recursive(st.dictionaries(text, values, max_size=4), lambda inner: st.dictionaries(text, inner, max_size=3))


@given(tables)
def test_reading_gives_back_what_was_written(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml(table)) == table


@pytest.mark.parametrize("value", [None, object(), {1}])
def test_a_value_without_a_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no form in our TOML"):
        toml({"key": value})
