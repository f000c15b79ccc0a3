"""The one engine that turns quantities into prices: which element of a tariff applies, and what it then costs.

OCPI 2.2.1, 11.3: for each period, and for each type of component, the first element counts that has such a component
and whose restrictions all fit at the period's start. Parked cars and charging sessions (``shared/rating.py``) and
charge detail records of other operators (``shared/cdr.py``) all come through here. Nothing is rounded here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal

from shared.clock import to_local
from shared.tariffs import ComponentType, PriceComponent, Restrictions, Tariff

UNITS_PER_PRICE: Mapping[ComponentType, int] = {
    ComponentType.ENERGY: 1_000,
    ComponentType.FLAT: 1,
    ComponentType.TIME: 3_600,
    ComponentType.PARKING_TIME: 3_600,
    ComponentType.STAY_TIME: 3_600,
}
"""How many units of volume (Wh, times, seconds) one price is for (a kWh, once, an hour)."""

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
"""By ``datetime.weekday()``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What restrictions look at: the start of a period. ``power_kw`` None: unknown, so no restriction on power fits.

    ``elapsed_s`` runs from the start of the session, ``idle_s`` from the end of charging; both are elapsed time.
    """

    at_ms: int
    zone: str
    elapsed_s: Decimal = Decimal(0)
    energy_wh: Decimal = Decimal(0)
    idle_s: Decimal = Decimal(0)
    power_kw: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch over which no restriction changes, and what was used in it: Wh and seconds by component type."""

    moment: Moment
    volumes: Mapping[ComponentType, Decimal]


@dataclass(frozen=True, slots=True)
class Piece:
    """A priced quantity. ``volume`` is in Wh, seconds or times."""

    component: PriceComponent
    volume: Decimal
    moment: Moment

    @property
    def amount(self) -> Decimal:
        """Dollars before tax, exact: multiplied before divided, so that half a cent is half a cent."""
        return self.component.price * self.volume / UNITS_PER_PRICE[self.component.type]


def price(tariff: Tariff, periods: Iterable[Period]) -> tuple[Piece, ...]:
    """Price a session's periods, in order. A FLAT component counts once per session, where it first applies.

    A type that no element prices at a moment is free there, as OCPI has it.
    """
    pieces: list[Piece] = []
    flat_is_due = True
    for period in periods:
        flat = component_at(tariff, ComponentType.FLAT, period.moment) if flat_is_due else None
        if flat is not None:
            pieces.append(Piece(flat, Decimal(1), period.moment))
            flat_is_due = False
        for kind, volume in period.volumes.items():
            component = component_at(tariff, kind, period.moment)
            if component is None or volume <= 0 or _in_grace(component, period.moment):
                continue
            pieces.append(Piece(component, volume, period.moment))
    return _stepped(pieces)


def component_at(tariff: Tariff, kind: ComponentType, moment: Moment) -> PriceComponent | None:
    """The component of that type which counts at a moment, or None when no element prices it then."""
    for element in tariff.elements:
        for component in element.price_components:
            if component.type is kind:
                if fits(element.restrictions, moment):
                    return component
                break
    return None


def fits(restrictions: Restrictions, moment: Moment) -> bool:
    """Whether all restrictions are met. A reservation, or anything unknown, is never met: see Restrictions."""
    if restrictions.model_extra or restrictions.reservation is not None:
        return False
    return (
        _between(restrictions.min_duration, moment.elapsed_s, restrictions.max_duration)
        and _between(restrictions.min_kwh, moment.energy_wh / 1_000, restrictions.max_kwh)
        and _power_fits(restrictions, moment.power_kw)
        and (not is_local(restrictions) or _local_fits(restrictions, to_local(moment.at_ms, moment.zone)))
    )


def is_local(restrictions: Restrictions) -> bool:
    """Whether anything in them is read off the wall clock of the place."""
    r = restrictions
    times, dates = (r.start_time, r.end_time), (r.start_date, r.end_date)
    return bool(r.day_of_week) or times != (None, None) or dates != (None, None)


def _power_fits(restrictions: Restrictions, power_kw: Decimal | None) -> bool:
    if restrictions.min_power is None and restrictions.max_power is None:
        return True
    return power_kw is not None and _between(restrictions.min_power, power_kw, restrictions.max_power)


def _local_fits(restrictions: Restrictions, local: datetime) -> bool:
    """Literally: what the clock on the wall shows, so an hour shown twice in November fits twice."""
    r, day = restrictions, local.date()
    if r.day_of_week and DAYS[local.weekday()] not in r.day_of_week:
        return False
    if (r.start_date is not None and day < r.start_date) or (r.end_date is not None and day >= r.end_date):
        return False
    start, end = _clock_time(r.start_time), _clock_time(r.end_time)
    now = local.time()
    if start < end:
        return start <= now < end
    return r.start_time == r.end_time or now >= start or now < end


def _clock_time(text: str | None) -> time:
    return time.fromisoformat(text) if text is not None else time.min


def _between(low: Decimal | int | None, value: Decimal, high: Decimal | int | None) -> bool:
    return (low is None or value >= low) and (high is None or value < high)


def _in_grace(component: PriceComponent, moment: Moment) -> bool:
    return component.type is ComponentType.PARKING_TIME and moment.idle_s < component.grace_s


def _stepped(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Bill started steps whole: once per session, on the last piece of each type, by that piece's ``step_size``.

    When time plugged in after charging is priced, TIME is left exact (OCPI 2.2.1, 11.4.3 PriceComponent). A
    ``step_size`` of 1 leaves the quantity exact too.
    """
    result = list(pieces)
    last = {piece.component.type: index for index, piece in enumerate(result)}
    if ComponentType.PARKING_TIME in last:
        last.pop(ComponentType.TIME, None)
    for kind, index in last.items():
        step = result[index].component.step_size
        if kind is ComponentType.FLAT or step == 1:
            continue
        begun = sum((p.volume for p in result if p.component.type is kind), Decimal(0)) % step
        if begun:
            result[index] = replace(result[index], volume=result[index].volume + step - begun)
    return tuple(result)
