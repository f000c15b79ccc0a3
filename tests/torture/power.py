"""The power rule driven at random for as long as one likes: no promise may ever exceed the budget.

``python -m tests.torture --only power --steps 1000000 --jobs 2``
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.builders import facility
from tests.edge.rules.driving import Driver
from tests.edge.rules.test_power_sites import ELECTRICS

LIFE_STEPS = 200
"""One site lives so long; the log that a restart folds stays short."""
RATINGS_W = (11_000, 22_000, 50_000, 150_000)
BUDGETS_W = (60_000, 120_000)
KINDS = ("plain", *sorted(ELECTRICS))
_TELL_EVERY_REAL_S = 30.0
_LIVES_AT_ONCE = 20


def drive(life: int, steps: int = LIFE_STEPS) -> tuple[Driver, int]:
    """Live through one life of a site, all of it drawn from its number; how many steps it took until its end or until a
    judge objected."""
    chance = Random(life)  # noqa: S311 - repeatable, not secret
    base = facility(*RATINGS_W, regular=0, budget_w=BUDGETS_W[chance.randrange(len(BUDGETS_W))])
    kind = KINDS[life % len(KINDS)]
    site = base if kind == "plain" else ELECTRICS[kind](base)
    driver = Driver(site, chance, commissioned=chance.randrange(3) > 0)
    for step in range(1, steps + 1):
        driver.step()
        if driver.site.found:
            return driver, step
    if life % 10 == 0:
        driver.change_the_budget()
    elif kind in ("plain", "manners"):
        driver.heal()
    return driver, steps


def trial(steps: int, first: int, *, jobs: int = 1, say: Callable[[str], None] = print) -> dict[str, object]:
    """Drive about ``steps`` steps from life ``first`` on, in so many processes; what was found is under ``audit``, each
    with the life that shows it."""
    began_real_s = told_real_s = time.perf_counter()
    lives = range(first, first + -(-steps // LIFE_STEPS))
    done, found, peak_pct = 0, list[str](), 0.0
    for lived in _live(lives, jobs):
        done, peak_pct = done + lived.steps, max(peak_pct, lived.peak_pct)
        found += lived.found
        for what in lived.found:
            say(what)
        if time.perf_counter() - told_real_s > _TELL_EVERY_REAL_S:
            told_real_s = time.perf_counter()
            say(f"{done} of {steps} steps, {len(found)} objections")
    return {
        "steps": done,
        "lives": len(lives),
        "steps_per_real_s": round(done / (time.perf_counter() - began_real_s)),
        "most_that_honest_stations_could_draw_pct": round(peak_pct, 1),
        "audit": found,
    }


@dataclass(frozen=True, slots=True)
class _Lived:
    steps: int
    peak_pct: float
    found: tuple[str, ...]


def _live(lives: range, jobs: int) -> Iterator[_Lived]:
    if jobs == 1:
        yield from map(_one, lives)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_one, lives, chunksize=_LIVES_AT_ONCE)


def _one(life: int) -> _Lived:
    driver, took = drive(life)
    found = tuple(f"life {life}: {what}" for what in driver.site.found)
    return _Lived(took, 100 * driver.site.most_w / driver.site.facility.power.budget_w, found)
