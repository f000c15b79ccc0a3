"""From exact pieces to rounded items: summed by price, held under caps, brought within a minimum and a maximum.

Here is the house's one rounding point: the amount of an item, half up to cents. Caps and limits are compared with
rounded items, so that what is printed never adds up to more than the limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.clock import HOUR_MS, SECOND_MS
from shared.money import to_cents
from shared.pricing import UNITS_PER_PRICE, Piece
from shared.tariffs import Cap, ComponentType, Tariff

_UNITS = {ComponentType.ENERGY: "kWh", ComponentType.FLAT: "session"}
_WHAT = {
    ComponentType.ENERGY: "energy",
    ComponentType.FLAT: "session fee",
    ComponentType.TIME: "time charging",
    ComponentType.PARKING_TIME: "time plugged in after charging",
    ComponentType.STAY_TIME: "time",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A line in the making: ``types`` is what it is for, ``windows`` the window it lies in of each of the caps, and
    ``cap`` the one that it stands for, if it does."""

    types: frozenset[ComponentType]
    what: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount_cents: int
    windows: tuple[int, ...] = ()
    cap: Cap | None = None


def to_items(pieces: Iterable[Piece], tariff: Tariff, entered_ms: int) -> tuple[Item, ...]:
    """What a session's pieces cost under its tariff, before tax. Windows of caps are counted from ``entered_ms``."""
    caps = sorted(tariff.caps, key=lambda cap: cap.window_s)
    items = _summed(pieces, caps, entered_ms)
    for depth, cap in enumerate(caps):
        items = _capped(items, cap, depth)
    return _bounded(_gathered(items), tariff)


def _summed(pieces: Iterable[Piece], caps: list[Cap], entered_ms: int) -> list[Item]:
    """One item for each price within each window, in order of time, however often restrictions cut it."""
    volumes: dict[tuple[ComponentType, Decimal, tuple[int, ...]], Decimal] = {}
    for piece in pieces:
        windows = tuple((piece.moment.at_ms - entered_ms) // (cap.window_s * SECOND_MS) for cap in caps)
        key = (piece.component.type, piece.component.price, windows)
        volumes[key] = volumes.get(key, Decimal(0)) + piece.volume
    return [
        Item(
            types=frozenset({kind}),
            what=_WHAT[kind],
            quantity=volume / UNITS_PER_PRICE[kind],
            unit=_UNITS.get(kind, "h"),
            unit_price=unit_price,
            amount_cents=to_cents(unit_price * volume / UNITS_PER_PRICE[kind]),
            windows=windows,
        )
        for (kind, unit_price, windows), volume in volumes.items()
    ]


def _capped(items: list[Item], cap: Cap, depth: int) -> list[Item]:
    """Put one item at the cap's amount in the place of those that together cost more within a window."""
    limit_cents, types = to_cents(cap.amount), frozenset(cap.types)
    sums: dict[int, int] = {}
    for item in items:
        if item.types <= types:
            sums[item.windows[depth]] = sums.get(item.windows[depth], 0) + item.amount_cents
    full = {window for window, cents in sums.items() if cents > limit_cents}
    result: list[Item] = []
    for item in items:
        window = item.windows[depth]
        if not item.types <= types or sums[window] <= limit_cents:
            result.append(item)
        elif window in full:
            full.remove(window)
            result.append(_maximum(cap, limit_cents, item.windows))
    return result


def _maximum(cap: Cap, limit_cents: int, windows: tuple[int, ...]) -> Item:
    unit = f"{Decimal(cap.window_s * SECOND_MS) / HOUR_MS:f} h"
    return Item(
        types=frozenset(cap.types),
        what=f"maximum per {unit}",
        quantity=Decimal(1),
        unit=unit,
        unit_price=Decimal(limit_cents) / 100,
        amount_cents=limit_cents,
        windows=windows,
        cap=cap,
    )


def _gathered(items: list[Item]) -> list[Item]:
    """Windows that cost their whole cap become one item, ``3 x $30.00``; nothing is rounded by it."""
    result: list[Item] = []
    place: dict[Cap, int] = {}
    for item in items:
        if item.cap is None or item.cap not in place:
            if item.cap is not None:
                place[item.cap] = len(result)
            result.append(item)
            continue
        one = result[place[item.cap]]
        result[place[item.cap]] = replace(
            one, quantity=one.quantity + 1, amount_cents=one.amount_cents + item.amount_cents
        )
    return result


def _bounded(items: list[Item], tariff: Tariff) -> tuple[Item, ...]:
    """Add the item that brings the sum within the tariff's min_price and max_price."""
    total = sum(item.amount_cents for item in items)
    if tariff.min_price is not None and total < to_cents(tariff.min_price):
        what, missing_cents = "up to the minimum price", to_cents(tariff.min_price) - total
    elif tariff.max_price is not None and total > to_cents(tariff.max_price):
        what, missing_cents = "down to the maximum price", to_cents(tariff.max_price) - total
    else:
        return tuple(items)
    adjustment = Item(
        types=tariff.priced_types,
        what=what,
        quantity=Decimal(1),
        unit="session",
        unit_price=Decimal(missing_cents) / 100,
        amount_cents=missing_cents,
    )
    return (*items, adjustment)
