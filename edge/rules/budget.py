"""How much the chargers may draw together, now and at every later instant that a promise may reach.

The least of three: the site's budget, that of a peak window that is open, and what the building leaves of the grid
connection. Fallbacks are for ever, so they must fit the least that it can ever be.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from edge.rules.state import FacilityState
from shared.clock import DAY_MS, SECOND_MS, from_datetime, to_local
from shared.facilities import Facility, PeakWindow, PowerSettings

_NO_PEAK_W = 1 << 40


@dataclass(frozen=True, slots=True)
class Budget:
    """``steps``: instants from which a budget holds until the next; the first is long past."""

    steps: tuple[tuple[int, int], ...]

    def at_w(self, at_ms: int) -> int:
        """The budget at an instant."""
        return self.steps[max(0, bisect_right(self.steps, (at_ms, 1 << 62)) - 1)][1]

    def least_w(self, from_ms: int, until_ms: int) -> int:
        """The least that it is between two instants."""
        between = [budget_w for at_ms, budget_w in self.steps if from_ms < at_ms <= until_ms]
        return min([self.at_w(from_ms), *between])

    def falls_ms(self, after_ms: int) -> list[int]:
        """The later instants at which it becomes less."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return [at_ms for (_, before_w), (at_ms, budget_w) in pairs if at_ms > after_ms and budget_w < before_w]


def lowest_w(power: PowerSettings) -> int:
    """The least that the budget can be while the building draws no more than it was said to."""
    return min([_ceiling_w(power, None), *(w.budget_w for w in power.peaks)])


def ahead_ms(power: PowerSettings) -> int:
    """How long a lease of now may last, renewed once, with both clocks off: so long before the budget falls, limits
    begin to come down."""
    return (power.lease_s + power.renew_s + 4 * power.drift_s) * SECOND_MS


def budget(state: FacilityState, facility: Facility, now_ms: int) -> Budget:
    """The budget from now on. Of a building whose meter is silent the worst is assumed, or more if it showed more."""
    power, load_w = facility.power, state.building_load_w
    if power.building is not None and now_ms - state.load_heard_ms > power.building.silent_s * SECOND_MS:
        load_w = max(load_w or 0, power.building.load_w_max)
    ceiling_w = _ceiling_w(power, load_w)
    if not power.peaks:
        return _flat(ceiling_w)
    return Budget(
        tuple((at_ms, min(ceiling_w, peak_w)) for at_ms, peak_w in _peaks(power.peaks, facility.zone, now_ms // DAY_MS))
    )


@lru_cache(maxsize=64)
def _flat(budget_w: int) -> Budget:
    return Budget(((0, budget_w),))


def _ceiling_w(power: PowerSettings, load_w: int | None) -> int:
    building = power.building
    if building is None:
        return power.budget_w
    load_w = building.load_w_max if load_w is None else load_w
    return max(0, min(power.budget_w, building.grid_w - load_w - building.margin_w))


@lru_cache(maxsize=8)
def _peaks(peaks: tuple[PeakWindow, ...], zone: str, day: int) -> tuple[tuple[int, int], ...]:
    """The steps that open windows make, from two days before a day (UTC) to two after."""
    first = to_local(day * DAY_MS, zone).date()
    open_windows = []
    for peak in peaks:
        for date in (first + timedelta(days=n) for n in range(-2, 4)):
            if date.weekday() in peak.days:
                last = date if peak.closes > peak.opens else date + timedelta(days=1)
                opens, closes = time.fromisoformat(peak.opens), time.fromisoformat(peak.closes)
                zoned = (datetime.combine(d, t, ZoneInfo(zone)) for d, t in ((date, opens), (last, closes)))
                open_windows.append((*map(from_datetime, zoned), peak.budget_w))
    edges = sorted({0, *(ms for opens_ms, closes_ms, _ in open_windows for ms in (opens_ms, closes_ms))})

    def least_w(at_ms: int) -> int:
        return min((w for opens_ms, closes_ms, w in open_windows if opens_ms <= at_ms < closes_ms), default=_NO_PEAK_W)

    return tuple((at_ms, least_w(at_ms)) for at_ms in edges)
