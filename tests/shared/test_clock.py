"""Lived time follows real time by one timeline; wall-clock time is for people and windows, never for durations."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import DAY_MS, HOUR_MS, REAL_TIME, Clock, Timeline, from_datetime, to_local, to_utc

SPRING_FORWARD_MS = from_datetime(datetime(2026, 3, 8, 7, tzinfo=UTC))
"""America/New_York goes from 01:59:59 to 03:00."""
FALL_BACK_MS = from_datetime(datetime(2026, 11, 1, 6, tzinfo=UTC))
"""America/New_York goes from 01:59:59 back to 01:00."""


def test_real_time_is_the_milliseconds_since_the_epoch() -> None:
    assert REAL_TIME.at_ms(1_700_000_000.25) == 1_700_000_000_250
    assert REAL_TIME.real_s(1_500) == 1.5


def test_a_timeline_lives_so_many_times_faster_from_its_origin() -> None:
    timeline = Timeline(origin_real_s=1_000.0, origin_ms=5_000, speed=60.0)
    assert timeline.at_ms(1_000.0) == 5_000
    assert timeline.at_ms(1_001.0) == 65_000
    assert timeline.real_s(60_000) == 1.0


@given(st.floats(0, 2e9), st.integers(-(2**41), 2**41), st.floats(0.01, 10_000, allow_nan=False, allow_infinity=False))
def test_a_timeline_survives_being_written_and_read(origin_real_s: float, origin_ms: int, speed: float) -> None:
    timeline = Timeline(origin_real_s, origin_ms, speed)
    assert Timeline.parse(str(timeline)) == timeline


def test_no_timeline_is_real_time() -> None:
    assert Timeline.parse("") is REAL_TIME


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "0,0,0", "0,0,-1", "0,0,nan", "0,0,inf", "inf,0,1", "1,2,3,4"])
def test_a_timeline_that_cannot_be_lived_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="origin_real_s,origin_ms,speed"):
        Timeline.parse(text)


def test_a_clock_reads_the_real_clock_it_was_given() -> None:
    readings = iter([10.0, 11.0])
    clock = Clock(Timeline(10.0, 0, 60.0), lambda: next(readings))
    assert (clock.now_ms(), clock.now_ms()) == (0, 60_000)


def test_a_wait_is_in_real_seconds_and_never_negative() -> None:
    clock = Clock(Timeline(0.0, 0, 60.0), lambda: 10.0)
    assert clock.real_s(HOUR_MS) == 60.0
    assert clock.real_s_until(clock.now_ms() + HOUR_MS) == 60.0
    assert clock.real_s_until(0) == 0.0


def test_the_hour_that_does_not_exist_takes_no_time() -> None:
    before, after = (to_local(SPRING_FORWARD_MS + ms, "America/New_York") for ms in (-1, 0))
    assert (before.hour, before.minute) == (1, 59)
    assert (after.hour, after.minute) == (3, 0)


def test_the_hour_that_is_shown_twice_is_two_different_instants() -> None:
    first, second = (to_local(FALL_BACK_MS + ms, "America/New_York") for ms in (-HOUR_MS, 0))
    assert first.replace(tzinfo=None) == second.replace(tzinfo=None)
    assert first.utcoffset() != second.utcoffset()


@given(st.integers(0, 4_000_000_000_000))
def test_an_instant_survives_utc_and_any_zone_to_the_millisecond(at_ms: int) -> None:
    assert from_datetime(to_utc(at_ms)) == at_ms
    assert from_datetime(to_local(at_ms, "America/New_York")) == at_ms
    assert to_utc(at_ms + DAY_MS) > to_utc(at_ms)


def test_a_datetime_without_a_zone_names_no_instant() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        from_datetime(datetime(2026, 3, 8))  # noqa: DTZ001 - the naive value is the point
