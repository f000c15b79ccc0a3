"""What the launch's price lists make of a stay: the sums of the price table on the wall."""

from decimal import Decimal

import pytest

from provisioning.demo.facilities import ZONE
from provisioning.demo.prices import tariffs
from shared.clock import HOUR_MS, MINUTE_MS
from shared.facilities import SpaceKind
from shared.rating import ChargingUse, Quote, Stay, rate

NINE_MS = 1_767_276_000_000
BOSTON, PHILADELPHIA = "boston-downtown", "philadelphia-center-city"


def price(facility_id: str, hours: float, kind: SpaceKind = SpaceKind.REGULAR, *uses: ChargingUse) -> Quote:
    return rate(
        Stay(
            facility_id=facility_id,
            zone=ZONE,
            space_kind=kind,
            entered_ms=NINE_MS,
            until_ms=NINE_MS + round(hours * HOUR_MS),
            charging=uses,
        ),
        tariffs(),
    )


@pytest.mark.parametrize(
    ("hours", "cents"),
    [(0.5, 150), (1, 300), (3, 900), (4, 1_400), (7.2, 3_000), (24, 3_000), (25, 3_500), (48, 6_000)],
)
def test_boston_asks_3_an_hour_for_3_hours_then_5_and_at_most_30_in_24_hours(hours: float, cents: int) -> None:
    quote = price(BOSTON, hours)
    assert (quote.total_cents, quote.tax_cents) == (cents, 0)


def test_philadelphia_adds_its_parking_tax() -> None:
    quote = price(PHILADELPHIA, 4)
    assert (quote.tax_cents, quote.total_cents) == (315, 1_715)


@pytest.mark.parametrize(("facility_id", "tax_cents"), [(BOSTON, 0), (PHILADELPHIA, 180)])
def test_an_ev_space_costs_4_an_hour(facility_id: str, tax_cents: int) -> None:
    quote = price(facility_id, 2, SpaceKind.EV)
    assert (quote.total_cents, quote.tax_cents) == (800 + tax_cents, tax_cents)


@pytest.mark.parametrize(("idle_min", "idle_cents"), [(0, 0), (10, 0), (11, 50), (70, 3_000)])
def test_charging_costs_energy_a_dollar_and_after_ten_minutes_idle_time(idle_min: int, idle_cents: int) -> None:
    finished_ms = NINE_MS + 30 * MINUTE_MS
    use = ChargingUse(
        label="l2-01",
        started_ms=NINE_MS,
        finished_ms=finished_ms,
        ended_ms=finished_ms + idle_min * MINUTE_MS,
        energy_wh=20_000,
    )
    with_charging, without = price(BOSTON, 2, SpaceKind.EV, use), price(BOSTON, 2, SpaceKind.EV)
    assert with_charging.total_cents - without.total_cents == 780 + 100 + idle_cents


def test_charging_is_not_taxed_in_philadelphia() -> None:
    use = ChargingUse(label="x", started_ms=NINE_MS, finished_ms=NINE_MS, ended_ms=NINE_MS, energy_wh=10_000)
    assert price(PHILADELPHIA, 2, SpaceKind.EV, use).tax_cents == price(PHILADELPHIA, 2, SpaceKind.EV).tax_cents


def test_prices_hold_from_the_beginning_of_time_for_one_facility_each() -> None:
    assert {tariff.effective_from_ms for tariff in tariffs()} == {0}
    assert all(len(tariff.facility_ids) == 1 for tariff in tariffs())
    assert Decimal("22.5") in {tax.rate_pct for tariff in tariffs() for tax in tariff.taxes}
