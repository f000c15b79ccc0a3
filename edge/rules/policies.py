"""The policies by which a budget is shared. Each is one pure function of the same shape, so another can stand beside.

When not even the minimum currents of all fit, some pause and turns rotate: who has begun a turn keeps it for
``TURN_MS`` so that contactors do not flap, then those wait who charged last. First come, first served is the exception:
there the last to come wait.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from edge.rules.allocation import ByRank, ByWeight, Request, Room, Way, fits, share
from shared.clock import HOUR_MS, MINUTE_MS
from shared.facilities import PolicyName

TURN_MS = 15 * MINUTE_MS
"""How long a car that was let go on is not paused again for another's turn."""
SLACK_MS_MIN = 5 * MINUTE_MS
"""A car with less slack than this counts as having this much."""
SLACK_UNKNOWN_MS = 2 * HOUR_MS
"""The slack of a car that nobody told a departure or a need of, where slack decides the order."""

Policy = Callable[[Sequence[Request], Room, int], dict[str, int]]
"""Watts per request, of the room on each row, at an instant. See ``edge.rules.allocation.share``."""


def slack_ms(request: Request, now_ms: int) -> int | None:
    """How long the car could wait and still be full in time at all that it can take; None when need or departure is not
    known, or the departure has passed (then what was told no longer holds)."""
    if request.energy_wh is None or request.departure_ms is None or request.departure_ms <= now_ms:
        return None
    return request.departure_ms - now_ms - request.energy_wh * HOUR_MS // max(1, request.wanted_w)


def need_proportional(requests: Sequence[Request], room_w: Room, now_ms: int) -> dict[str, int]:
    """The house's. In proportion to the power that would just do (remaining energy over remaining time), the more the
    less slack there is: at an hour of slack once, at half an hour twice. Where that is not known, in proportion to what
    the car can take."""
    if fits(requests, room_w):
        return {r.name: r.wanted_w for r in requests}
    order = _by_turns(requests, now_ms)
    return _with_turns(order, room_w, now_ms, ByWeight([_need(r, now_ms) for r in order]))


def _need(request: Request, now_ms: int) -> float:
    slack = slack_ms(request, now_ms)
    if slack is None or request.energy_wh is None or request.departure_ms is None:
        return max(1.0, request.wanted_w)
    needed_w = max(1, request.energy_wh) * HOUR_MS / (request.departure_ms - now_ms)
    return needed_w * HOUR_MS / max(slack, SLACK_MS_MIN)


def proportional(requests: Sequence[Request], room_w: Room, now_ms: int) -> dict[str, int]:
    """In proportion to what each car can take."""
    order = _by_turns(requests, now_ms)
    return share(order, room_w, ByWeight([max(1.0, r.wanted_w) for r in order]))


def equal(requests: Sequence[Request], room_w: Room, now_ms: int) -> dict[str, int]:
    """The same for each; what one cannot take goes to the others."""
    order = _by_turns(requests, now_ms)
    return share(order, room_w, ByWeight([1.0] * len(order)))


def first_come(requests: Sequence[Request], room_w: Room, _now_ms: int) -> dict[str, int]:
    """All that they can take for those who came first; minimum currents for the others."""
    order = sorted(requests, key=lambda r: (-r.priority, r.since_ms, r.name))
    return share(order, room_w, ByRank(range(len(order))))


def least_laxity(requests: Sequence[Request], room_w: Room, now_ms: int) -> dict[str, int]:
    """All that they can take for those who could wait least; minimum currents for others of whom that is not known."""
    if fits(requests, room_w):
        return {r.name: r.wanted_w for r in requests}
    order = _by_turns(requests, now_ms)
    slacks = [slack_ms(r, now_ms) for r in order]
    ranks = [(SLACK_UNKNOWN_MS if slack is None else slack, r.since_ms) for slack, r in zip(slacks, order, strict=True)]
    return _with_turns(order, room_w, now_ms, ByRank(ranks))


def _with_turns(order: Sequence[Request], room_w: Room, now_ms: int, way: Way) -> dict[str, int]:
    """Where need and departure are known, a share below the minimum current is given as turns at the minimum: as many
    at a time as those shares together pay for. Such cars can wait, so their minimums come not before others' needs."""
    ideal_w = share(order, room_w, way, minimums=False)
    low = [r for r in order if 0 <= ideal_w[r.name] < min(r.minimum_w, r.wanted_w) and slack_ms(r, now_ms) is not None]
    if not low:
        return share(order, room_w, way)
    left_w = sum([ideal_w[r.name] for r in low])
    waiting = set()
    for request in low:
        if not _in_turn(request, now_ms) and request.minimum_w > left_w:
            waiting.add(request.name)
        else:
            left_w -= request.minimum_w
    on = [i for i, r in enumerate(order) if r.name not in waiting]
    return dict.fromkeys(waiting, 0) | share([order[i] for i in on], room_w, _of_those(way, on))


def _of_those(way: Way, kept: Sequence[int]) -> Way:
    if isinstance(way, ByWeight):
        return ByWeight([way.weights[i] for i in kept])
    return ByRank([way.ranks[i] for i in kept])


def _in_turn(request: Request, now_ms: int) -> bool:
    return not request.paused and request.turned_ms is not None and now_ms - request.turned_ms < TURN_MS


def _by_turns(requests: Sequence[Request], now_ms: int) -> list[Request]:
    """Who may go on first: those in their turn, then those who wait, the longest first, then those whose turn is up."""

    def order(request: Request) -> tuple[int, int, int, int, str]:
        # Of those who stopped together, the one that has got least goes on first: turns come out even.
        since_ms = request.since_ms
        turned_ms = since_ms if request.turned_ms is None or request.turned_ms < since_ms else request.turned_ms
        rank = 1 if request.paused else 0 if now_ms - turned_ms < TURN_MS else 2
        return -request.priority, rank, turned_ms, request.delivered_wh, request.name

    return sorted(requests, key=order)


POLICIES: Mapping[PolicyName, Policy] = MappingProxyType(
    {
        "need": need_proportional,
        "proportional": proportional,
        "equal": equal,
        "first-come": first_come,
        "least-laxity": least_laxity,
    }
)
