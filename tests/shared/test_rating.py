"""What stays cost, by values worked out by hand."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.clock import HOUR_MS, MINUTE_MS, from_datetime
from shared.facilities import SpaceKind
from shared.rating import ChargingUse, NoTariff, Quote, Stay, rate
from shared.tariffs import Cap, ComponentType, Element, PriceComponent, Restrictions, Tariff, Tax

ZONE = "America/New_York"
DAILY = Cap(amount=Decimal(30))


def element(kind: ComponentType, price: str, *, grace_s: int = 0, **restrictions: object) -> Element:
    component = PriceComponent(type=kind, price=Decimal(price), grace_s=grace_s)
    return Element(price_components=(component,), restrictions=Restrictions.model_validate(restrictions))


def hourly(price: str, **restrictions: object) -> Element:
    return element(ComponentType.STAY_TIME, price, **restrictions)


def parking(*elements: Element, **fields: object) -> Tariff:
    values = {"tariff_id": "parking", "version": 1, "kind": "PARKING", "elements": elements}
    return Tariff.model_validate({**values, **fields})


REGULAR = parking(hourly("3", max_duration=10_800), hourly("5"), space_kind="REGULAR", caps=(DAILY,))
EV = parking(hourly("4"), tariff_id="parking-ev", space_kind="EV", caps=(DAILY,))
CHARGING = Tariff(
    tariff_id="charging",
    version=2,
    kind="CHARGING",
    elements=(
        element(ComponentType.FLAT, "1.00"),
        element(ComponentType.ENERGY, "0.35"),
        element(ComponentType.PARKING_TIME, "30", grace_s=600),
    ),
)
PHILADELPHIA_TAX = Tax(name="Parking tax", rate_pct=Decimal("22.5"), types=(ComponentType.STAY_TIME,))


def at(text: str, fold: int = 0) -> int:
    """The instant when a wall in New York shows ``text``; ``fold`` 1 for the second time of an hour shown twice."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE), fold=fold))


def stay(start: str = "2026-06-01 08:00", *, hours: float = 0, until_ms: int | None = None, **fields: object) -> Stay:
    entered_ms = at(start)
    values = {
        "facility_id": "boston-downtown",
        "zone": ZONE,
        "space_kind": "REGULAR",
        "entered_ms": entered_ms,
        "until_ms": entered_ms + round(hours * HOUR_MS) if until_ms is None else until_ms,
    }
    return Stay.model_validate({**values, **fields})


def charged(energy_wh: int, *, idle_min: float, charging_h: float = 1, **fields: object) -> ChargingUse:
    started_ms = at("2026-06-01 08:00")
    finished_ms = started_ms + round(charging_h * HOUR_MS)
    values = {
        "label": "cs-1",
        "started_ms": started_ms,
        "finished_ms": finished_ms,
        "ended_ms": finished_ms + round(idle_min * MINUTE_MS),
        "energy_wh": energy_wh,
    }
    return ChargingUse.model_validate({**values, **fields})


def rows(quote: Quote) -> list[tuple[str, str, int]]:
    return [(line.description, f"{line.quantity:f} {line.unit}", line.amount_cents) for line in quote.lines]


def amounts(quote: Quote, kinds: Iterable[str]) -> list[int]:
    return [line.amount_cents for line in quote.lines if line.kind in kinds]


# Parking: $3 an hour for 3 hours, then $5, at most $30 in each 24 hours from entry; $4 in EV spaces.


@pytest.mark.parametrize(
    ("hours", "cents"),
    [
        (0, 0),
        (1 / 3_600, 0),
        (6 / 3_600, 1),
        (0.5, 150),
        (2.5, 750),
        (3, 900),
        (5, 1_900),
        (7.2, 3_000),
        (7.21, 3_000),
        (24, 3_000),
        (25, 3_500),
        (30, 6_000),
        (48, 6_000),
        (49.5, 6_750),
        (240, 30_000),
    ],
)
def test_a_regular_space_by_the_hour_with_a_most_for_each_24_hours_from_entry(hours: float, cents: int) -> None:
    assert rate(stay(hours=hours), (REGULAR, EV)).total_cents == cents


@pytest.mark.parametrize(("hours", "cents"), [(1.25, 500), (7.5, 3_000), (8, 3_000), (25, 3_400)])
def test_an_ev_space_has_its_own_price(hours: float, cents: int) -> None:
    assert rate(stay(hours=hours, space_kind=SpaceKind.EV), (REGULAR, EV)).total_cents == cents


