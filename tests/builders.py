"""Small facilities and values for tests, with only what a test does not care about filled in."""

from decimal import Decimal

from shared.facilities import (
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
from shared.rights import Right, RightKind, Vehicle
from shared.tariffs import ComponentType, Element, PriceComponent, Tariff

NINE_MS = 1_767_276_000_000
"""2026-01-01 09:00 in New York, a Thursday."""


def station(number: int, rating_w: int = 11_000, minimum_w: int = 4_140) -> Station:
    """A one-EVSE station at space ``ev-N``, with an unusable password."""
    return Station(
        station_id=f"cs-{number}",
        level=ChargerLevel.LEVEL2,
        evses=(
            Evse(
                evse_id=1,
                space_id=f"ev-{number}",
                connector=ConnectorType.TYPE1,
                rating_w=rating_w,
                minimum_w=minimum_w,
            ),
        ),
        password_salt="salt",
        password_sha256="0" * 64,
    )


def facility(*ratings_w: int, regular: int = 3, budget_w: int = 400_000, **changes: object) -> Facility:
    """A facility with ``regular`` spaces, one EV space and station per rating, one lane each way."""
    spaces = [Space(space_id=f"r-{i}", level="1", aisle="A", number=str(i)) for i in range(1, regular + 1)]
    stations = [station(i, rating_w, min(4_140, rating_w)) for i, rating_w in enumerate(ratings_w, 1)]
    spaces += [
        Space(space_id=s.evses[0].space_id, level="1", aisle="E", number=str(i), kind=SpaceKind.EV, size=Size.LARGE)
        for i, s in enumerate(stations, 1)
    ]
    base = Facility(
        facility_id="test-facility",
        name="Test",
        address="1 Test St",
        zone="America/New_York",
        latitude=42.0,
        longitude=-71.0,
        spaces=tuple(spaces),
        lanes=(
            Lane(lane_id="in-1", direction=LaneDirection.ENTRY),
            Lane(lane_id="out-1", direction=LaneDirection.EXIT),
        ),
        stations=tuple(stations),
        power=PowerSettings(budget_w=budget_w),
    )
    return base.model_copy(update=changes)


def tariffs() -> tuple[Tariff, ...]:
    """$3 an hour to park, $0.40 a kWh to charge, from the beginning of time."""
    stay = PriceComponent(type=ComponentType.STAY_TIME, price=Decimal("3.00"))
    energy = PriceComponent(type=ComponentType.ENERGY, price=Decimal("0.40"))
    return (
        Tariff(tariff_id="parking", version=1, kind="PARKING", elements=(Element(price_components=(stay,)),)),
        Tariff(tariff_id="charging", version=1, kind="CHARGING", elements=(Element(price_components=(energy,)),)),
    )


def right(name: str, plate: str, kind: RightKind = RightKind.ACCOUNT, **changes: object) -> Right:
    """A right of customer ``name`` for one EV with the token ``TOKEN-<name>``."""
    base = Right(
        right_id=name,
        kind=kind,
        customer_id=f"customer-{name}",
        vehicles=(Vehicle(plate=plate, is_ev=True),),
        tokens=(f"TOKEN-{name}",),
    )
    return base.model_copy(update=changes)
