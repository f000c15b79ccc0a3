"""A tariff is clear or it is refused when it is written, never when a car waits at the exit."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.facilities import SpaceKind
from shared.tariffs import Restrictions, Tariff, tariff_for

STAY = {"price_components": ({"type": "STAY_TIME", "price": "3"},)}
ENERGY = {"price_components": ({"type": "ENERGY", "price": "0.35"},)}
IDLE = {"price_components": ({"type": "PARKING_TIME", "price": "30"},)}
ENERGY_TAX = {"name": "Energy tax", "rate_pct": "5", "types": ("ENERGY",)}


def tariff(**changes: Any) -> Tariff:
    return Tariff.model_validate({"tariff_id": "t", "version": 1, "kind": "PARKING", "elements": (STAY,), **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"elements": ()}, "elements"),
        ({"elements": ({"price_components": ()},)}, "price_components"),
        ({"elements": (ENERGY,)}, "a PARKING tariff cannot price ENERGY"),
        ({"kind": "CHARGING"}, "a CHARGING tariff cannot price STAY_TIME"),
        ({"elements": ({"price_components": ({"type": "STAY_TIME", "price": "-1"},)},)}, "price"),
        ({"min_price": 2, "max_price": 1}, "min_price 2 is above max_price 1"),
        ({"caps": ({"amount": 0},)}, "amount"),
        ({"caps": ({"amount": 5, "types": ()},)}, "types"),
        ({"caps": ({"amount": 5, "window_s": 7}, {"amount": 9, "window_s": 10})}, "whole multiple"),
    ],
)
def test_a_tariff_that_cannot_be_meant_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        tariff(**changes)


@pytest.mark.parametrize(
    "limit", [{"caps": ({"amount": 9, "types": ("ENERGY", "PARKING_TIME")},)}, {"max_price": 9}, {"min_price": 9}]
)
def test_a_limit_over_types_that_are_taxed_differently_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'Energy tax' falls on some of ENERGY, PARKING_TIME, limited together"):
        tariff(kind="CHARGING", elements=(ENERGY, IDLE), taxes=(ENERGY_TAX,), **limit)


def test_a_limit_over_types_that_are_taxed_alike_is_fine() -> None:
    caps = ({"amount": 9, "types": ("PARKING_TIME",)},)
    assert tariff(kind="CHARGING", elements=(ENERGY, IDLE), taxes=(ENERGY_TAX,), caps=caps).caps[0].amount == 9


@pytest.mark.parametrize(
    "restrictions",
    [{"start_time": "24:00"}, {"end_time": "9:00"}, {"start_date": "2026-02-30"}, {"day_of_week": ("FUNDAY",)}],
)
def test_times_and_days_that_do_not_exist_are_refused(restrictions: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Restrictions(**restrictions)


def test_a_restriction_of_a_newer_version_is_kept() -> None:
    restrictions = Restrictions.model_validate({"moon_phase": "FULL"})
    assert Restrictions.model_validate_json(restrictions.model_dump_json()) == restrictions
    assert restrictions != Restrictions()


def test_a_tariff_survives_being_written_and_read() -> None:
    full = tariff(
        elements=({**STAY, "restrictions": {"start_date": "2026-01-01", "max_duration": 60, "min_kwh": "1.5"}},),
        caps=({"amount": "30.00"},),
        max_price="99.90",
    )
    assert Tariff.model_validate_json(full.model_dump_json()) == full


OLD, NEW = tariff(effective_from_ms=100), tariff(version=2, effective_from_ms=200)


@pytest.mark.parametrize(("at_ms", "chosen"), [(99, None), (100, OLD), (199, OLD), (200, NEW)])
def test_the_latest_tariff_that_is_in_force_counts(at_ms: int, chosen: Tariff | None) -> None:
    assert pick(OLD, NEW, at_ms=at_ms) == chosen


def test_a_correction_from_the_same_instant_has_the_higher_version() -> None:
    corrected = OLD.model_copy(update={"version": 3})
    assert pick(corrected, OLD) == pick(OLD, corrected) == corrected


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"facility_ids": ("boston", "philadelphia")}, True),
        ({"facility_ids": ("philadelphia",)}, False),
        ({"space_kind": "EV"}, True),
        ({"space_kind": "REGULAR"}, False),
        ({"kind": "CHARGING", "elements": (ENERGY,)}, False),
    ],
)
def test_a_tariff_is_for_its_kind_its_facilities_and_its_spaces(changes: dict[str, Any], fits: bool) -> None:
    assert (pick(tariff(**changes)) is not None) is fits


def pick(*tariffs: Tariff, at_ms: int = 1_000) -> Tariff | None:
    return tariff_for(tariffs, kind="PARKING", facility_id="boston", space_kind=SpaceKind.EV, at_ms=at_ms)


def test_prices_are_exact() -> None:
    assert tariff().elements[0].price_components[0].price == Decimal(3)