def test_a_quote_says_what_each_amount_is_for() -> None:
    assert rows(rate(stay(hours=5), (REGULAR,))) == [("Parking: time", "3 h", 900), ("Parking: time", "2 h", 1_000)]


def test_full_days_are_one_line_and_the_rest_is_by_the_hour() -> None:
    assert rows(rate(stay(hours=50), (REGULAR,))) == [
        ("Parking: maximum per 24 h", "2 24 h", 6_000),
        ("Parking: time", "2 h", 1_000),
    ]


def test_a_week_can_have_a_maximum_beside_the_day() -> None:
    week = parking(hourly("5"), caps=(Cap(amount=Decimal(100), window_s=7 * 86_400), DAILY))
    assert rate(stay(hours=72), (week,)).total_cents == 9_000
    assert rate(stay(hours=96), (week,)).total_cents == 10_000
    assert rate(stay(hours=7 * 24 + 2), (week,)).total_cents == 11_000


def test_half_a_cent_is_half_a_cent_though_the_hours_are_a_fraction_without_end() -> None:
    third_of_an_hour = parking(hourly("0.015"))
    assert rate(stay(hours=1 / 3), (third_of_an_hour,)).total_cents == 1


def test_an_end_before_the_entry_is_a_stay_of_no_length() -> None:
    assert rate(stay(hours=-2), (REGULAR,)).total_cents == 0


def test_an_entry_fee_counts_once_even_for_a_stay_of_no_length() -> None:
    fee = parking(element(ComponentType.FLAT, "2"), hourly("3"))
    assert rate(stay(), (fee,)).total_cents == 200
    assert rate(stay(hours=30), (fee,)).total_cents == 9_200


def test_a_minimum_and_a_maximum_bound_the_whole_session() -> None:
    bounded = parking(hourly("3"), min_price=Decimal("2.50"), max_price=Decimal(12))
    assert [rate(stay(hours=h), (bounded,)).total_cents for h in (0.5, 1, 4, 9)] == [250, 300, 1_200, 1_200]
    assert rows(rate(stay(hours=9), (bounded,)))[-1] == ("Parking: down to the maximum price", "1 session", -1_500)


# Which tariff counts.


def test_the_tariff_in_force_at_entry_holds_for_the_whole_stay() -> None:
    noon = at("2026-06-01 12:00")
    dearer = REGULAR.model_copy(update={"version": 2, "effective_from_ms": noon, "elements": (hourly("9"),)})
    quote = rate(stay(hours=5), (REGULAR, dearer))
    assert (quote.total_cents, quote.tariff_versions) == (1_900, ("parking/1",))
    assert rate(stay("2026-06-01 12:00", hours=1), (REGULAR, dearer)).tariff_versions == ("parking/2",)


def test_charging_is_priced_by_the_tariff_in_force_when_it_began() -> None:
    later = CHARGING.model_copy(
        update={"version": 3, "effective_from_ms": at("2026-06-01 09:00"), "elements": (element("ENERGY", "1"),)}
    )
    first, second = charged(10_000, idle_min=0), charged(10_000, idle_min=0, started_ms=at("2026-06-01 09:00"))
    quote = rate(stay(hours=3, charging=(first, second)), (REGULAR, CHARGING, later))
    assert amounts(quote, ["CHARGING"]) == [100, 350, 1_000]
    assert quote.tariff_versions == ("parking/1", "charging/2", "charging/3")


@pytest.mark.parametrize("tariffs", [(), (EV,), (REGULAR.model_copy(update={"facility_ids": ("elsewhere",)}),)])
def test_no_tariff_is_no_price_and_says_which_is_missing(tariffs: tuple[Tariff, ...]) -> None:
    missing = r"no PARKING tariff for REGULAR spaces at boston-downtown holds at 2026-06-01T12:00:00\+00:00"
    with pytest.raises(NoTariff, match=missing):
        rate(stay(hours=1), tariffs)


def test_charging_without_a_tariff_is_no_price_either() -> None:
    with pytest.raises(NoTariff, match="no CHARGING tariff"):
        rate(stay(hours=1, charging=(charged(1, idle_min=0),)), (REGULAR,))


# Charging: $1 a session, 35 cents a kWh, 50 cents for each minute plugged in later than 10 minutes after the end.


