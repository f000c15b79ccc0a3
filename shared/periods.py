"""Where a session is cut so that within each piece no restriction of its tariff changes.

Cuts fall on durations since the start, on the wall clock of the place (days and times of day, and the two nights a
year when it is put forward or back), on amounts of energy, on the end of a grace and on the windows of caps.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil

from shared.clock import DAY_MS, SECOND_MS, to_local
from shared.pricing import Moment, Period, is_local
from shared.tariffs import ComponentType, Tariff

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Course:
    """How a session went: energy flowed from start to finish, then the car stayed to the end. Of a stay in the
    facility finish and end are one.

    Energy is taken to flow evenly. That is exact unless the tariff changes price with the time of day.
    """

    started_ms: int
    finished_ms: int
    ended_ms: int
    energy_wh: int = 0

    def __post_init__(self) -> None:
        if not self.started_ms <= self.finished_ms <= self.ended_ms or self.energy_wh < 0:
            raise ValueError(f"a course runs forward and its energy is not negative, got {self}")

    @property
    def power_kw(self) -> Decimal | None:
        """The mean while charging, in kW; None when no time passed."""
        charging_ms = self.finished_ms - self.started_ms
        return Decimal(self.energy_wh) * 3_600 / charging_ms if charging_ms else None

    def energy_at(self, at_ms: int) -> int:
        """Wh that had flowed at an instant, in whole Wh so that the parts always sum to the whole."""
        if at_ms >= self.finished_ms:
            return self.energy_wh
        return self.energy_wh * (at_ms - self.started_ms) // (self.finished_ms - self.started_ms)

    def reached_at(self, energy_wh: int) -> int:
        """The instant at which so many Wh had flowed; at most ``self.energy_wh`` may be asked for."""
        return self.started_ms - (self.started_ms - self.finished_ms) * energy_wh // self.energy_wh


def periods(course: Course, tariff: Tariff, *, zone: str, entered_ms: int) -> tuple[Period, ...]:
    """Cut a course for a tariff; there is always at least one period, if an empty one.

    Windows of caps are counted from ``entered_ms``.
    """
    cuts = {*_duration_cuts(course, tariff), *_window_cuts(course, tariff, entered_ms)}
    cuts.update(_wall_cuts(course, tariff, zone))
    points = {(course.started_ms, 0), (course.finished_ms, course.energy_wh), (course.ended_ms, course.energy_wh)}
    points.update((at, course.energy_at(at)) for at in cuts if course.started_ms < at < course.ended_ms)
    points.update((course.reached_at(wh), wh) for wh in _energy_cuts(tariff) if 0 < wh < course.energy_wh)
    ordered = sorted(points)
    spans = pairwise(ordered) if len(ordered) > 1 else [(ordered[0], ordered[0])]
    return tuple(
        Period(_moment(course, zone, begin), _volumes(course, tariff, begin=begin, end=end)) for begin, end in spans
    )


def _moment(course: Course, zone: str, begin: tuple[int, int]) -> Moment:
    at_ms, energy_wh = begin
    return Moment(
        at_ms=at_ms,
        zone=zone,
        elapsed_s=_seconds(at_ms - course.started_ms),
        energy_wh=Decimal(energy_wh),
        idle_s=_seconds(max(0, at_ms - course.finished_ms)),
        power_kw=course.power_kw,
    )


def _volumes(
    course: Course, tariff: Tariff, *, begin: tuple[int, int], end: tuple[int, int]
) -> dict[ComponentType, Decimal]:
    passed_s = _seconds(end[0] - begin[0])
    if tariff.kind == "PARKING":
        return {ComponentType.STAY_TIME: passed_s}
    idle = begin[0] >= course.finished_ms
    return {
        ComponentType.ENERGY: Decimal(end[1] - begin[1]),
        ComponentType.PARKING_TIME if idle else ComponentType.TIME: passed_s,
    }


def _seconds(duration_ms: int) -> Decimal:
    return Decimal(duration_ms) / SECOND_MS


def _duration_cuts(course: Course, tariff: Tariff) -> Iterator[int]:
    for element in tariff.elements:
        for after_s in (element.restrictions.min_duration, element.restrictions.max_duration):
            if after_s is not None:
                yield course.started_ms + after_s * SECOND_MS
        for component in element.price_components:
            yield course.finished_ms + component.grace_s * SECOND_MS


def _energy_cuts(tariff: Tariff) -> Iterator[int]:
    for element in tariff.elements:
        for kwh in (element.restrictions.min_kwh, element.restrictions.max_kwh):
            if kwh is not None:
                yield ceil(kwh * 1_000)


def _window_cuts(course: Course, tariff: Tariff, entered_ms: int) -> Iterator[int]:
    for cap in tariff.caps:
        window_ms = cap.window_s * SECOND_MS
        first = (course.started_ms - entered_ms) // window_ms + 1
        yield from range(entered_ms + first * window_ms, course.ended_ms, window_ms)


def _wall_cuts(course: Course, tariff: Tariff, zone: str) -> Iterator[int]:
    local = [e.restrictions for e in tariff.elements if is_local(e.restrictions)]
    if not local:
        return
    times = {"00:00", *(t for r in local for t in (r.start_time, r.end_time) if t is not None)}
    marks_ms = [(int(t[:2]) * 60 + int(t[3:])) * 60 * SECOND_MS for t in times]
    at_ms = _next_mark(course.started_ms, zone, marks_ms)
    while at_ms < course.ended_ms:
        yield at_ms
        at_ms = _next_mark(at_ms, zone, marks_ms)


def _next_mark(after_ms: int, zone: str, marks_ms: Iterable[int]) -> int:
    """The next instant when the wall clock shows one of the marks, or when it is put forward or back."""
    local = to_local(after_ms, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    shown_ms = (local.replace(tzinfo=None) - midnight) // _MILLISECOND
    ahead_ms = min((mark - shown_ms) % DAY_MS or DAY_MS for mark in marks_ms)
    return _shift_between(after_ms, after_ms + ahead_ms, zone) or after_ms + ahead_ms


def _shift_between(low_ms: int, high_ms: int, zone: str) -> int | None:
    """The first instant with another offset from UTC than ``low_ms`` has, if ``high_ms`` has another one."""
    offset = to_local(low_ms, zone).utcoffset()
    if to_local(high_ms, zone).utcoffset() == offset:
        return None
    while high_ms - low_ms > 1:
        middle_ms = (low_ms + high_ms) // 2
        if to_local(middle_ms, zone).utcoffset() == offset:
            low_ms = middle_ms
        else:
            high_ms = middle_ms
    return high_ms
