"""The times of a transaction when our clock is moved while it runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rules import own_time
from edge.rules.own_time import BEHIND_MS, FAST_MS
from edge.rules.state import StationState

HOUR_MS = 3_600_000
BEGAN_MS = 1_800_000_000_000


def own_ms(steps_ms, at_ms, now_ms, *, behind_ms=0, kept_behind_ms=None):
    kept = kept_behind_ms is not None
    station = StationState(behind_ms=behind_ms, kept_behind_ms=kept_behind_ms or 0)
    return own_time.own_ms(at_ms, now_ms, steps_ms=steps_ms, station=station, kept=kept)


def test_without_a_step_a_time_is_what_it_says():
    assert own_ms((), BEGAN_MS - HOUR_MS, BEGAN_MS) == BEGAN_MS - HOUR_MS
    assert own_ms((), BEGAN_MS + FAST_MS, BEGAN_MS) == BEGAN_MS + FAST_MS


@pytest.mark.parametrize("off_ms", [FAST_MS + 1, -BEHIND_MS - 1])
def test_a_time_that_can_be_of_no_clock_is_none(off_ms):
    assert own_ms((), BEGAN_MS + off_ms, BEGAN_MS) is None
    assert own_ms((), BEGAN_MS + off_ms, BEGAN_MS, kept_behind_ms=0) is None


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS])
def test_what_a_station_kept_is_of_the_clock_that_it_came_back_with(by_ms):
    wrote_ms = BEGAN_MS - 4 * HOUR_MS
    assert own_ms((), wrote_ms - by_ms, BEGAN_MS, kept_behind_ms=by_ms) == wrote_ms


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS])
def test_a_station_that_does_not_know_of_a_step_from_before_a_charge_is_behind_by_it(by_ms):
    assert own_ms((), BEGAN_MS - by_ms, BEGAN_MS, behind_ms=by_ms) == BEGAN_MS


def test_a_station_with_a_clock_of_its_own_is_believed_when_ours_puts_what_it_kept_ahead():
    assert own_ms((), BEGAN_MS - HOUR_MS, BEGAN_MS, kept_behind_ms=3 * HOUR_MS) == BEGAN_MS - HOUR_MS


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
    found_ms = own_ms(steps, told_ms, now_ms)
    assert found_ms is None or found_ms <= BEGAN_MS + HOUR_MS + FAST_MS
