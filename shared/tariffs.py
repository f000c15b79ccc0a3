"""Tariffs are data, in OCPI's shape: elements of price components under restrictions (OCPI 2.2.1, 11.3 Tariffs).

Extended by what OCPI cannot say: ``STAY_TIME`` (being in the facility), caps over a window, taxes, and a grace
before time spent plugged in after charging ended is priced. Prices are ``Decimal`` dollars, as OCPI has them, per
kWh (ENERGY), per hour (TIME, PARKING_TIME, STAY_TIME) or once (FLAT). A ``step_size`` of 1 means exact
quantities, and ours have no other (OCPI 3.0 drops it).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

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


_CHARGING_TYPES = frozenset(ComponentType) - {ComponentType.STAY_TIME}


class PriceComponent(Frozen):
    type: ComponentType
    price: Decimal = Field(ge=0)
    vat: Decimal | None = Field(None, ge=0, description="percent, in OCPI's own tariffs; ours say it in Tariff.taxes")
    step_size: int = Field(1, ge=1, description="seconds or Wh")
    grace_s: int = Field(0, ge=0, description="PARKING_TIME only: free seconds after charging ended")


Day = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
TIME_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$"


class Restrictions(Frozen):
    """When an element applies. Times and days are wall-clock in the facility's zone; an end before a start wraps
    past midnight. Durations run from the start of the charging session, for STAY_TIME from entry. Every minimum is
    inclusive, every maximum and every end exclusive (OCPI 2.2.1, 11.4.6 TariffRestrictions).

    A restriction that this version does not know is kept and counts as not met: an element must not apply more
    widely here than it was meant to.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    start_time: str | None = Field(None, pattern=TIME_PATTERN)
    end_time: str | None = Field(None, pattern=TIME_PATTERN)
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = Field(None, description="kW")
    max_power: Decimal | None = Field(None, description="kW")
    min_duration: int | None = Field(None, description="seconds")
    max_duration: int | None = Field(None, description="seconds")
    day_of_week: tuple[Day, ...] = ()
    reservation: str | None = None


class Element(Frozen):
    price_components: tuple[PriceComponent, ...] = Field(min_length=1)
    restrictions: Restrictions = Restrictions()


class Cap(Frozen):
    """The most that components of the given types cost per window of ``window_s`` seconds counted from entry.

    In a CHARGING tariff it holds for each charging session by itself. Tax comes on top.
    """

    amount: Decimal = Field(gt=0)
    window_s: int = Field(86_400, gt=0)
    types: tuple[ComponentType, ...] = Field((ComponentType.STAY_TIME,), min_length=1)


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
    min_price: Decimal | None = Field(None, ge=0, description="of the whole session, before tax")
    max_price: Decimal | None = Field(None, ge=0, description="of the whole session, before tax")
    caps: tuple[Cap, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @property
    def priced_types(self) -> frozenset[ComponentType]:
        """The component types that any element prices."""
        return frozenset(c.type for e in self.elements for c in e.price_components)

    @model_validator(mode="after")
    def _types_belong_to_the_kind(self) -> Self:
        stay_only = {ComponentType.STAY_TIME, ComponentType.FLAT}
        wrong = self.priced_types - stay_only if self.kind == "PARKING" else self.priced_types - _CHARGING_TYPES
        if wrong:
            raise ValueError(f"a {self.kind} tariff cannot price {', '.join(sorted(wrong))}")
        return self

    @model_validator(mode="after")
    def _limits_are_clear(self) -> Self:
        """One line limits several components, so each tax must fall on all of them or on none; windows must nest."""
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise ValueError(f"min_price {self.min_price} is above max_price {self.max_price}")
        sizes = sorted(cap.window_s for cap in self.caps)
        if any(large % small for small, large in pairwise(sizes)):
            raise ValueError(f"each cap's window must be a whole multiple of the next smaller one, got {sizes} seconds")
        limited = [frozenset(cap.types) for cap in self.caps]
        if self.min_price is not None or self.max_price is not None:
            limited.append(self.priced_types)
        for tax in self.taxes:
            for types in limited:
                if types & set(tax.types) and not types <= set(tax.types):
                    raise ValueError(f"tax {tax.name!r} falls on some of {', '.join(sorted(types))}, limited together")
        return self


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
