"""What a stay costs. The kiosk quotes with this function and the cloud charges with it: the same to the cent.

The one rounding point is the line: its exact amount is rounded half up to cents (``shared/items.py``), a tax is
worked out on the rounded lines it falls on and rounded in turn, and the total is the sum of the lines. Within one
window of a cap, equal prices make one line. Durations are elapsed time, exact to the millisecond.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.clock import to_utc
from shared.facilities import Frozen, SpaceKind
from shared.ids import Id
from shared.items import Item, to_items
from shared.money import to_cents
from shared.periods import Course, periods
from shared.pricing import price
from shared.tariffs import ComponentType, Tariff, Tax, tariff_for


class ChargingUse(Frozen):
    """One charging transaction of the stay. ``label`` names it on the receipt; ``finished_ms`` is when energy last
    flowed. ``covered``: the right it was authorised by pays for it, whatever the parking right covers.

    Instants of a station whose clock ran backwards are taken as no time passed.
    """

    label: str
    started_ms: int
    finished_ms: int
    ended_ms: int
    energy_wh: int
    covered: bool = False


class Stay(Frozen):
    """What is priced: from ``entered_ms`` to ``until_ms`` in a space of a kind, and the charging during it."""

    facility_id: Id
    zone: str
    space_kind: SpaceKind
    entered_ms: int
    until_ms: int
    charging: tuple[ChargingUse, ...] = ()
    covers_parking: bool = False
    covers_charging: bool = False


class Line(Frozen):
    """One line of a quote or charge; ``amount_cents`` is ``quantity * unit_price`` rounded half up.

    ``component`` is None when several types are meant: covered, tax, and limits over several types.
    """

    kind: Literal["PARKING", "CHARGING", "COVERED", "TAX"]
    component: ComponentType | None
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount_cents: int


class Quote(Frozen):
    """``total_cents`` is the sum of all lines, with tax; ``tariff_versions`` are like ``boston-parking/3``."""

    lines: tuple[Line, ...]
    total_cents: int
    tax_cents: int
    tariff_versions: tuple[str, ...]


class NoTariff(LookupError):  # noqa: N818 - reads as what is the matter: raise NoTariff
    """Headquarters has published no tariff for this: there is no price, which is not a price of nothing."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The stay itself, or one charging use, priced by one tariff before tax."""

    label: str
    tariff: Tariff
    items: tuple[Item, ...]
    covered: bool

    @property
    def amount_cents(self) -> int:
        return sum(item.amount_cents for item in self.items)


def rate(stay: Stay, tariffs: tuple[Tariff, ...]) -> Quote:
    """Price a stay with all its charging, each by the tariff that held when it began.

    What a right covers is shown at its full price and taken off again by a COVERED line; tax falls on the rest only.
    Raises NoTariff, naming kind, facility and instant, when a price is missing.
    """
    parts = [_parking(stay, tariffs), *(_charging(stay, use, tariffs) for use in stay.charging)]
    taxes = _tax_lines(parts)
    lines = (*(line for part in parts for line in _lines(part)), *taxes)
    return Quote(
        lines=lines,
        total_cents=sum(line.amount_cents for line in lines),
        tax_cents=sum(line.amount_cents for line in taxes),
        tariff_versions=tuple(dict.fromkeys(f"{p.tariff.tariff_id}/{p.tariff.version}" for p in parts)),
    )


def _parking(stay: Stay, tariffs: tuple[Tariff, ...]) -> _Part:
    tariff = _tariff(stay, tariffs, kind="PARKING", at_ms=stay.entered_ms)
    until_ms = max(stay.entered_ms, stay.until_ms)
    course = Course(stay.entered_ms, until_ms, until_ms)
    return _Part("Parking", tariff, _items(course, tariff, stay), stay.covers_parking)


def _charging(stay: Stay, use: ChargingUse, tariffs: tuple[Tariff, ...]) -> _Part:
    tariff = _tariff(stay, tariffs, kind="CHARGING", at_ms=use.started_ms)
    finished_ms = max(use.started_ms, use.finished_ms)
    course = Course(use.started_ms, finished_ms, max(finished_ms, use.ended_ms), max(0, use.energy_wh))
    return _Part(use.label, tariff, _items(course, tariff, stay), stay.covers_charging or use.covered)


def _tariff(stay: Stay, tariffs: tuple[Tariff, ...], *, kind: str, at_ms: int) -> Tariff:
    tariff = tariff_for(tariffs, kind=kind, facility_id=stay.facility_id, space_kind=stay.space_kind, at_ms=at_ms)
    if tariff is None:
        raise NoTariff(
            f"no {kind} tariff for {stay.space_kind} spaces at {stay.facility_id} holds at {to_utc(at_ms).isoformat()}"
        )
    return tariff


def _items(course: Course, tariff: Tariff, stay: Stay) -> tuple[Item, ...]:
    pieces = price(tariff, periods(course, tariff, zone=stay.zone, entered_ms=stay.entered_ms))
    return to_items(pieces, tariff, stay.entered_ms)


def _lines(part: _Part) -> list[Line]:
    lines = [
        Line(
            kind=part.tariff.kind,
            component=next(iter(item.types)) if len(item.types) == 1 else None,
            description=f"{part.label}: {item.what}",
            quantity=item.quantity,
            unit=item.unit,
            unit_price=item.unit_price,
            amount_cents=item.amount_cents,
        )
        for item in part.items
    ]
    if part.covered and part.amount_cents:
        lines.append(_covered_line(part))
    return lines


def _covered_line(part: _Part) -> Line:
    return Line(
        kind="COVERED",
        component=None,
        description=f"{part.label}: covered by your pass",
        quantity=Decimal(1),
        unit="session",
        unit_price=Decimal(-part.amount_cents) / 100,
        amount_cents=-part.amount_cents,
    )


def _tax_lines(parts: Iterable[_Part]) -> list[Line]:
    """One line for each tax by name and rate, over all that is not covered."""
    bases: dict[tuple[str, Decimal], int] = {}
    for part in parts:
        for tax in () if part.covered else part.tariff.taxes:
            key = (tax.name, tax.rate_pct)
            bases[key] = bases.get(key, 0) + _base_cents(part, tax)
    return [
        Line(
            kind="TAX",
            component=None,
            description=f"{name} {rate_pct.normalize():f} %",
            quantity=Decimal(base_cents) / 100,
            unit="USD",
            unit_price=rate_pct / 100,
            amount_cents=to_cents(Decimal(base_cents) * rate_pct / 10_000),
        )
        for (name, rate_pct), base_cents in bases.items()
        if base_cents
    ]


def _base_cents(part: _Part, tax: Tax) -> int:
    return sum(item.amount_cents for item in part.items if item.types <= set(tax.types))
