"""What an EV draws and how its battery fills."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.simulator.electrics import HOUR_MS, Car, cap_w, charge, draws_w, time_to_full_ms

EMPTY = Car(capacity_wh=50_000, stored_wh=10_000, wanted_wh=50_000, max_w=20_000)


def test_without_a_limit_an_outlet_gives_its_rating() -> None:
    assert cap_w(None, 7_200, 1_440) == 7_200


def test_a_limit_below_the_rating_counts_and_one_above_does_not() -> None:
    assert cap_w(3_000, 7_200, 1_440) == 3_000
    assert cap_w(9_000, 7_200, 1_440) == 7_200


def test_below_its_minimum_an_outlet_gives_nothing() -> None:
    assert cap_w(1_439, 7_200, 1_440) == 0
    assert cap_w(0, 7_200, 0) == 0


def test_a_car_draws_no_more_than_it_is_given_and_no_more_than_it_takes() -> None:
    assert draws_w(EMPTY, 7_200) == 7_200
    assert draws_w(EMPTY, 150_000) == 20_000


def test_above_80_percent_a_car_takes_less_down_to_a_tenth() -> None:
    assert replace(EMPTY, stored_wh=40_000).accepts_w == pytest.approx(20_000)
    assert replace(EMPTY, stored_wh=45_000).accepts_w == pytest.approx(11_000)
    assert replace(EMPTY, stored_wh=49_999.9).accepts_w == pytest.approx(2_000, rel=1e-3)


def test_a_car_that_has_what_its_driver_wanted_takes_nothing() -> None:
    assert replace(EMPTY, stored_wh=30_000, wanted_wh=30_000).accepts_w == 0


def test_energy_is_power_times_time_below_the_taper() -> None:
    assert charge(EMPTY, 10_000, HOUR_MS).stored_wh == pytest.approx(20_000)


def test_charging_stops_at_what_was_wanted() -> None:
    assert charge(replace(EMPTY, wanted_wh=15_000), 10_000, 5 * HOUR_MS).stored_wh == 15_000


def test_no_power_takes_forever() -> None:
    assert time_to_full_ms(EMPTY, 0) is None


def test_state_of_charge_is_whole_percent() -> None:
    assert EMPTY.soc_pct == 20


cars = st.builds(
    lambda capacity, stored, wanted, max_w: Car(capacity, capacity * stored, capacity * max(stored, wanted), max_w),
    st.floats(10_000, 150_000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(3_000, 250_000),
)
powers = st.floats(0, 350_000)
times_ms = st.floats(0, 20 * HOUR_MS)


@given(cars, powers, times_ms, times_ms)
def test_charging_in_two_steps_is_charging_in_one(car: Car, given_w: float, first_ms: float, then_ms: float) -> None:
    stepped = charge(charge(car, given_w, first_ms), given_w, then_ms)
    assert stepped.stored_wh == pytest.approx(charge(car, given_w, first_ms + then_ms).stored_wh, rel=1e-6, abs=1e-3)


@given(cars, powers, times_ms)
def test_a_battery_never_gets_more_than_it_was_given_or_wanted(car: Car, given_w: float, duration_ms: float) -> None:
    got_wh = charge(car, given_w, duration_ms).stored_wh - car.stored_wh
    assert -1e-6 <= got_wh <= min(given_w, car.max_w) * duration_ms / HOUR_MS + 1e-3
    assert got_wh <= car.wanted_wh - car.stored_wh + 1e-3


@given(cars, st.floats(1_000, 350_000))
def test_a_car_is_full_when_it_was_said_to_be(car: Car, given_w: float) -> None:
    full_ms = time_to_full_ms(car, given_w)
    assert full_ms is not None
    assert charge(car, given_w, full_ms + 1).full
    if full_ms > 60_000:
        assert not charge(car, given_w, full_ms - 60_000).full
