"""What the lane showed is what is charged, whatever headquarters published while the facility was cut off."""

from decimal import Decimal

import pytest

from cloud.billing.pricing import rate_as_quoted
from shared.clock import HOUR_MS
from shared.facilities import SpaceKind
from shared.rating import NoTariff, Stay
from shared.tariffs import ComponentType, Element, PriceComponent, Tariff
from tests.builders import NINE_MS

STAY = Stay(
    facility_id="test-facility",
    zone="America/New_York",
    space_kind=SpaceKind.REGULAR,
    entered_ms=NINE_MS,
    until_ms=NINE_MS + HOUR_MS,
)


def parking(version: int, dollars: int, from_ms: int = 0) -> Tariff:
    hourly = PriceComponent(type=ComponentType.STAY_TIME, price=Decimal(dollars))
    elements = (Element(price_components=(hourly,)),)
    return Tariff(tariff_id="parking", version=version, kind="PARKING", effective_from_ms=from_ms, elements=elements)


def test_a_stay_is_charged_by_the_version_that_the_lane_quoted_with():
    tariffs = (parking(1, 3), parking(2, 5))
    assert rate_as_quoted(STAY, tariffs, ("parking/1",)).total_cents == 300
    assert rate_as_quoted(STAY, tariffs, ("parking/2",)).total_cents == 500


def test_a_version_that_is_not_known_here_leaves_the_choice_to_what_is():
    assert rate_as_quoted(STAY, (parking(1, 3),), ("parking/2",)).total_cents == 300


def test_a_version_that_was_lost_and_given_to_a_later_price_list_leaves_the_choice_to_what_holds():
    tariffs = (parking(1, 3), parking(2, 5, from_ms=NINE_MS + HOUR_MS))
    assert rate_as_quoted(STAY, tariffs, ("parking/2",)).total_cents == 300


def test_without_any_price_there_is_none():
    with pytest.raises(NoTariff):
        rate_as_quoted(STAY, (), ())
