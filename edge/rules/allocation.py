"""How to share a power budget among cars. Each policy is one pure function of the same shape; ``proportional`` is the
house's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

STEP_W = 100
"""Shares are rounded down to this, so that a station that rounds to a tenth of an ampere never rounds above it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one car could take. Below ``minimum_w`` it takes nothing at all (IEC 61851: 6 A)."""

    name: str
    wanted_w: int
    minimum_w: int
    since_ms: int


def proportional(requests: Sequence[Request], budget_w: int) -> dict[str, int]:
    """Watts per request: all that is wanted if it fits, else minimum currents first and the rest in proportion to what
    each wants beyond its minimum.

    When not even the minimums fit, those who came first get theirs and the others pause at 0. The sum never exceeds
    ``budget_w``. Does not look at time left or energy needed.
    """
    if sum(r.wanted_w for r in requests) <= budget_w:
        return {r.name: r.wanted_w for r in requests}
    shares = dict.fromkeys((r.name for r in requests), 0)
    served: list[Request] = []
    left_w = max(0, budget_w)
    for request in sorted(requests, key=lambda r: (r.since_ms, r.name)):
        floor_w = min(request.minimum_w, request.wanted_w)
        if request.wanted_w > 0 and floor_w <= left_w:
            shares[request.name] = floor_w
            left_w -= floor_w
            served.append(request)
    beyond_w = sum(r.wanted_w - shares[r.name] for r in served)
    left_w = min(left_w, beyond_w)
    for request in served:
        extra_w = (request.wanted_w - shares[request.name]) * left_w // beyond_w if beyond_w else 0
        floor_w = shares[request.name]
        shares[request.name] = max(floor_w, (floor_w + extra_w) // STEP_W * STEP_W)
    return shares


@lru_cache(maxsize=16)
def fallbacks(ratings_w: tuple[int, ...], budget_w: int) -> tuple[int, ...]:
    """The permanent limit of each EVSE such that all of them together fit the budget: equal, but none above its rating,
    and what small ones leave goes to the others. Rounded down to ``STEP_W``."""
    result = [0] * len(ratings_w)
    left_w = budget_w
    order = sorted(range(len(ratings_w)), key=lambda i: ratings_w[i])
    for done, index in enumerate(order):
        share_w = left_w // (len(order) - done)
        result[index] = min(ratings_w[index], share_w) // STEP_W * STEP_W
        left_w -= result[index]
    return tuple(result)