@pytest.mark.parametrize(("idle_min", "idle_cents"), [(0, 0), (10, 0), (10.5, 25), (25, 750), (130, 6_000)])
def test_time_plugged_in_after_charging_is_free_for_its_grace_and_then_by_the_minute(
    idle_min: float, idle_cents: int
) -> None:
    quote = rate(stay(hours=3, charging=(charged(20_000, idle_min=idle_min),)), (REGULAR, CHARGING))
    assert sum(amounts(quote, ["CHARGING"])) == 100 + 700 + idle_cents


def test_a_session_that_drew_nothing_still_has_its_fee() -> None:
    nothing = charged(0, idle_min=0, charging_h=0)
    assert amounts(rate(stay(charging=(nothing,)), (REGULAR, CHARGING)), ["CHARGING"]) == [100]


def test_a_station_clock_that_runs_backwards_costs_the_driver_no_time() -> None:
    odd = charged(10_000, idle_min=-90, charging_h=-1)
    assert amounts(rate(stay(hours=1, charging=(odd,)), (REGULAR, CHARGING)), ["CHARGING"]) == [100, 350]


def test_the_first_kilowatt_hours_can_have_another_price() -> None:
    first_free = (element(ComponentType.ENERGY, "0", max_kwh="5"), element(ComponentType.ENERGY, "0.40"))
    tariff = CHARGING.model_copy(update={"elements": first_free})
    quote = rate(stay(hours=2, charging=(charged(12_345, idle_min=0),)), (REGULAR, tariff))
    assert [(str(x.quantity), x.amount_cents) for x in quote.lines[1:]] == [("5", 0), ("7.345", 294)]


def test_energy_at_changing_prices_is_taken_to_flow_evenly() -> None:
    peak = (element(ComponentType.ENERGY, "1.00", start_time="08:00", end_time="08:15"), element("ENERGY", "0.20"))
    tariff = CHARGING.model_copy(update={"elements": peak})
    quote = rate(stay(hours=2, charging=(charged(20_000, idle_min=0),)), (REGULAR, tariff))
    assert amounts(quote, ["CHARGING"]) == [500, 300]


def test_a_price_can_depend_on_the_power() -> None:
    fast = (element(ComponentType.TIME, "20", min_power="50"), element(ComponentType.TIME, "5"))
    tariff = CHARGING.model_copy(update={"elements": fast})
    quick, slow = charged(60_000, idle_min=0), charged(49_999, idle_min=0)
    quote = rate(stay(hours=2, charging=(quick, slow)), (REGULAR, tariff))
    assert amounts(quote, ["CHARGING"]) == [2_000, 500]


# What a right covers, and taxes.


def test_a_pass_shows_the_full_price_and_takes_it_off() -> None:
    quote = rate(stay(hours=5, covers_parking=True, charging=(charged(20_000, idle_min=0),)), (REGULAR, CHARGING))
    assert amounts(quote, ["PARKING", "COVERED"]) == [900, 1_000, -1_900]
    assert quote.total_cents == 800


@pytest.mark.parametrize("covered", [{"covers_charging": True}, {"charging": (charged(9, idle_min=99, covered=True),)}])
def test_charging_is_covered_by_the_stay_or_by_its_own_right(covered: dict[str, object]) -> None:
    fields = {"charging": (charged(9, idle_min=99),), **covered}
    assert rate(stay(hours=1, **fields), (REGULAR, CHARGING)).total_cents == 300


def test_tax_is_worked_out_on_the_rounded_lines_it_falls_on_and_rounded_once() -> None:
    taxed = REGULAR.model_copy(update={"taxes": (PHILADELPHIA_TAX,)})
    quote = rate(stay(hours=2.5, charging=(charged(20_000, idle_min=0),)), (taxed, CHARGING))
    assert rows(quote)[-1] == ("Parking tax 22.5 %", "7.5 USD", 169)
    assert (quote.tax_cents, quote.total_cents) == (169, 750 + 800 + 169)


def test_what_is_covered_is_not_taxed() -> None:
    taxed = REGULAR.model_copy(update={"taxes": (PHILADELPHIA_TAX,)})
    assert rate(stay(hours=5, covers_parking=True), (taxed,)).tax_cents == 0


