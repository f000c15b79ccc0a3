"""Many seeds, on one core or more: ``easypark simulate``."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from provisioning.simulation.bugs import BUGS
from provisioning.simulation.planting import Bug, planted
from provisioning.simulation.scenario import WEEK_DAYS, Result, Scenario
from provisioning.simulation.story import live

BAR = 30
ASIDE = ("inputs", "events", "batches", "decisions")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. ``seed`` asks for that one alone; ``bug`` is the name of one to plant."""

    scenario: Scenario
    seeds: int
    seed: int | None = None
    jobs: int = 1
    bug: str | None = None

    def command(self, seed: int) -> str:
        """What lives one seed again."""
        bug = f" --bug {self.bug}" if self.bug else ""
        return f"easypark simulate --seed {seed} {self.scenario.command}{bug}"


class UnknownBug(LookupError):  # noqa: N818 - says what is so
    """There is no bug of that name; the message lists those there are."""


def run(wish: Wish) -> int:
    """Live the seeds, show how far it is on standard error and what came of it on standard output. 1 when a seed
    failed. Raises UnknownBug."""
    bug = bug_named(wish.bug)
    seeds = range(wish.seeds) if wish.seed is None else [wish.seed]
    began_real_s = perf_counter()
    total = Result(-1)
    failed = 0
    for done, result in enumerate(_results(seeds, partial(one, scenario=wish.scenario, bug=wish.bug), wish.jobs), 1):
        total.counts += result.counts
        total.faults += result.faults
        total.cpu_s += result.cpu_s
        if result.failures:
            failed += 1
            print(f"\rseed {result.seed} failed: {wish.command(result.seed)}", *result.failures, sep="\n  ", flush=True)
        _show(done, len(seeds), failed)
    print(file=sys.stderr)
    print(*_summary(wish, len(seeds), total, perf_counter() - began_real_s), sep="\n")
    if bug is not None:
        print(f"planted: {bug.name}, {bug.about}")
    print(f"{failed} of {len(seeds)} seeds failed" if failed else "0 lost, 0 doubled, 0 wrongly billed")
    return 1 if failed else 0


def bug_named(name: str | None) -> Bug | None:
    """The planted bug of that name, or none for none. Raises UnknownBug."""
    found = next((bug for bug in BUGS if bug.name == name), None)
    if name is not None and found is None:
        raise UnknownBug(f"there is no bug {name!r}; there are: {', '.join(bug.name for bug in BUGS)}")
    return found


def one(seed: int, *, scenario: Scenario, bug: str | None = None) -> Result:
    """Live one seed, in whatever process this is."""
    with planted(bug_named(bug)):
        return live(seed, scenario)


def _results(seeds: Iterable[int], live_one: "partial[Result]", jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(live_one, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(live_one, seeds)


def _show(done: int, of: int, failed: int) -> None:
    filled = BAR * done // of
    bad = f", {failed} failed" if failed else ""
    print(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done} of {of} seeds{bad}", end="", file=sys.stderr, flush=True)


def _summary(wish: Wish, seeds: int, total: Result, took_real_s: float) -> Iterator[str]:
    weeks = seeds * wish.scenario.facilities * wish.scenario.days / WEEK_DAYS
    rate = total.counts["inputs"] / max(total.cpu_s, 0.001)
    yield f"seeds {seeds}, facility-weeks {weeks:.1f}, {took_real_s:.0f} s with {wish.jobs} at a time"
    yield f"inputs {total.counts['inputs']:,}, {rate:,.0f} a second on one core"
    yield ", ".join(f"{name} {total.counts[name]:,}" for name in ASIDE[1:])
    yield f"faults {total.faults.total():,}: {_listed(total.faults)}"
    yield _listed(Counter({k: v for k, v in total.counts.items() if k not in ASIDE}))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
