"""How instants, durations and amounts are said to people."""

import pytest

from cloud.billing.records import Charge
from cloud.billing.rules import ChargeStatus
from cloud.notifications.rules import duration, local_time, stay
from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS
from tests.builders import NINE_MS, facility

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


def test_a_stay_over_which_the_box_s_clock_was_set_back_is_as_long_as_it_was_priced() -> None:
    charge = Charge(
        charge_id="charge-1",
        session_id="session-1",
        facility_id="test-facility",
        customer_id=None,
        status=ChargeStatus.PAID,
        total_cents=600,
        tax_cents=0,
        quoted_cents=600,
        tariff_versions=("parking/1",),
        entered_ms=NINE_MS,
        priced_until_ms=NINE_MS + 2 * HOUR_MS,
        exited_ms=NINE_MS - HOUR_MS,
        log_id="log",
        seq=9,
        paid_at_ms=NINE_MS,
    )
    assert stay(facility(11_000), charge, "4AB12C").duration == "2 h 00 min"
