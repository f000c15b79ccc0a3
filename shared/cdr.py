"""Price charge detail records in OCPI's own form: charging periods with volumes (OCPI 2.2.1, 10.4.6 ChargingPeriod).

For sessions that another operator metered and cut. Ours are rated by ``shared/rating.py``; the elements are matched
and the quantities priced by the same engine, ``shared/pricing.py``.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

from pydantic import Field

from shared.clock import SECOND_MS
from shared.facilities import Frozen
from shared.pricing import UNITS_PER_PRICE, Moment, Period, Piece, price
from shared.tariffs import ComponentType, Tariff


class CdrPeriod(Frozen):
    """One charging period. Volumes are OCPI's: kWh for ENERGY, hours for TIME and PARKING_TIME."""

    start_ms: int
    volumes: dict[ComponentType, Decimal]
    power_kw: Decimal | None = Field(None, description="the POWER dimension, where the record has it")


class CdrPrice(Frozen):
    """Exact amounts in the tariff's currency; OCPI leaves rounding to whoever writes the invoice.

    ``subtotal`` is the sum of ``costs``; ``total`` is that within the tariff's min_price and max_price. Both are
    without VAT.
    """

    costs: dict[ComponentType, Decimal]
    subtotal: Decimal
    total: Decimal
    total_incl_vat: Decimal


def price_cdr(tariff: Tariff, charging_periods: Sequence[CdrPeriod], *, zone: str) -> CdrPrice:
    """What the periods, in order of time, cost. Durations count from the first one; ``zone`` is the location's.

    When min_price or max_price decides, VAT keeps its share of the subtotal, since OCPI's two amounts of each say no
    rate. The rules of ``reservation`` elements are not applied: they never fit.
    """
    ordered = sorted(charging_periods, key=lambda p: p.start_ms)
    pieces = price(tariff, _periods(ordered, zone))
    costs: dict[ComponentType, Decimal] = {}
    for piece in pieces:
        costs[piece.component.type] = costs.get(piece.component.type, Decimal(0)) + piece.amount
    subtotal = sum(costs.values(), Decimal(0))
    total = _within(tariff, subtotal)
    with_vat = sum((_with_vat(piece) for piece in pieces), Decimal(0))
    return CdrPrice(
        costs=costs,
        subtotal=subtotal,
        total=total,
        total_incl_vat=with_vat * total / subtotal if subtotal else total,
    )


def _periods(ordered: Sequence[CdrPeriod], zone: str) -> list[Period]:
    volumes = [{kind: volume * UNITS_PER_PRICE[kind] for kind, volume in p.volumes.items()} for p in ordered]
    energy_before = accumulate((v.get(ComponentType.ENERGY, Decimal(0)) for v in volumes), initial=Decimal(0))
    return [
        Period(
            Moment(
                at_ms=period.start_ms,
                zone=zone,
                elapsed_s=Decimal(period.start_ms - ordered[0].start_ms) / SECOND_MS,
                energy_wh=energy_wh,
                power_kw=period.power_kw,
            ),
            volume,
        )
        for period, volume, energy_wh in zip(ordered, volumes, energy_before, strict=False)
    ]


def _with_vat(piece: Piece) -> Decimal:
    return piece.amount * (1 + (piece.component.vat or 0) / Decimal(100))


def _within(tariff: Tariff, amount: Decimal) -> Decimal:
    if tariff.min_price is not None:
        amount = max(amount, tariff.min_price)
    return amount if tariff.max_price is None else min(amount, tariff.max_price)
