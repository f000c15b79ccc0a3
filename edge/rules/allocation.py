"""How to share a power budget among cars, whatever the policy: minimum currents first, then what is left, by weight or
in order. ``edge/rules/policies.py`` says in which order and by which weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

from edge.rules.phases import WHOLE, Weights, load_w, under_w

STEP_W = 100
"""Shares are rounded down to this, so that a station that rounds to a tenth of an ampere never rounds above it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one car could take. Below ``minimum_w`` it takes nothing at all (IEC 61851: 6 A).

    ``priority``: a higher class is served before a lower. ``energy_wh`` and ``departure_ms``: what is still to be
    delivered and when the car leaves, None when nobody told. ``delivered_wh``: what it has got. ``turned_ms``: when it
    was last paused or let go on, and ``paused`` which of the two. ``weights``: what its watts weigh on the site's lines
    (``edge/rules/phases.py``).
    """

    name: str
    wanted_w: int
    minimum_w: int
    since_ms: int
    priority: int = 0
    energy_wh: int | None = None
    departure_ms: int | None = None
    delivered_wh: int = 0
    turned_ms: int | None = None
    paused: bool = True
    weights: Weights = (WHOLE,)


Room = tuple[int, ...]
"""Watts to share out, by row: the sum, then each line of a site that knows its phases."""


@dataclass(frozen=True, slots=True)
class ByWeight:
    """All are lifted at once, each by its weight, until it has what it wants or there is no more. One weight per
    request, above 0."""

    weights: Sequence[float]


@dataclass(frozen=True, slots=True)
class ByRank:
    """One after the other takes all that it wants, the lowest rank first. One rank per request."""

    ranks: Sequence[Any]


Way = ByWeight | ByRank


def share(order: Sequence[Request], room_w: Room, way: Way, *, minimums: bool = True) -> dict[str, int]:
    """Watts per request, never above what is wanted, below a minimum but for 0, or, on any row, above its room.

    All that is wanted if it fits. Else minimum currents in the given order; who is left without pauses at 0. Then, a
    higher class of priority before a lower, the rest in the given way. Without ``minimums`` there are no least shares.
    """
    if fits(order, room_w):
        return {r.name: r.wanted_w for r in order}
    shares_w = [0] * len(order)
    tally = shares_w, [max(0, row_w) for row_w in room_w]
    served = [i for i, r in enumerate(order) if r.wanted_w > 0]
    if minimums:
        served = [i for i in served if _lift(order[i], i, min(order[i].minimum_w, order[i].wanted_w), tally)]
    classes = sorted({order[i].priority for i in served}, reverse=True)
    for priority in classes:
        members = served if len(classes) == 1 else [i for i in served if order[i].priority == priority]
        if isinstance(way, ByRank):
            ranks = way.ranks
            for i in sorted(members, key=lambda i: ranks[i]):
                _top_up(order[i], i, order[i].wanted_w, tally)
        else:
            _by_weight(order, members, way.weights, tally)
    return {r.name: shares_w[i] for i, r in enumerate(order)}


def fits(requests: Sequence[Request], room_w: Sequence[int]) -> bool:
    """Whether all get what they want."""
    if sum([r.wanted_w for r in requests]) > room_w[0]:
        return False
    rows = range(1, len(room_w))
    return all(sum(load_w(r.wanted_w, r.weights[row]) for r in requests) <= room_w[row] for row in rows)


_Tally = tuple[list[int], list[int]]
"""Shares given so far by request, and what is left by row; both are changed in place."""


def _lift(request: Request, i: int, share_w: int, tally: _Tally) -> bool:
    """Bring one share to ``share_w`` if the rows hold that."""
    shares_w, left_w = tally
    had_w = shares_w[i]
    if len(left_w) == 1:
        if share_w - had_w > left_w[0]:
            return False
        left_w[0] += had_w - share_w
    else:
        more_w = [load_w(share_w, weight) - load_w(had_w, weight) for weight in request.weights]
        if any(more > left for more, left in zip(more_w, left_w, strict=True)):
            return False
        left_w[:] = [left - more for more, left in zip(more_w, left_w, strict=True)]
    shares_w[i] = share_w
    return True


def _top_up(request: Request, i: int, share_w: int, tally: _Tally) -> None:
    """Bring one share as near to ``share_w`` as the rows hold, in whole steps unless that is all that is wanted."""
    shares_w, left_w = tally
    had_w = shares_w[i]
    if share_w - had_w > left_w[0] or len(left_w) > 1:
        room_w = min(under_w(row_w, weight) for row_w, weight in zip(left_w, request.weights, strict=True) if weight)
        share_w = min(share_w, had_w + room_w)
    if share_w < request.wanted_w:
        share_w = share_w // STEP_W * STEP_W
    if share_w > had_w and len(left_w) == 1:
        left_w[0] += had_w - share_w
        shares_w[i] = share_w
    elif share_w > had_w:
        _lift(request, i, share_w, tally)


def _by_weight(order: Sequence[Request], members: Sequence[int], weights: Sequence[float], tally: _Tally) -> None:
    """Lift until a row is full; who is on a full row stays, the others go on. Last, what rounding left over."""
    shares_w, left_w = tally
    rising = list(members)
    while rising:
        beyond_w = [order[i].wanted_w - shares_w[i] for i in rising]
        by = [weights[i] for i in rising]
        levels = [
            _level(beyond_w, by, None if row == 0 else [order[i].weights[row] for i in rising], row_w)
            for row, row_w in enumerate(left_w)
        ]
        level = min(levels)
        full = levels.index(level)
        staying = rising if level == inf or full == 0 else [i for i in rising if order[i].weights[full]]
        for i in staying:
            request = order[i]
            _top_up(request, i, int(min(request.wanted_w, shares_w[i] + level * weights[i])), tally)
        gone = set(staying)
        rising = [i for i in rising if i not in gone]
    for i in members:
        if left_w[0] < STEP_W:
            return
        if shares_w[i] < order[i].wanted_w:
            _top_up(order[i], i, min(order[i].wanted_w, shares_w[i] + STEP_W), tally)


def _level(beyond_w: Sequence[int], by: Sequence[float], loads: Sequence[int] | None, left_w: float) -> float:
    """How far all can be lifted until a row is full; infinity when it never is. What they want beyond their shares, by
    which weight they rise, and what a watt of theirs weighs on the row (None: one watt)."""
    if loads is None:
        tops = [(beyond / weight, weight) for beyond, weight in zip(beyond_w, by, strict=True)]
    else:
        rows = zip(beyond_w, by, loads, strict=True)
        tops = [(beyond / weight, weight * load / WHOLE) for beyond, weight, load in rows if load]
    tops.sort()
    total = sum([weight for _, weight in tops])
    for top, weight in tops:
        if top * total >= left_w:
            return left_w / total if total > 0 else inf
        left_w -= top * weight
        total -= weight
    return inf


@lru_cache(maxsize=16)
def fallbacks(ratings_w: tuple[int, ...], budget_w: int, weights: tuple[Weights, ...] = ()) -> tuple[int, ...]:
    """The permanent limit of each EVSE such that all of them together fit the budget on every row: equal, but none
    above its rating, and what small ones leave goes to the others. Rounded down to ``STEP_W``."""
    if not ratings_w:
        return ()
    weighed = weights or ((WHOLE,),) * len(ratings_w)
    asked = [
        Request(str(i), rating_w // STEP_W * STEP_W, 0, 0, weights=weighed[i]) for i, rating_w in enumerate(ratings_w)
    ]
    shares = share(asked, (budget_w,) * len(weighed[0]), ByWeight([1.0] * len(asked)))
    return tuple(shares[r.name] // STEP_W * STEP_W for r in asked)
