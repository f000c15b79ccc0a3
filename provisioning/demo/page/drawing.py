"""Chargers as small bars, a group per power level: the track is the rating, within it the limit and the draw. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from cloud.dashboard.rules.words import kw
from provisioning.demo.page.site import ChargerSeen
from shared.facilities import ChargerLevel, Facility

HEIGHT = 40
OVER = 1.05
"""A draw so far above the limit is more than the meter's tolerance."""

LEVELS = {ChargerLevel.LEVEL1: "Level 1", ChargerLevel.LEVEL2: "Level 2", ChargerLevel.DCFC: "Fast"}


@dataclass(frozen=True, slots=True)
class Bar:
    """Heights of ``HEIGHT``. ``kind``: ``charging``, ``idle``, ``over`` its limit, or ``gone`` (not connected)."""

    kind: str
    limit_h: float
    drawn_h: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """The chargers of one level and rating."""

    level: str
    rating_kw: str
    bars: tuple[Bar, ...]


def bars(facility: Facility, chargers: Iterable[ChargerSeen]) -> tuple[Bars, ...]:
    """Every outlet of the configuration that the box reports, in the order of the configuration."""
    seen = {(c.station_id, c.evse_id): c for c in chargers}
    outlets = [
        (station.level, evse.rating_w, charger)
        for station in facility.stations
        for evse in station.evses
        if (charger := seen.get((station.station_id, evse.evse_id))) is not None
    ]
    outlets.sort(key=lambda o: (list(LEVELS).index(o[0]), o[1]))
    return tuple(
        Bars(LEVELS[level], kw(rating_w), tuple(_bar(charger, rating_w) for _, _, charger in group))
        for (level, rating_w), group in groupby(outlets, key=lambda o: o[:2])
    )


def _bar(charger: ChargerSeen, rating_w: int) -> Bar:
    drawn_w = charger.drawn_w or 0
    return Bar(
        kind=_kind(charger),
        limit_h=_height(charger.limit_w, rating_w),
        drawn_h=_height(drawn_w, rating_w),
        text=f"{charger.station_id}: {kw(charger.drawn_w)} of at most {kw(charger.limit_w)} kW",
    )


def _kind(charger: ChargerSeen) -> str:
    if not charger.connected:
        return "gone"
    if charger.drawn_w and charger.drawn_w > charger.limit_w * OVER:
        return "over"
    return "charging" if charger.drawn_w else "idle"


def _height(watts: int, rating_w: int) -> float:
    return round(min(1.0, watts / rating_w) * HEIGHT, 1)
