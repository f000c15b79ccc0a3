"""Which element applies at a moment, and where sessions are cut."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.clock import HOUR_MS, MINUTE_MS, from_datetime
from shared.periods import Course, periods
from shared.pricing import Moment, component_at, fits, price
from shared.tariffs import ComponentType, Element, PriceComponent, Restrictions, Tariff

NOON_MS = from_datetime(datetime(2026, 6, 3, 16, tzinfo=UTC))
"""Wednesday 12:00 in New York."""


def moment(**fields: Any) -> Moment:
    return Moment(**{"at_ms": NOON_MS, "zone": "America/New_York", **fields})


def element(price: str, kind: ComponentType = ComponentType.ENERGY, **restrictions: Any) -> Element:
    component = PriceComponent(type=kind, price=Decimal(price))
    return Element(price_components=(component,), restrictions=Restrictions(**restrictions))


def tariff(*elements: Element) -> Tariff:
    return Tariff(tariff_id="t", version=1, kind="CHARGING", elements=elements)


@pytest.mark.parametrize(
    ("restrictions", "fit"),
    [
        ({}, True),
        ({"start_time": "12:00"}, True),
        ({"start_time": "12:01"}, False),
        ({"end_time": "12:00"}, False),
        ({"end_time": "12:01"}, True),
        ({"start_time": "22:00", "end_time": "12:01"}, True),
        ({"start_time": "22:00", "end_time": "12:00"}, False),
        ({"start_time": "11:00", "end_time": "00:00"}, True),
        ({"start_time": "08:00", "end_time": "08:00"}, True),
        ({"start_date": "2026-06-03"}, True),
        ({"start_date": "2026-06-04"}, False),
        ({"end_date": "2026-06-03"}, False),
        ({"end_date": "2026-06-04"}, True),
        ({"day_of_week": ("WEDNESDAY",)}, True),
        ({"day_of_week": ("TUESDAY", "THURSDAY")}, False),
        ({"min_duration": 60}, True),
        ({"min_duration": 61}, False),
        ({"max_duration": 60}, False),
        ({"max_duration": 61}, True),
        ({"min_kwh": "1.5"}, True),
        ({"min_kwh": "1.501"}, False),
        ({"max_kwh": "1.5"}, False),
        ({"max_kwh": "1.501"}, True),
        ({"min_power": "50"}, True),
        ({"max_power": "50"}, False),
        ({"reservation": "RESERVATION"}, False),
        ({"not_known_here": 1}, False),
        ({"min_duration": 60, "day_of_week": ("TUESDAY",)}, False),
    ],
)
def test_every_minimum_is_inclusive_every_maximum_exclusive_and_all_must_fit(
    restrictions: dict[str, Any], fit: bool
) -> None:
    here = moment(elapsed_s=Decimal(60), energy_wh=Decimal(1_500), power_kw=Decimal(50))
    assert fits(Restrictions(**restrictions), here) is fit


@pytest.mark.parametrize("restrictions", [{"min_power": "0"}, {"max_power": "99"}])
def test_a_power_that_is_not_known_meets_no_restriction(restrictions: dict[str, Any]) -> None:
    assert not fits(Restrictions(**restrictions), moment(power_kw=None))


def test_the_first_element_that_fits_counts_for_each_type_of_component() -> None:
    prices = tariff(
        element("9", min_duration=3_600),
        element("1", ComponentType.TIME),
        element("2"),
        element("3"),
    )
    energy, time = (component_at(prices, k, moment()) for k in (ComponentType.ENERGY, ComponentType.TIME))
    assert energy is not None
    assert time is not None
    assert (energy.price, time.price) == (2, 1)


def test_what_no_element_prices_is_free() -> None:
    course = Course(NOON_MS, NOON_MS + HOUR_MS, NOON_MS + HOUR_MS, 5_000)
    pieces = price(tariff(element("1", ComponentType.TIME)), cut(course, element("1", ComponentType.TIME)))
    assert [p.component.type for p in pieces] == [ComponentType.TIME]


def cut(course: Course, *elements: Element) -> Any:
    return periods(course, tariff(*elements), zone="America/New_York", entered_ms=course.started_ms)


def starts_min(course: Course, *elements: Element) -> list[int]:
    return [(p.moment.at_ms - course.started_ms) // MINUTE_MS for p in cut(course, *elements)]


def test_a_session_is_cut_where_a_restriction_may_begin_or_end_to_fit() -> None:
    course = Course(NOON_MS, NOON_MS + 2 * HOUR_MS, NOON_MS + 3 * HOUR_MS, 12_000)
    assert starts_min(course, element("1")) == [0, 120]
    assert starts_min(course, element("1", max_duration=1_800)) == [0, 30, 120]
    assert starts_min(course, element("1", start_time="12:15", end_time="14:30")) == [0, 15, 120, 150]
    assert starts_min(course, element("1", max_kwh="4")) == [0, 40, 120]


def test_the_parts_of_a_session_are_the_whole_of_it() -> None:
    course = Course(NOON_MS, NOON_MS + 7_777_777, NOON_MS + 3 * HOUR_MS, 12_345)
    parts = cut(course, element("1", max_duration=1_801, max_kwh="3.3", start_time="12:17"))
    total = {kind: sum(p.volumes.get(kind, 0) for p in parts) for kind in ComponentType}
    assert total[ComponentType.ENERGY] == 12_345
    assert total[ComponentType.TIME] == Decimal("7777.777")
    assert total[ComponentType.PARKING_TIME] == 3 * 3_600 - Decimal("7777.777")


def test_energy_that_came_in_no_time_is_still_cut_by_amount() -> None:
    burst = Course(NOON_MS, NOON_MS, NOON_MS, 5_000)
    parts = cut(burst, element("1", max_kwh="2"))
    assert [p.volumes[ComponentType.ENERGY] for p in parts] == [2_000, 3_000]


@pytest.mark.parametrize("course", [(2, 1, 3, 0), (1, 3, 2, 0), (1, 2, 3, -1)])
def test_a_course_runs_forward(course: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="runs forward"):
        Course(*course)
