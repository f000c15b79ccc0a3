"""Charge detail records that others priced come to the same totals here.

The published vectors are read from the folder that EASYPARK_REAL_DATA names and skipped without it.
"""

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.cdr import CdrPeriod, CdrPrice, price_cdr
from shared.clock import HOUR_MS, from_datetime
from shared.money import to_cents
from shared.tariffs import ComponentType, Element, PriceComponent, Restrictions, Tariff

PRICED = (
    "025kwh_min_price/cdr1.json",
    "025kwh_start/cdr1.json",
    "grace_period_parking_time/cdr.json",
    "multiple_flat_fees/cdr.json",
    "simple_025kwh/cdr1.json",
    "simple_3hour_5parking/cdr1.json",
    "step_size/cdr1.json",
    "step_size_energy/cdr1.json",
)
BELOW_MINIMUM = "025kwh_min_price/cdr2_less_than_2kWh.json"
COSTS = {
    "total_energy_cost": ComponentType.ENERGY,
    "total_time_cost": ComponentType.TIME,
    "total_parking_cost": ComponentType.PARKING_TIME,
    "total_fixed_cost": ComponentType.FLAT,
}


@pytest.fixture
def vectors() -> Path:
    folder = os.environ.get("EASYPARK_REAL_DATA")
    if not folder:
        pytest.skip("EASYPARK_REAL_DATA names no folder with the published OCPI 2.2.1 records")
    return Path(folder)


def read(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)


def to_tariff(body: dict[str, Any]) -> Tariff:
    """OCPI's JSON in our words: prices are objects there, and a FLAT component's step_size may be 0."""
    bounds = {name: body[name]["excl_vat"] for name in ("min_price", "max_price") if name in body}
    for element in body["elements"]:
        for component in element["price_components"]:
            component["step_size"] = max(1, component["step_size"])
    return Tariff.model_validate(
        {
            "tariff_id": body["id"].lower(),
            "version": 1,
            "kind": "CHARGING",
            "currency": body["currency"],
            "elements": body["elements"],
            **bounds,
        }
    )


def to_periods(body: dict[str, Any]) -> list[CdrPeriod]:
    return [
        CdrPeriod(
            start_ms=from_datetime(datetime.fromisoformat(period["start_date_time"])),
            volumes={d["type"]: d["volume"] for d in period["dimensions"]},
        )
        for period in body["charging_periods"]
    ]


def priced(cdr: Path) -> tuple[CdrPrice, dict[str, Any]]:
    body = read(cdr)
    tariff = to_tariff(read(cdr.with_name("tariff.json")))
    return price_cdr(tariff, to_periods(body), zone="UTC"), body


