"""Tariffs are data, in OCPI's shape: elements of price components under restrictions (OCPI 2.2.1, 11.3 Tariffs).

Extended by what OCPI cannot say: ``STAY_TIME`` (being in the facility), caps over a window, taxes, and a grace
before time spent plugged in after charging ended is priced. Prices are ``Decimal`` dollars, as OCPI has them, per
kWh (ENERGY), per hour (TIME, PARKING_TIME, STAY_TIME) or once (FLAT). ``step_size`` is read for OCPI's own
tariffs and left at 1 in ours: exact quantities are billed (OCPI 3.0 drops it).
"""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.facilities import Frozen, SpaceKind
from shared.ids import Id


class ComponentType(StrEnum):
    ENERGY = "ENERGY"
    FLAT = "FLAT"
    TIME = "TIME"
    """Time charging."""
    PARKING_TIME = "PARKING_TIME"
    """Time plugged in and not charging: the idle fee."""
    STAY_TIME = "STAY_TIME"
    """Time from entry to exit."""


class PriceComponent(Frozen):
    type: ComponentType
    price: Decimal = Field(ge=0)
    vat: Decimal | None = Field(None, description="percent, as OCPI has it")
    step_size: int = Field(1, ge=1, description="seconds or Wh")
    grace_s: int = Field(0, ge=0, description="PARKING_TIME only: free seconds after charging ended")


class Restrictions(Frozen):
    """When an element applies. Times and days are wall-clock in the facility's zone; an end before a start wraps
    past midnight. Durations run from the start of the charging session, for STAY_TIME from entry."""

    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = Field(None, description="seconds")
    max_duration: int | None = Field(None, description="seconds")
    day_of_week: tuple[str, ...] = ()
    reservation: str | None = None


class Element(Frozen):
    price_components: tuple[PriceComponent, ...] = Field(min_length=1)
    restrictions: Restrictions = Restrictions()


class Cap(Frozen):
    """The most that components of the given types cost per window of ``window_s`` seconds counted from entry."""

    amount: Decimal = Field(gt=0)
    window_s: int = Field(86_400, gt=0)
    types: tuple[ComponentType, ...] = (ComponentType.STAY_TIME,)


class Tax(Frozen):
    name: str
    rate_pct: Decimal = Field(ge=0)
    types: tuple[ComponentType, ...] = Field(description="which components it falls on")


class Tariff(Frozen):
    """One version of one price list. ``kind`` PARKING prices the stay, CHARGING each charging session.

    A PARKING tariff is for one kind of space. ``facility_ids`` empty means every facility. Of several that apply,
    the one with the latest ``effective_from_ms`` not after the session's start counts, for the whole session.
    """

    tariff_id: Id
    version: int = Field(ge=1)
    kind: Literal["PARKING", "CHARGING"]
    space_kind: SpaceKind | None = None
    facility_ids: tuple[Id, ...] = ()
    effective_from_ms: int = 0
    currency: Literal["USD", "EUR"] = "USD"
    elements: tuple[Element, ...] = Field(min_length=1)
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    caps: tuple[Cap, ...] = ()
    taxes: tuple[Tax, ...] = ()


def tariff_for(
    tariffs: tuple[Tariff, ...], *, kind: str, facility_id: str, space_kind: SpaceKind, at_ms: int
) -> Tariff | None:
    """The tariff that prices a session that began at ``at_ms``, or None when HQ has published none for it."""
    fits = [
        t
        for t in tariffs
        if t.kind == kind
        and (t.space_kind is None or t.space_kind == space_kind)
        and (not t.facility_ids or facility_id in t.facility_ids)
        and t.effective_from_ms <= at_ms
    ]
    return max(fits, key=lambda t: (t.effective_from_ms, t.version, t.tariff_id), default=None)
