"""Many seeds, on one core or more: ``easypark simulate``."""

import gc
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import active_children
from time import perf_counter, process_time

from provisioning.simulation.bugs import BUGS
from provisioning.simulation.planting import Bug, planted
from provisioning.simulation.scenario import WEEK_DAYS, Result, Scenario
from provisioning.simulation.story import live

BAR = 30
INTERRUPTED = 130
"""The exit code of whoever was ended by SIGINT."""
COLLECTED_AFTER = 1_000_000
"""Objects that are made, more than are forgotten, before garbage is looked for."""
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


@dataclass(slots=True)
class _Tally:
    """What came of the seeds so far."""

    of: int
    done: int = 0
    failed: int = 0
    total: Result = field(default_factory=lambda: Result(-1))

    def add(self, result: Result) -> None:
        self.done += 1
        self.failed += bool(result.failures)
        self.total.counts += result.counts
        self.total.faults += result.faults
        self.total.cpu_s += result.cpu_s


def run(wish: Wish) -> int:
    """Live the seeds, show how far it is on standard error and what came of it on standard output. 1 when a seed
    failed, 130 when it was interrupted. Raises UnknownBug."""
    bug = bug_named(wish.bug)
    seeds = range(wish.seeds) if wish.seed is None else [wish.seed]
    began_real_s = perf_counter()
    tally = _Tally(len(seeds))
    interrupted = False
    _show(tally)
    try:
        for result in _results(seeds, partial(one, scenario=wish.scenario, bug=wish.bug), wish.jobs):
            tally.add(result)
            if result.failures:
                print(file=sys.stderr, flush=True)
                print(
                    f"seed {result.seed} failed: {wish.command(result.seed)}", *result.failures, sep="\n  ", flush=True
                )
            _show(tally)
    except KeyboardInterrupt:
        interrupted = True
    print(file=sys.stderr, flush=True)
    if tally.done:
        print(*_summary(wish, tally, perf_counter() - began_real_s), sep="\n")
    if bug is not None:
        print(f"planted: {bug.name}, {bug.about}")
    if tally.done:
        print(f"{tally.failed} of {tally.done} seeds failed" if tally.failed else "0 lost, 0 doubled, 0 wrongly billed")
    if interrupted:
        print(f"interrupted: {tally.of - tally.done} of {tally.of} seeds were not lived to the end")
        return INTERRUPTED
    return 1 if tally.failed else 0


def bug_named(name: str | None) -> Bug | None:
    """The planted bug of that name, or none for none. Raises UnknownBug."""
    found = next((bug for bug in BUGS if bug.name == name), None)
    if name is not None and found is None:
        raise UnknownBug(f"there is no bug {name!r}; there are: {', '.join(bug.name for bug in BUGS)}")
    return found


def one(seed: int, *, scenario: Scenario, bug: str | None = None) -> Result:
    """Live one seed, in whatever process this is. To clear up after it counts as its time."""
    began_cpu_s = process_time()
    with planted(bug_named(bug)), _seldom_collected():
        result = live(seed, scenario)
    result.cpu_s = process_time() - began_cpu_s
    return result


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """A story keeps nearly all that it makes and makes few cycles: Python's own rhythm of looking for them takes a
    twentieth of its time. The story itself is one at its end."""
    rhythm = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER, *rhythm[1:])
    try:
        yield
    finally:
        gc.collect()
        gc.set_threshold(*rhythm)
        gc.unfreeze()


def _results(seeds: Iterable[int], live_one: "partial[Result]", jobs: int) -> Iterator[Result]:
    """In the order of the seeds."""
    if jobs == 1:
        yield from map(live_one, seeds)
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        with _uninterrupted():
            lived = [pool.submit(live_one, seed) for seed in seeds]
        for each in lived:
            yield each.result()
    except BaseException:
        for worker in active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Workers that are made here are deaf to the SIGINT that a terminal sends to them as well: whoever made them ends
    them. A pool whose workers end by themselves while what waits is being cancelled prints a trace."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _show(tally: _Tally) -> None:
    filled = BAR * tally.done // tally.of
    bad = f", {tally.failed} failed" if tally.failed else ""
    bar = "#" * filled + "." * (BAR - filled)
    print(f"\r[{bar}] {tally.done} of {tally.of} seeds{bad}", end="", file=sys.stderr, flush=True)


def _summary(wish: Wish, tally: _Tally, took_real_s: float) -> Iterator[str]:
    total, inputs = tally.total, tally.total.counts["inputs"]
    weeks = (tally.done - tally.failed) * wish.scenario.facilities * wish.scenario.days / WEEK_DAYS
    cpu_s = max(total.cpu_s, 0.001)
    yield f"seeds {tally.done}, facility-weeks {weeks:.1f}, {took_real_s:.0f} s with {wish.jobs} at a time"
    together = f", {inputs / max(took_real_s, 0.001):,.0f} a second in all" if wish.jobs > 1 else ""
    yield f"inputs {inputs:,}, {inputs / cpu_s:,.0f} a second on one core by its CPU time{together}"
    if not tally.failed:
        yield f"a facility-week takes {cpu_s / weeks:.2f} s of CPU time"
    yield ", ".join(f"{name} {total.counts[name]:,}" for name in ASIDE[1:])
    yield f"faults {total.faults.total():,}: {_listed(total.faults)}"
    yield _listed(Counter({k: v for k, v in total.counts.items() if k not in ASIDE}))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
