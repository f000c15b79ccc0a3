"""Lived time goes on where it stopped and never goes back, whatever ended the last run."""

import time
from datetime import date
from pathlib import Path

import pytest

from provisioning.demo.lived import AHEAD_REAL_S, MEASURED_DAY, LivedTime, morning_of
from provisioning.local.errors import SetupError
from provisioning.local.state import State
from shared.clock import to_local

ZONE = "America/New_York"
FIRST_MS = 1_767_276_000_000


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "s")


def test_the_first_run_begins_where_it_is_told(state: State) -> None:
    lived = LivedTime(state, speed=30, first_ms=FIRST_MS)
    lived.begin()
    assert lived.starts_at_ms == FIRST_MS
    assert 0 <= lived.clock.now_ms() - FIRST_MS < 30_000


def test_before_it_begins_it_is_the_hour_before_and_nothing_is_kept(state: State) -> None:
    lived = LivedTime(state, speed=1000, first_ms=FIRST_MS)
    lived.tend()
    lived.close()
    assert FIRST_MS - 3_600_000 <= lived.clock.now_ms() < FIRST_MS - 3_500_000
    assert state.remembered("lived") is None


def test_a_clean_stop_is_gone_on_from_exactly(state: State) -> None:
    first = LivedTime(state, speed=1000, first_ms=FIRST_MS)
    first.begin()
    time.sleep(0.01)
    first.close()
    stopped_ms = first.clock.now_ms()
    again = LivedTime(state, speed=1, first_ms=0)
    assert FIRST_MS + 10_000 <= again.starts_at_ms <= stopped_ms


def test_after_a_kill_nothing_is_dated_before_what_was_written(state: State) -> None:
    killed = LivedTime(state, speed=60, first_ms=FIRST_MS)
    killed.begin()
    killed.tend()
    written_ms = killed.clock.now_ms() + round(60_000 * (AHEAD_REAL_S - 5) / 1000)  # five seconds after the last tend
    assert LivedTime(state, speed=60, first_ms=0).starts_at_ms > written_ms


def test_a_head_start_lets_others_come_up_before_the_first_instant(state: State) -> None:
    lived = LivedTime(state, speed=60, first_ms=FIRST_MS, head_start_real_s=10)
    lived.begin()
    assert 9 < lived.clock.real_s_until(FIRST_MS) <= 10


def test_a_head_start_is_for_the_first_run_only(state: State) -> None:
    first = LivedTime(state, speed=60, first_ms=FIRST_MS)
    first.begin()
    first.close()
    lived = LivedTime(state, speed=60, first_ms=0, head_start_real_s=10)
    lived.begin()
    assert lived.clock.now_ms() >= lived.starts_at_ms


@pytest.mark.parametrize("kept", [{}, {"at_ms": "x"}, {"at_ms": -1}, {"at_ms": None}])
def test_a_corrupt_memory_says_to_start_over(state: State, kept: dict[str, object]) -> None:
    state.keep("lived", kept)
    with pytest.raises(SetupError, match=r"corrupt .*: start over with --fresh"):
        LivedTime(state, speed=1, first_ms=0)


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), MEASURED_DAY])
def test_a_morning_is_seven_by_the_wall_also_when_clocks_change(day: date) -> None:
    assert f"{to_local(morning_of(day, ZONE), ZONE):%Y-%m-%d %H:%M}" == f"{day} 07:00"


def test_the_measured_day_is_a_workday() -> None:
    assert MEASURED_DAY.weekday() < 5
