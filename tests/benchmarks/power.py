"""How long the power rule thinks: one decision of each policy, and one look at all promises of a facility."""

import random
import time
from collections.abc import Callable
from functools import partial

from edge.rules import power, stirring
from edge.rules.allocation import Request
from edge.rules.policies import POLICIES
from edge.rules.turn import Turn
from shared.clock import HOUR_MS
from tests.benchmarks.figures import Figure
from tests.builders import facility
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import charge

BARS_US = {25: 100, 1_000: 5_000}
"""How long a decision may take, by the number of cars."""
SCALING = "every request scaled by budget / sum"


def measure(rounds: int) -> list[Figure]:
    """Microseconds, the least of several rounds: neighbours only ever make it longer."""
    return [*_decisions(rounds), _look(rounds)]


def _decisions(rounds: int) -> list[Figure]:
    figures = []
    for cars, bar_us in BARS_US.items():
        asked = _requests(cars)
        budget_w = sum(r.wanted_w for r in asked) // 2
        bare_us = _least_us(partial(_scale, asked, budget_w), rounds)
        for name, policy in POLICIES.items():
            least_us = _least_us(partial(policy, asked, (budget_w,), 100), rounds)
            figures.append(Figure(f"share by {name}, {cars} cars (bar {bar_us})", "us", least_us, bare_us, SCALING))
    return figures


def _scale(asked: list[Request], budget_w: int) -> dict[str, int]:
    wanted_w = sum(r.wanted_w for r in asked)
    return {r.name: r.wanted_w * budget_w // wanted_w for r in asked}


def _requests(cars: int) -> list[Request]:
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    return [
        Request(
            f"cs-{i}",
            wanted_w=chance.choice([6_656, 11_000, 50_000]),
            minimum_w=1_248,
            since_ms=i,
            energy_wh=chance.randint(1_000, 40_000),
            departure_ms=chance.randint(1, 12) * HOUR_MS,
            turned_ms=0,
            paused=False,
        )
        for i in range(cars)
    ]


def _look(rounds: int) -> Figure:
    site = Site(facility(*[50_000] * 25, regular=0, budget_w=400_000))
    site.connect(*[f"cs-{n}" for n in range(1, 26)])
    for number in range(1, 26):
        charge(site, number)
        site.accept_limits()
    site.wait(30)
    site.accept_limits()
    look_us = _least_us(lambda: power.settle(_turn(site)), rounds)
    bare_us = _least_us(lambda: stirring.due(_turn(site), by_timer=True), rounds)
    return Figure("a look at all promises, 25 stations", "us", look_us, bare_us, "asking whether to look")


def _turn(site: Site) -> Turn:
    return Turn(site.state, site.knowledge, site.now_ms)


def _least_us(act: Callable[[], object], rounds: int) -> float:
    least_s = float("inf")
    for _ in range(rounds):
        began_s = time.perf_counter()
        act()
        least_s = min(least_s, time.perf_counter() - began_s)
    return least_s * 1e6
