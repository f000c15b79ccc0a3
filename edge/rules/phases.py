"""What a watt at an EVSE weighs on each line of the site's supply.

The supply has three phases and each carries a third of the budget. Every weight is in thousandths of what a balanced
three-phase load would weigh, so that all rows have one budget: the site's. The first row is the sum of all watts; the
others are there only at a site that knows the phases of an EVSE.

A load between two lines (208 V in America) draws on both, out of step with each by 30 degrees. Two such loads on one
line add up to less than the sum of their currents: with a and b of them on its two neighbours, at most the larger and
0.732 of the smaller. That is exact when one of them is 0 or both are equal and on the safe side between (the true sum
is convex). Which is the larger is not known beforehand, so a line has a row for each case.
"""

from functools import lru_cache

from shared.facilities import ChargerLevel, Facility

WHOLE = 1_000
"""The weight of a watt of a balanced three-phase load."""
_ALONE = 3 * WHOLE
_LARGER = 1_733
_SMALLER = 1_268
_PAIRS = {"L1": ("L1L2", "L3L1"), "L2": ("L1L2", "L2L3"), "L3": ("L2L3", "L3L1")}
_ROWS = tuple((line, larger) for line, pairs in _PAIRS.items() for larger in pairs)
_PAIR_NAMES = {frozenset((pair[:2], pair[2:])): pair for pair in ("L1L2", "L2L3", "L3L1")}

Weights = tuple[int, ...]
"""One weight per row; only the first at a site that knows no phases."""


def weights(facility: Facility) -> tuple[Weights, ...]:
    """The weights of each EVSE, in configured order."""
    dc = ChargerLevel.DCFC
    return _weights(
        tuple([(e.phases, s.level is dc or e.limit_unit == "A") for s in facility.stations for e in s.evses])
    )


@lru_cache(maxsize=64)
def _weights(feeds: tuple[tuple[str, bool], ...]) -> tuple[Weights, ...]:
    if not any(phases for phases, _ in feeds):
        return ((WHOLE,),) * len(feeds)
    return tuple((WHOLE, *(_weight(feed, line, larger) for line, larger in _ROWS)) for feed in feeds)


def _weight(feed: tuple[str, bool], line: str, larger: str) -> int:
    """``feed``: the phases, and whether three of them carry the same whatever the car is."""
    phases, balanced = feed
    lines = frozenset(phases[i : i + 2] for i in range(0, len(phases), 2))
    if not lines:
        return _ALONE
    if line not in lines:
        return 0
    if len(lines) == 1:
        return _ALONE
    if len(lines) == 2:
        return _LARGER if _PAIR_NAMES[lines] == larger else _SMALLER
    # A limit in watts says nothing of lines: a car that charges on one phase takes all of it there.
    # A limit in amperes holds on each line.
    return WHOLE if balanced else _ALONE


def load_w(limit_w: int, weight: int) -> int:
    """What a limit weighs on a row, rounded up."""
    return limit_w if weight == WHOLE else -(-limit_w * weight // WHOLE)


def under_w(room_w: int, weight: int) -> int:
    """The highest limit that weighs no more than ``room_w`` on a row on which it weighs at all."""
    return room_w if weight == WHOLE else room_w * WHOLE // weight
