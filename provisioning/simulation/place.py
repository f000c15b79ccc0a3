"""Facilities and prices out of the dice: small car parks, tight budgets, every zone with its own odd days."""

from decimal import Decimal

from provisioning.simulation.building import SILENT_S
from provisioning.simulation.universe import Universe
from shared.facilities import (
    BuildingLoad,
    ChargerLevel,
    ConnectorType,
    Evse,
    Facility,
    Lane,
    LaneDirection,
    PowerSettings,
    Size,
    Space,
    SpaceKind,
    Station,
)
from shared.tariffs import Cap, ComponentType, Element, PriceComponent, Restrictions, Tariff, Tax

ZONES = ("America/New_York", "America/Los_Angeles", "Europe/London")
STARTS_MS = (1_767_276_000_000, 1_772_690_400_000, 1_777_615_200_000, 1_793_253_600_000)
"""An ordinary Thursday, the weeks in which clocks go forward and back, and one in May."""
FROM_EVER_MS = 0


def facility(universe: Universe, number: int) -> Facility:
    """One car park; some have no chargers at all."""
    dice = universe.random
    ratings_w = [dice.choice((7_400, 11_000, 22_000, 50_000)) for _ in range(dice.choice((0, 2, 3, 4, 4)))]
    regular = dice.randint(6, 30)
    spaces = [_space(f"r-{n}", n, SpaceKind.REGULAR, dice.choice(tuple(Size))) for n in range(1, regular + 1)]
    spaces += [_space(f"ev-{n}", n, SpaceKind.EV, Size.LARGE) for n in range(1, len(ratings_w) + 1)]
    lanes = [Lane(lane_id=f"in-{n}", direction=LaneDirection.ENTRY) for n in range(1, dice.choice((1, 2)) + 1)]
    lanes += [Lane(lane_id=f"out-{n}", direction=LaneDirection.EXIT) for n in range(1, dice.choice((1, 2)) + 1)]
    return Facility(
        facility_id=f"site-{number}",
        name=f"Site {number}",
        address=f"{number} Test Street",
        zone=dice.choice(ZONES),
        latitude=42.0,
        longitude=-71.0,
        spaces=tuple(spaces),
        lanes=tuple(lanes),
        stations=tuple(_station(n, rating_w) for n, rating_w in enumerate(ratings_w, 1)),
        power=_power(universe, sum(ratings_w)),
    )


def _power(universe: Universe, ratings_w: int) -> PowerSettings:
    lease_s, renew_s, drift_s = universe.random.choice(((300, 100, 30), (600, 250, 60), (900, 400, 120)))
    budget_w = max(10_000, ratings_w * universe.random.randint(35, 90) // 100)
    return PowerSettings(
        budget_w=budget_w,
        building=_building(universe, budget_w) if ratings_w and universe.chance(0.4) else None,
        lease_s=lease_s,
        renew_s=renew_s,
        drift_s=drift_s,
        sample_s=600,
        meter_interval_s=300,
    )


def _building(universe: Universe, budget_w: int) -> BuildingLoad:
    """One that leaves the chargers all of their budget at times, and most of it at the worst."""
    load_w_max = universe.random.randint(10_000, 60_000)
    left_w = budget_w * universe.random.randint(60, 95) // 100
    return BuildingLoad(grid_w=load_w_max + left_w, load_w_max=load_w_max, margin_w=0, silent_s=SILENT_S)


def _space(space_id: str, number: int, kind: SpaceKind, size: Size) -> Space:
    return Space(space_id=space_id, level="1", aisle="A", number=str(number), kind=kind, size=size)


def _station(number: int, rating_w: int) -> Station:
    evse = Evse(evse_id=1, space_id=f"ev-{number}", connector=ConnectorType.CCS, rating_w=rating_w, minimum_w=1_440)
    level = ChargerLevel.DCFC if rating_w > 22_000 else ChargerLevel.LEVEL2
    return Station(
        station_id=f"cs-{number}",
        level=level,
        evses=(evse,),
        password_salt="unused",  # noqa: S106 - nobody signs in here
        password_sha256="0" * 64,
    )


def parking_tariff(universe: Universe, version: int, from_ms: int) -> Tariff:
    """A price list for every space: an hourly price that changes after some hours, under a daily cap, often taxed."""
    dice = universe.random
    first_s = dice.choice((3_600, 7_200, 10_800))
    elements = (
        Element(price_components=(_per_hour(dice.randint(200, 500)),), restrictions=Restrictions(max_duration=first_s)),
        Element(price_components=(_per_hour(dice.randint(300, 700)),), restrictions=Restrictions(min_duration=first_s)),
    )
    tax = Tax(name="parking tax", rate_pct=Decimal("22.5"), types=(ComponentType.STAY_TIME,))
    return Tariff(
        tariff_id="parking",
        version=version,
        kind="PARKING",
        effective_from_ms=from_ms,
        elements=elements,
        caps=(Cap(amount=Decimal(30)),),
        taxes=(tax,) if universe.chance(0.5) else (),
    )


def charging_tariff(universe: Universe, version: int, from_ms: int) -> Tariff:
    """Energy, a session fee, and idle time after a grace; dearer in the evening."""
    cents = universe.random.randint(30, 60)
    evening = Restrictions(start_time="17:00", end_time="21:00")
    energy = (
        Element(price_components=(_price(ComponentType.ENERGY, cents + 13),), restrictions=evening),
        Element(price_components=(_price(ComponentType.ENERGY, cents),)),
    )
    idle = PriceComponent(type=ComponentType.PARKING_TIME, price=Decimal(30), grace_s=600)
    rest = Element(price_components=(_price(ComponentType.FLAT, 100), idle))
    return Tariff(
        tariff_id="charging", version=version, kind="CHARGING", effective_from_ms=from_ms, elements=(*energy, rest)
    )


def _per_hour(cents: int) -> PriceComponent:
    return _price(ComponentType.STAY_TIME, cents)


def _price(kind: ComponentType, cents: int) -> PriceComponent:
    return PriceComponent(type=kind, price=Decimal(cents) / 100)
