"""How instants, durations and amounts are said to people."""

import pytest

from cloud.notifications.rules import duration, local_time
from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS

FALL_BACK_MS = 1_793_509_200_000
"""2026-11-01 05:00 UTC: 1 AM in New York for the first time; an hour later it is 1 AM again."""


@pytest.mark.parametrize(
    ("of_ms", "words"),
    [
        (0, "0 min"),
        (59_999, "0 min"),
        (12 * MINUTE_MS, "12 min"),
        (2 * HOUR_MS + 5 * MINUTE_MS, "2 h 05 min"),
        (DAY_MS, "1 day 0 h 00 min"),
        (3 * DAY_MS + HOUR_MS, "3 days 1 h 00 min"),
        (-5, "0 min"),
    ],
)
def test_a_duration_is_said_in_whole_minutes(of_ms: int, words: str) -> None:
    assert duration(of_ms) == words


def test_the_hour_that_comes_twice_is_told_apart_by_its_zone() -> None:
    first, second = (local_time(FALL_BACK_MS + n * HOUR_MS, "America/New_York") for n in (0, 1))
    assert first == "Sunday, November 1, 2026, 1:00 AM EDT"
    assert second == "Sunday, November 1, 2026, 1:00 AM EST"