def four_places(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


@pytest.mark.parametrize("name", PRICED)
def test_a_published_record_comes_to_its_published_totals(vectors: Path, name: str) -> None:
    price, body = priced(vectors / "ocpi221_tandemdrive" / name)
    assert four_places(price.total) == body["total_cost"]["excl_vat"]
    assert four_places(price.total_incl_vat) == body["total_cost"]["incl_vat"]
    for field, kind in COSTS.items():
        assert four_places(price.costs.get(kind, Decimal(0))) == body.get(field, {"excl_vat": 0})["excl_vat"]


def test_below_the_minimum_the_record_states_the_sum_and_the_standard_asks_for_the_minimum(vectors: Path) -> None:
    """The record's 0.30 is its sum; by OCPI 2.2.1, 11.3.2 such a session costs the min_price, 0.50."""
    price, body = priced(vectors / "ocpi221_tandemdrive" / BELOW_MINIMUM)
    assert price.subtotal == body["total_cost"]["excl_vat"]
    minimum = read(vectors / "ocpi221_tandemdrive" / "025kwh_min_price" / "tariff.json")["min_price"]
    assert (price.total, price.total_incl_vat) == (minimum["excl_vat"], minimum["incl_vat"])


def test_a_record_with_hourly_prices_is_read_in_the_zone_of_its_location(vectors: Path) -> None:
    """7.293 kWh from 14:00 and 0.969 kWh from 15:00 in Amsterdam. The record says 1.83, its reader 1.84: each period
    rounded gives the one, the sum rounded the other, so the exact sum is what is compared."""
    folder = vectors / "ocpi221_py_codeberg_issue_228"
    body = read(folder / "cdr.json")
    price = price_cdr(to_tariff(body["tariffs"][0]), to_periods(body), zone="Europe/Amsterdam")
    assert price.total == Decimal("1.83702")
    assert to_cents(price.total) == 184
    assert to_cents(Decimal("7.293") * Decimal("0.22")) + to_cents(Decimal("0.969") * Decimal("0.24")) == 183
    assert to_cents(price.total_incl_vat) == 222


# The same rules without the records.


def component(kind: ComponentType, price: str, step_size: int = 1, vat: str | None = None) -> PriceComponent:
    return PriceComponent(
        type=kind, price=Decimal(price), step_size=step_size, vat=None if vat is None else Decimal(vat)
    )


def tariff(*elements: Element, **fields: Any) -> Tariff:
    return Tariff(tariff_id="t", version=1, kind="CHARGING", elements=elements, **fields)


def element(*components: PriceComponent, **restrictions: Any) -> Element:
    return Element(price_components=components, restrictions=Restrictions(**restrictions))


def period(start_h: float, **volumes: str) -> CdrPeriod:
    return CdrPeriod(
        start_ms=round(start_h * HOUR_MS), volumes={ComponentType(k): Decimal(v) for k, v in volumes.items()}
    )


def test_a_step_begun_is_billed_once_per_session_at_the_last_price() -> None:
    stepped = tariff(
        element(component(ComponentType.TIME, "6", step_size=1_800), max_duration=3_600),
        element(component(ComponentType.TIME, "12", step_size=600)),
    )
    price = price_cdr(stepped, [period(0, TIME="1"), period(1, TIME="0.25")], zone="UTC")
    assert price.total == 6 + 12 * Decimal(1_200) / 3_600, "75 minutes are billed as 80, the last 20 of them at 12"


def test_charging_time_is_exact_when_time_after_charging_is_priced() -> None:
    """OCPI's own example: 21 minutes charging and 16 minutes parked bill 21 and 20."""
    both = tariff(element(component(ComponentType.TIME, "60", 300), component(ComponentType.PARKING_TIME, "60", 300)))
    price = price_cdr(both, [period(0, TIME="0.35"), period(0.35, PARKING_TIME="0.26666667")], zone="UTC")
    assert price.costs[ComponentType.TIME] == 21
    assert price.costs[ComponentType.PARKING_TIME] == 20


def test_the_fixed_price_counts_once_however_many_periods_there_are() -> None:
    fixed = tariff(element(component(ComponentType.FLAT, "1")))
    assert price_cdr(fixed, [period(n, TIME="1") for n in range(3)], zone="UTC").total == 1


def test_periods_that_come_out_of_order_are_put_in_order() -> None:
    first_hour_free = tariff(
        element(component(ComponentType.TIME, "0"), max_duration=3_600), element(component(ComponentType.TIME, "2"))
    )
    assert price_cdr(first_hour_free, [period(1, TIME="3"), period(0, TIME="1")], zone="UTC").total == 6


def test_a_maximum_holds_and_the_tax_keeps_its_share() -> None:
    most = tariff(element(component(ComponentType.ENERGY, "0.25", vat="10")), max_price=Decimal(4))
    price = price_cdr(most, [period(0, ENERGY="20")], zone="UTC")
    assert (price.subtotal, price.total, price.total_incl_vat) == (5, 4, Decimal("4.4"))


def test_an_element_for_reservations_or_with_a_restriction_not_known_here_never_applies() -> None:
    odd = tariff(
        element(component(ComponentType.ENERGY, "9"), reservation="RESERVATION"),
        element(component(ComponentType.ENERGY, "9"), max_current="32"),
        element(component(ComponentType.ENERGY, "0.25")),
    )
    assert price_cdr(odd, [period(0, ENERGY="4")], zone="UTC").total == 1


def test_no_periods_cost_nothing_but_the_minimum() -> None:
    least = tariff(element(component(ComponentType.ENERGY, "1")), min_price=Decimal("0.5"))
    assert price_cdr(least, [], zone="UTC").total == Decimal("0.5")
