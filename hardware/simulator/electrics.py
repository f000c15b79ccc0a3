"""What an EV draws and how its battery fills: pure arithmetic over lived time, exact and not stepped.

A battery takes its car's maximum up to 80 % and then less and less, in a straight line down to a tenth at 100 %. The
outlet gives at most its limit; below the outlet's minimum (IEC 61851: 6 A) it gives nothing.
"""

import math
from dataclasses import dataclass, replace

TAPER_SOC = 0.8
FULL_SHARE = 0.1
"""The share of the car's maximum that it still takes when it is full."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Car:
    """An EV at a plug. ``wanted_wh`` is what its driver wants in it at the end, at most ``capacity_wh``.
    ``owner`` tells cars apart and changes nothing."""

    capacity_wh: float
    stored_wh: float
    wanted_wh: float
    max_w: float
    owner: str = ""

    @property
    def soc_pct(self) -> int:
        """State of charge in whole percent."""
        return round(100 * self.stored_wh / self.capacity_wh)

    @property
    def full(self) -> bool:
        """Whether the car takes no more: it has what its driver wanted."""
        return self.stored_wh >= self.wanted_wh - 1e-6

    @property
    def accepts_w(self) -> float:
        """The most that the car takes now."""
        if self.full:
            return 0.0
        return min(self.max_w, _slope_per_h(self) * (_nothing_wh(self) - self.stored_wh))


def cap_w(limit_w: float | None, rating_w: float, minimum_w: float) -> float:
    """The most that an outlet gives: its rating, or its limit if one is in force (None: none is). 0 below the minimum,
    because a car cannot be told to take less than that."""
    given_w = rating_w if limit_w is None else min(rating_w, limit_w)
    return given_w if given_w >= minimum_w and given_w > 0 else 0.0


def draws_w(car: Car, given_w: float) -> float:
    """What a car draws from an outlet that gives at most ``given_w``."""
    return min(given_w, car.accepts_w)


def charge(car: Car, given_w: float, duration_ms: float) -> Car:
    """The car after ``duration_ms`` at an outlet that gave at most ``given_w`` all that time."""
    if given_w <= 0 or car.full or duration_ms <= 0:
        return car
    hours = duration_ms / HOUR_MS
    flat_w, bend_wh = _flat(car, given_w)
    flat_h = max(0.0, (bend_wh - car.stored_wh) / flat_w)
    if hours <= flat_h:
        stored_wh = car.stored_wh + flat_w * hours
    else:
        start_wh = max(car.stored_wh, bend_wh)
        nothing_wh = _nothing_wh(car)
        stored_wh = nothing_wh - (nothing_wh - start_wh) * math.exp(-_slope_per_h(car) * (hours - flat_h))
    return replace(car, stored_wh=min(stored_wh, car.wanted_wh))


def time_to_full_ms(car: Car, given_w: float) -> float | None:
    """How long until the car has what its driver wanted; None when it never will at this rate."""
    if car.full:
        return 0.0
    if given_w <= 0:
        return None
    flat_w, bend_wh = _flat(car, given_w)
    flat_h = max(0.0, (min(bend_wh, car.wanted_wh) - car.stored_wh) / flat_w)
    start_wh = max(car.stored_wh, bend_wh)
    if car.wanted_wh <= start_wh:
        return flat_h * HOUR_MS
    nothing_wh = _nothing_wh(car)
    return (flat_h + math.log((nothing_wh - start_wh) / (nothing_wh - car.wanted_wh)) / _slope_per_h(car)) * HOUR_MS


def _slope_per_h(car: Car) -> float:
    """How fast the accepted power falls above the taper: W per Wh, so per hour."""
    return car.max_w * (1 - FULL_SHARE) / (car.capacity_wh * (1 - TAPER_SOC))


def _nothing_wh(car: Car) -> float:
    """Where the falling line would reach zero: above the capacity, so never reached."""
    return car.capacity_wh * TAPER_SOC + car.max_w / _slope_per_h(car)


def _flat(car: Car, given_w: float) -> tuple[float, float]:
    """The power before the taper bites, and the stored energy at which it does."""
    flat_w = min(given_w, car.max_w)
    return flat_w, _nothing_wh(car) - flat_w / _slope_per_h(car)
