"""Cents are integers and half a cent goes away from zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import format_usd, to_cents


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [("2.675", 268), ("0.125", 13), ("0.005", 1), ("0.00499", 0), ("-0.005", -1), ("-2.675", -268), ("30", 3_000)],
)
def test_half_a_cent_rounds_away_from_zero(dollars: str, cents: int) -> None:
    assert to_cents(Decimal(dollars)) == cents


@given(st.decimals(-1_000_000, 1_000_000, places=6))
def test_rounding_moves_by_at_most_half_a_cent_and_treats_both_signs_alike(amount: Decimal) -> None:
    assert abs(Decimal(to_cents(amount)) - amount * 100) <= Decimal("0.5")
    assert to_cents(-amount) == -to_cents(amount)


@given(st.integers(-(10**12), 10**12))
def test_whole_cents_stay_what_they_are(cents: int) -> None:
    assert to_cents(Decimal(cents) / 100) == cents


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (-5, "-$0.05"), (123_456_789, "$1,234,567.89"), (-1_234_567, "-$12,345.67")],
)
def test_people_read_dollars_always_with_cents(cents: int, text: str) -> None:
    assert format_usd(cents) == text
