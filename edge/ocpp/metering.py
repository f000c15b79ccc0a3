"""Meter values of a station, brought to whole watt-hours, watts and percent (OCPP 2.0.1 part 2, MeterValueType).

Stations differ in what they leave out, so nothing but the number is relied on: a missing or unknown unit is taken as
the base unit, phases are added up only where no total is given, a nonsense number counts as not given. Whether a
reading is believable next to the one before it is for the rules.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from edge.ocpp.moments import instant
from edge.ocpp.rpc import Payload

REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
STATE_OF_CHARGE = "SoC"
_KEPT = frozenset((REGISTER, POWER, STATE_OF_CHARGE))

VALUE_MAX = 10**12
"""A register beyond a terawatt-hour is nonsense."""
_MULTIPLIER_MAX = 9
_NUMBERS = (int, float)
"""Not ``bool``, which is an ``int`` to Python."""
_TOTAL = ""
_LINES = ("L1", "L2", "L3")
_NEARNESS = MappingProxyType({"Outlet": 3, "Cable": 2, "Inlet": 1})
"""How well a place of metering says what a car got. What the car itself says (EV) comes last; it is no meter."""


class Reading(NamedTuple):
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
    """``told`` is the sampled value as it came, ``value`` its number in the base unit."""

    at_ms: int
    order: int
    told: Payload
    value: float

    @property
    def phase(self) -> str:
        phase: str = self.told.get("phase", _TOTAL)
        return phase

    @property
    def location(self) -> str:
        location: str = self.told.get("location", "Outlet")
        return location

    @property
    def context(self) -> str:
        context: str = self.told.get("context", "Sample.Periodic")
        return context


def read(meter_values: Sequence[Payload], *, received_at_ms: int, context: str = "") -> Reading:
    """The reading of a ``meterValue`` array. ``context`` names the ReadingContext to prefer: a Started message's
    register is the one of ``Transaction.Begin``, an Ended one's that of ``Transaction.End``."""
    samples = _samples(meter_values, received_at_ms)
    register = _best(samples.get(REGISTER, ()), context)
    power = _best(samples.get(POWER, ()), context)
    charge = _best(samples.get(STATE_OF_CHARGE, ()), context)
    return Reading(
        at_ms=register.at_ms if register else _newest_ms(samples, received_at_ms),
        register_wh=round(register.value) if register and register.value >= 0 else None,
        power_w=max(0, round(power.value)) if power else None,
        soc_pct=round(charge.value) if charge and 0 <= charge.value <= 100 else None,
        signed=register is not None and register.value >= 0 and register.signed,
    )


def _samples(meter_values: Sequence[Payload], received_at_ms: int) -> dict[str, list[_Sample]]:
    """What there is of each measurand."""
    found: dict[str, list[_Sample]] = {}
    for order, meter_value in enumerate(meter_values):
        at_ms = instant(meter_value.get("timestamp"), received_at_ms)
        for told in meter_value.get("sampledValue", ()):
            measurand = told.get("measurand", REGISTER)
            if measurand in _KEPT and (value := _base_value(told)) is not None:
                found.setdefault(measurand, []).append(_Sample(at_ms, order, told, value))
    return found


def _newest_ms(samples: Mapping[str, Sequence[_Sample]], otherwise_ms: int) -> int:
    return max((s.at_ms for alike in samples.values() for s in alike), default=otherwise_ms)


def _base_value(told: Payload) -> float | None:
    value, measure = told.get("value"), told.get("unitOfMeasure") or {}
    multiplier = measure.get("multiplier", 0)
    if type(value) not in _NUMBERS or abs(multiplier) > _MULTIPLIER_MAX:
        return None
    kilo = str(measure.get("unit", "")).lstrip().startswith(("k", "K"))
    scaled: float = value * 10.0**multiplier * (1_000 if kilo else 1)
    return scaled if abs(scaled) <= VALUE_MAX else None  # infinity and NaN are not


class _Chosen(NamedTuple):
    value: float
    at_ms: int
    signed: bool


def _best(found: Sequence[_Sample], context: str) -> _Chosen | None:
    """Of the preferred context, as near to the car as it is metered, as a total before as a sum of lines, newest."""
    if not found:
        return None
    best = found[0] if len(found) == 1 else max(found, key=lambda s: _preference(s, context))
    if best.phase == _TOTAL:
        return _Chosen(best.value, best.at_ms, _signed(best))
    alike = [s for s in found if (s.at_ms, s.context, s.location) == (best.at_ms, best.context, best.location)]
    by_line = {s.phase.removesuffix("-N"): s for s in alike if s.phase.removesuffix("-N") in _LINES}
    if not by_line:
        return None
    return _Chosen(sum(s.value for s in by_line.values()), best.at_ms, all(_signed(s) for s in by_line.values()))


def _preference(sample: _Sample, context: str) -> tuple[bool, int, bool, int, int]:
    nearness = _NEARNESS.get(sample.location, 0)
    return sample.context == context, nearness, sample.phase == _TOTAL, sample.at_ms, sample.order


def _signed(sample: _Sample) -> bool:
    return bool(sample.told.get("signedMeterValue"))
