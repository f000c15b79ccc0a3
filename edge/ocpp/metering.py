"""Meter values of a station, brought to whole watt-hours, watts and percent (OCPP 2.0.1 part 2, MeterValueType).

Stations differ in what they leave out, so nothing but the number is relied on: a missing or unknown unit is taken as
the base unit, phases are added up only where no total is given, a nonsense number counts as not given. Whether a
reading is believable next to the one before it is for the rules.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from edge.ocpp.moments import instant
from edge.ocpp.rpc import Payload

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
STATE_OF_CHARGE = "SoC"
_KEPT = frozenset((REGISTER, POWER, STATE_OF_CHARGE))

VALUE_MAX = 10**12
"""A register beyond a terawatt-hour is nonsense."""
_MULTIPLIER_MAX = 9
_TOTAL = ""
_LINES = ("L1", "L2", "L3")
_NEARNESS = MappingProxyType({"Outlet": 3, "Cable": 2, "Inlet": 1})
"""How well a place of metering says what a car got. What the car itself says (EV) comes last; it is no meter."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest of each quantity in one message. ``at_ms`` is the station's time of the register, or of the newest
    value when the message has no register. ``signed``: the register came with the meter's own signature."""

    at_ms: int
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    signed: bool = False

    @property
    def empty(self) -> bool:
        return self.register_wh is None and self.power_w is None and self.soc_pct is None


class _Sample(NamedTuple):
    at_ms: int
    order: int
    measurand: str
    phase: str
    location: str
    context: str
    value: float
    signed: bool


def read(meter_values: Sequence[Payload], *, received_at_ms: int, context: str = "") -> Reading:
    """The reading of a ``meterValue`` array. ``context`` names the ReadingContext to prefer: a Started message's
    register is the one of ``Transaction.Begin``, an Ended one's that of ``Transaction.End``."""
    samples = list(_samples(meter_values, received_at_ms))
    register = _best(samples, REGISTER, context)
    power = _best(samples, POWER, context)
    charge = _best(samples, STATE_OF_CHARGE, context)
    newest_ms = max((s.at_ms for s in samples), default=received_at_ms)
    return Reading(
        at_ms=register.at_ms if register else newest_ms,
        register_wh=round(register.value) if register and register.value >= 0 else None,
        power_w=max(0, round(power.value)) if power else None,
        soc_pct=round(charge.value) if charge and 0 <= charge.value <= 100 else None,
        signed=register is not None and register.value >= 0 and register.signed,
    )


def _samples(meter_values: Sequence[Payload], received_at_ms: int) -> Iterable[_Sample]:
    for order, meter_value in enumerate(meter_values):
        at_ms = instant(meter_value.get("timestamp"), received_at_ms)
        for sampled in meter_value.get("sampledValue", ()):
            measurand = sampled.get("measurand", REGISTER)
            if measurand not in _KEPT:
                continue
            value = _base_value(sampled.get("value"), sampled.get("unitOfMeasure") or {})
            if value is not None:
                yield _Sample(
                    at_ms=at_ms,
                    order=order,
                    measurand=measurand,
                    phase=sampled.get("phase", _TOTAL),
                    location=sampled.get("location", "Outlet"),
                    context=sampled.get("context", "Sample.Periodic"),
                    value=value,
                    signed=bool(sampled.get("signedMeterValue")),
                )


def _base_value(value: Any, unit_of_measure: Payload) -> float | None:
    multiplier = unit_of_measure.get("multiplier", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(multiplier) > _MULTIPLIER_MAX:
        return None
    kilo = str(unit_of_measure.get("unit", "")).strip().lower().startswith("k")
    scaled = value * 10.0**multiplier * (1_000 if kilo else 1)
    return scaled if math.isfinite(scaled) and abs(scaled) <= VALUE_MAX else None


class _Chosen(NamedTuple):
    value: float
    at_ms: int
    signed: bool


def _best(samples: Sequence[_Sample], measurand: str, context: str) -> _Chosen | None:
    """Of the preferred context, as near to the car as it is metered, as a total before as a sum of lines, newest."""
    found = [s for s in samples if s.measurand == measurand]
    if not found:
        return None
    best = max(
        found,
        key=lambda s: (s.context == context, _NEARNESS.get(s.location, 0), s.phase == _TOTAL, s.at_ms, s.order),
    )
    if best.phase == _TOTAL:
        return _Chosen(best.value, best.at_ms, best.signed)
    alike = [s for s in found if (s.at_ms, s.context, s.location) == (best.at_ms, best.context, best.location)]
    by_line = {s.phase.removesuffix("-N"): s for s in alike if s.phase.removesuffix("-N") in _LINES}
    if not by_line:
        return None
    return _Chosen(sum(s.value for s in by_line.values()), best.at_ms, all(s.signed for s in by_line.values()))
