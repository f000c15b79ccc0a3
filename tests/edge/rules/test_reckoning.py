"""What a transaction's messages add up to, as plain values."""

import pytest

from edge.rules.reckoning import KEPT, MeterPoint, Numbers, Readings, StateChange, finished_ms, state_at, take_change
from shared.clock import HOUR_MS, MINUTE_MS

RATING_W = 11_000


def total(*registers_wh: int, step_ms: int = HOUR_MS, rating_w: int | None = RATING_W) -> int:
    readings = Readings()
    for i, register_wh in enumerate(registers_wh):
        readings.take(MeterPoint(i * step_ms, register_wh), rating_w)
    return readings.total(rating_w).energy_wh


@pytest.mark.parametrize(
    ("registers_wh", "energy_wh"),
    [
        ((), 0),
        ((5_000,), 0),
        ((5_000, 5_000), 0),
        ((5_000, 9_000, 12_000), 7_000),
        ((5_000, 0, 12_000), 7_000),
        ((5_000, 9_000_000, 12_000), 7_000),
        ((5_000, 9_000, 0, 4_000, 6_000), 10_000),
        ((5_000_000, 1_000, 6_000), 5_000),
        ((5_000, 5, 12_000, 12), 7_000),
        ((5_000, 4_000), 0),
    ],
    ids=[
        "nothing",
        "one reading is no measure",
        "nothing flowed",
        "the sum of increments",
        "a dip counts for nothing",
        "a spike counts for nothing",
        "after a reset it goes on from there",
        "a first reading that is nonsense",
        "kWh among Wh",
        "only backwards",
    ],
)
def test_energy_is_the_sum_of_believable_increments(registers_wh, energy_wh):
    assert total(*registers_wh) == energy_wh


def test_no_more_is_believed_than_the_evse_can_give_with_a_tenth_over():
    assert total(0, 12_100) == 12_100
    assert total(0, 12_500) == 0


def test_readings_close_together_cannot_add_up_to_more_than_the_evse_gives():
    """Each step alone is within what a reading's time may be off; all together are not."""
    found = total(*range(0, 200 * 150, 150), step_ms=1_000)
    assert found <= RATING_W * 1.1 * (200_000 + MINUTE_MS) / HOUR_MS


def test_an_evse_that_is_not_configured_is_believed_up_to_a_megawatt():
    assert total(0, 900_000, rating_w=None) == 900_000
    assert total(0, 9_000_000, rating_w=None) == 0


def test_a_transaction_of_days_takes_no_more_memory_than_one_of_an_hour():
    readings = Readings()
    for i in range(10_000):
        readings.take(MeterPoint(i * MINUTE_MS, i * 100), RATING_W)
    assert len(readings.points) <= KEPT
    assert readings.total(RATING_W).energy_wh == 999_900


def test_a_first_reading_that_comes_after_many_others_still_counts():
    readings = Readings()
    for i in range(1, 500):
        readings.take(MeterPoint(i * MINUTE_MS, i * 100), RATING_W)
    readings.take(MeterPoint(0, 0), RATING_W)
    assert readings.total(RATING_W).energy_wh == 49_900


def test_numbers_are_held_up_to_the_gap_and_beyond_it():
    numbers = Numbers()
    for n in (0, 1, 4):
        numbers.take(n)
    assert (numbers.upto, numbers.ahead) == (1, {4})
    assert numbers.gap_before(4)
    assert not numbers.gap_before(2)
    numbers.take(3)
    numbers.take(2)
    assert (numbers.upto, numbers.ahead) == (4, set())


def test_a_station_that_goes_on_counting_from_its_last_transaction_has_no_gap():
    numbers = Numbers()
    numbers.take(57)
    numbers.begin(56)
    assert (numbers.upto, numbers.ahead) == (57, set())


def test_a_station_that_counts_in_hundreds_is_not_waited_for_without_end():
    numbers = Numbers()
    for n in range(0, 100_000, 100):
        numbers.take(n)
    assert len(numbers.ahead) <= 256


def changes(*told: tuple[int, str]) -> list[StateChange]:
    found: list[StateChange] = []
    for at_ms, state in told:
        take_change(found, StateChange(at_ms, 0, state))
    return found


def test_a_car_has_finished_when_it_first_stopped_taking_for_good():
    told = changes((0, "Charging"), (10, "SuspendedEV"), (20, "Charging"), (30, "SuspendedEV"), (40, "EVConnected"))
    assert finished_ms(told) == 30
    assert state_at(told, 25) == "Charging"


def test_a_car_that_never_took_anything_has_not_finished():
    assert finished_ms(changes((0, "EVConnected"), (10, "SuspendedEV"))) is None


def test_the_site_holding_back_is_no_end():
    assert finished_ms(changes((0, "Charging"), (10, "SuspendedEVSE"))) is None
