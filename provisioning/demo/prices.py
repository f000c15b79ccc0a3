"""The price lists of the launch: parking by the hour under a daily cap, energy, session and idle fees.

Philadelphia taxes parking, Boston does not; neither taxes charging here. Dollars, in force from the beginning of time.
"""

from decimal import Decimal

from shared.facilities import SpaceKind
from shared.tariffs import Cap, ComponentType, Element, PriceComponent, Restrictions, Tariff, Tax

DAILY_CAP = Decimal(30)
FIRST_HOURS_S = 3 * 3600
PHILADELPHIA_PARKING_TAX = Tax(
    name="Philadelphia parking tax", rate_pct=Decimal("22.5"), types=(ComponentType.STAY_TIME,)
)
TAXES: dict[str, tuple[Tax, ...]] = {
    "boston-downtown": (),
    "philadelphia-center-city": (PHILADELPHIA_PARKING_TAX,),
}


def tariffs() -> tuple[Tariff, ...]:
    """Three price lists for each facility: regular spaces, EV spaces, charging."""
    return tuple(
        tariff
        for facility_id, taxes in TAXES.items()
        for tariff in (*_parking(facility_id, taxes), _charging(facility_id))
    )


def _parking(facility_id: str, taxes: tuple[Tax, ...]) -> tuple[Tariff, Tariff]:
    city = _city(facility_id)
    regular = (
        Element(price_components=(_per_hour("3.00"),), restrictions=Restrictions(max_duration=FIRST_HOURS_S)),
        Element(price_components=(_per_hour("5.00"),), restrictions=Restrictions(min_duration=FIRST_HOURS_S)),
    )
    kinds = (
        (f"{city}-parking", SpaceKind.REGULAR, regular),
        (f"{city}-ev-parking", SpaceKind.EV, (Element(price_components=(_per_hour("4.00"),)),)),
    )
    regular_list, ev_list = (
        Tariff(
            tariff_id=tariff_id,
            version=1,
            kind="PARKING",
            space_kind=space_kind,
            facility_ids=(facility_id,),
            elements=elements,
            caps=(Cap(amount=DAILY_CAP),),
            taxes=taxes,
        )
        for tariff_id, space_kind, elements in kinds
    )
    return regular_list, ev_list


def _charging(facility_id: str) -> Tariff:
    """Idle time costs $30 an hour, which is $0.50 a minute, from 10 minutes after the energy stopped."""
    idle = PriceComponent(type=ComponentType.PARKING_TIME, price=Decimal("30.00"), grace_s=600)
    energy = PriceComponent(type=ComponentType.ENERGY, price=Decimal("0.39"))
    session = PriceComponent(type=ComponentType.FLAT, price=Decimal("1.00"))
    return Tariff(
        tariff_id=f"{_city(facility_id)}-charging",
        version=1,
        kind="CHARGING",
        facility_ids=(facility_id,),
        elements=(Element(price_components=(energy, session, idle)),),
    )


def _per_hour(dollars: str) -> PriceComponent:
    return PriceComponent(type=ComponentType.STAY_TIME, price=Decimal(dollars))


def _city(facility_id: str) -> str:
    return facility_id.partition("-")[0]
