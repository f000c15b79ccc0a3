"""The times of a transaction when our clock is moved while it runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rules.own_time import FAST_MS, own_ms

HOUR_MS = 3_600_000
BEGAN_MS = 1_800_000_000_000


def test_without_a_step_a_time_is_what_it_says():
    assert own_ms((), BEGAN_MS + HOUR_MS, BEGAN_MS) == BEGAN_MS + HOUR_MS


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS, 60_000, -60_000])
@pytest.mark.parametrize("follows", [True, False])
def test_a_message_of_now_is_of_now_whether_its_station_has_followed_or_not(by_ms, follows):
    passed_ms = 600_000
    now_ms = BEGAN_MS + passed_ms + by_ms
    told_ms = now_ms if follows else BEGAN_MS + passed_ms
    off_ms = own_ms([by_ms], told_ms, now_ms) - (BEGAN_MS + passed_ms)
    assert off_ms == 0


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS])
def test_a_station_whose_clock_is_fast_by_a_minute_is_no_three_hours_late(by_ms):
    now_ms = BEGAN_MS + 600_000 + by_ms
    assert own_ms([by_ms], now_ms + 54_000, now_ms) == BEGAN_MS + 654_000


@given(
    steps=st.lists(st.integers(-5 * HOUR_MS, 5 * HOUR_MS), min_size=1, max_size=4),
    told_ms=st.integers(BEGAN_MS - 20 * HOUR_MS, BEGAN_MS + 20 * HOUR_MS),
)
def test_no_message_is_of_later_than_now_but_for_a_fast_clock(steps, told_ms):
    now_ms = BEGAN_MS + HOUR_MS + sum(steps)
    assert own_ms(steps, told_ms, now_ms) <= BEGAN_MS + HOUR_MS + FAST_MS