def test_tax_falls_on_the_daily_maximum_and_not_on_what_it_took_off() -> None:
    taxed = REGULAR.model_copy(update={"taxes": (PHILADELPHIA_TAX,)})
    assert rate(stay(hours=24), (taxed,)).total_cents == 3_000 + 675


def test_the_same_tax_on_several_sessions_is_one_line() -> None:
    tax = Tax(name="Energy tax", rate_pct=Decimal(5), types=(ComponentType.ENERGY,))
    tariff = CHARGING.model_copy(update={"taxes": (tax,)})
    quote = rate(stay(hours=1, charging=2 * (charged(1_000, idle_min=0),)), (REGULAR, tariff))
    assert amounts(quote, ["TAX"]) == [4]


# Nights when the clock is put forward (2026-03-08) and back (2026-11-01).


@pytest.mark.parametrize(
    ("start", "end", "cents", "why"),
    [
        ("2026-03-07 22:00", "2026-03-08 06:00", 2_900, "8 hours on the wall are 7 hours lived"),
        ("2026-10-31 22:00", "2026-11-01 04:00", 2_900, "6 hours on the wall are 7 hours lived"),
        ("2026-03-07 12:00", "2026-03-08 13:00", 3_000, "24 hours from entry end at 13:00"),
        ("2026-03-07 12:00", "2026-03-08 14:00", 3_500, "and the 25th costs $5"),
        ("2026-10-31 12:00", "2026-11-01 11:00", 3_000, "24 hours from entry end at 11:00"),
        ("2026-10-31 12:00", "2026-11-01 12:00", 3_500, "and the 25th costs $5"),
    ],
)
def test_durations_and_daily_maxima_are_elapsed_time(start: str, end: str, cents: int, why: str) -> None:
    assert rate(stay(start, until_ms=at(end)), (REGULAR,)).total_cents == cents, why


NIGHT = (hourly("1", start_time="22:00", end_time="06:00"), hourly("4"))
SUNDAY = (hourly("1", day_of_week=("SUNDAY",)), hourly("2"))
SPRING, AUTUMN = ("2026-03-07 20:00", "2026-03-08 08:00"), ("2026-10-31 20:00", "2026-11-01 08:00")


@pytest.mark.parametrize(
    ("elements", "night", "cents", "why"),
    [
        (NIGHT, ("2026-06-06 20:00", "2026-06-07 08:00"), 2_400, "2 h + 8 h of night + 2 h"),
        (NIGHT, SPRING, 2_300, "the night has 7 hours"),
        (NIGHT, AUTUMN, 2_500, "the night has 9 hours"),
        (SUNDAY, ("2026-06-06 23:00", "2026-06-08 01:00"), 2_800, "1 h + 24 h + 1 h"),
        (SUNDAY, ("2026-03-07 23:00", "2026-03-09 01:00"), 2_700, "that Sunday has 23 hours"),
        (SUNDAY, ("2026-10-31 23:00", "2026-11-02 01:00"), 2_900, "that Sunday has 25 hours"),
        ((hourly("10", start_time="02:00", end_time="03:00"),), SPRING, 0, "no wall shows 02:00"),
        ((hourly("10", start_time="02:30", end_time="04:00"),), SPRING, 1_000, "03:00 to 04:00 is left"),
        ((hourly("10", start_time="01:30", end_time="02:30"),), SPRING, 500, "01:30 to 02:00 is left"),
        ((hourly("10", start_time="01:00", end_time="02:00"),), AUTUMN, 2_000, "the hour is shown twice"),
        ((hourly("10", start_time="01:30", end_time="02:30"),), AUTUMN, 1_500, "01:30 to 02:00 is shown twice"),
        ((hourly("10", start_date="2026-03-08", end_date="2026-03-09"),), SPRING, 7_000, "00:00 to 08:00, 7 hours"),
    ],
)
def test_windows_and_days_are_what_the_wall_shows(
    elements: tuple[Element, ...], night: tuple[str, str], cents: int, why: str
) -> None:
    start, end = night
    assert rate(stay(start, until_ms=at(end)), (parking(*elements),)).total_cents == cents, why


def test_the_second_of_two_equal_hours_is_later_than_the_first() -> None:
    first = rate(stay("2026-11-01 00:30", until_ms=at("2026-11-01 01:30")), (REGULAR,))
    second = rate(stay("2026-11-01 00:30", until_ms=at("2026-11-01 01:30", fold=1)), (REGULAR,))
    assert (first.total_cents, second.total_cents) == (300, 600)
