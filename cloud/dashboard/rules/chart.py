"""The power chart: what was drawn as an area, the promised worst case as a line, the budget as a rule.

Shapes are in a box of 1000 by 100 that the page stretches to its width; labels are placed in per cent of the width, so
that text is never stretched. Time runs left to right to now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from cloud.dashboard.rules.overview import CurvePoint, Watts
from cloud.dashboard.rules.words import kw, minute
from shared.clock import HOUR_MS, MINUTE_MS, to_local

WIDTH, HEIGHT = 1000, 100
LONGEST_MS = 6 * HOUR_MS
GAP_MS = 5 * MINUTE_MS
"""Samples further apart than this are not joined: what was drawn in between is unknown."""
HEADROOM = 1.12
_TICK_EVERY_MS = {1: 15 * MINUTE_MS, 2: 30 * MINUTE_MS, 3: 30 * MINUTE_MS}
_ROOM_PCT = 10.0
"""Labels closer than this to an end of the axis would run into it."""


@dataclass(frozen=True, slots=True)
class Tick:
    at_pct: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """SVG path data. ``budget_y`` None: no budget is known. ``over``: more was drawn than the budget allows."""

    area: str
    worst_case: str
    budget_y: float | None
    budget_pct: float | None
    ticks: tuple[Tick, ...]
    hours: int
    over: bool


def window_ms(curve: Sequence[CurvePoint], now_ms: int) -> int:
    """How much time a chart shows: whole hours back to the first sample, at least one and at most six."""
    if not curve:
        return HOUR_MS
    hours = ceil((now_ms - curve[0].at_ms) / HOUR_MS)
    return min(max(1, hours) * HOUR_MS, LONGEST_MS)


def draw(curve: Sequence[CurvePoint], *, zone: str, now_ms: int) -> Chart:
    """The chart of a curve, oldest point first. An empty curve gives an empty chart with its axis."""
    shown_ms = window_ms(curve, now_ms)
    points = [p for p in curve if now_ms - shown_ms <= p.at_ms <= now_ms]
    highest_w = max([*(p.worst_case_w for p in points), *(p.drawn_w for p in points), *(p.budget_w for p in points), 1])
    scale = _Scale(now_ms - shown_ms, shown_ms, highest_w * HEADROOM)
    runs = _runs(points)
    budget_y = scale.y(points[-1].budget_w) if points else None
    return Chart(
        area="".join(_area(run, scale) for run in runs),
        worst_case="".join(_line(run, scale) for run in runs),
        budget_y=budget_y,
        budget_pct=None if budget_y is None else budget_y * 100 / HEIGHT,
        ticks=_ticks(scale, zone, now_ms),
        hours=shown_ms // HOUR_MS,
        over=any(p.drawn_w > p.budget_w for p in points),
    )


def title(name: str, curve: Sequence[CurvePoint], watts: Watts | None, zone: str) -> str:
    """The chart's title is the answer to its question: how near did this site come to its budget, and when?"""
    if not curve or watts is None:
        return f"No power reading from {name} yet"
    peak = max(curve, key=lambda p: p.drawn_w)
    if not peak.drawn_w:
        return f"Nothing drawn at {name} of {kw(peak.budget_w)} kW"
    return f"{name} peaked at {kw(peak.drawn_w)} of {kw(peak.budget_w)} kW at {minute(peak.peak_at_ms, zone)}"


@dataclass(frozen=True, slots=True)
class _Scale:
    from_ms: int
    span_ms: int
    top_w: float

    def x(self, at_ms: int) -> float:
        return round((at_ms - self.from_ms) * WIDTH / self.span_ms, 1)

    def y(self, watts: int) -> float:
        return round(HEIGHT - watts * HEIGHT / self.top_w, 1)


def _runs(points: Sequence[CurvePoint]) -> list[list[CurvePoint]]:
    """The stretches without a gap."""
    runs: list[list[CurvePoint]] = [[points[0]]] if points else []
    for before, point in pairwise(points):
        if point.at_ms - before.at_ms > GAP_MS:
            runs.append([])
        runs[-1].append(point)
    return runs


def _area(run: Sequence[CurvePoint], scale: _Scale) -> str:
    tops = "".join(f"L{scale.x(p.at_ms):g} {scale.y(p.drawn_w):g}" for p in run)
    return f"M{scale.x(run[0].at_ms):g} {HEIGHT}{tops}L{scale.x(run[-1].at_ms):g} {HEIGHT}Z"


def _line(run: Sequence[CurvePoint], scale: _Scale) -> str:
    points = [f"{scale.x(p.at_ms):g} {scale.y(p.worst_case_w):g}" for p in run]
    return f"M{'L'.join(points)}"


def _ticks(scale: _Scale, zone: str, now_ms: int) -> tuple[Tick, ...]:
    """Round local times. Found by stepping minutes back from now, so that a clock change puts them where they are."""
    every_ms = _TICK_EVERY_MS.get(scale.span_ms // HOUR_MS, HOUR_MS)
    local = to_local(now_ms, zone)
    past_ms = (local.hour * 60 + local.minute) * MINUTE_MS % every_ms + now_ms % MINUTE_MS
    found = []
    at_ms = now_ms - past_ms
    while at_ms > scale.from_ms:
        at_pct = scale.x(at_ms) * 100 / WIDTH
        if _ROOM_PCT <= at_pct <= 100 - _ROOM_PCT:
            found.append(Tick(round(at_pct, 2), minute(at_ms, zone)))
        at_ms -= every_ms
    return tuple(reversed(found))
