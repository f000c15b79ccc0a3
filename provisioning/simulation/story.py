"""One seed from beginning to end: trouble, then healing, then the last look."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provisioning.simulation import elder
from provisioning.simulation.auditor import Book, Subject
from provisioning.simulation.books import BOOKS
from provisioning.simulation.breaking import Fault, strikes
from provisioning.simulation.clerks import CLERKS, Clerk, work
from provisioning.simulation.drivers import DRIVERS
from provisioning.simulation.driving import Driver, arrivals
from provisioning.simulation.faults import FAULTS
from provisioning.simulation.faults.links import mend
from provisioning.simulation.scenario import Result, Scenario
from provisioning.simulation.wire import Quality
from provisioning.simulation.world import World

SLICE_MS = 600_000
BATCHES_A_SLICE_MAX = 2_000
"""Of one facility: more of them say the same thing over and over."""
BEGINNING_MS = 120_000
"""From the first decision to the first car."""
HEALING_MS = 900_000
"""All faults are mended; the boxes go on living."""
DRAINING_MS = 600_000
"""Nothing new happens any more; what is under way arrives."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Who drives, who works at HQ, what breaks, and who keeps books."""

    drivers: tuple[Driver, ...] = DRIVERS
    clerks: tuple[Clerk, ...] = CLERKS
    faults: tuple[Fault, ...] = FAULTS
    books: Sequence[Callable[[Subject], Book]] = BOOKS


EVERYTHING = Parts()


def live(seed: int, scenario: Scenario, parts: Parts = EVERYTHING) -> Result:
    """Live one story. What a rule raises is a failure of that seed, with its traceback."""
    result = Result(seed)
    world = World(seed, scenario, parts.books)
    try:
        _trouble(world, parts)
        if not world.auditor.failures:
            _heal(world)
    except Exception:  # noqa: BLE001 - whatever breaks is what was looked for
        result.failures.append(traceback.format_exc())
    result.failures += world.auditor.failures
    result.counts, result.faults = world.counts, world.faults
    return result


def _trouble(world: World, parts: Parts) -> None:
    universe = world.universe
    start_ms = universe.now_ms
    for site in world.sites:
        universe.after(universe.between(0, 30_000), site.box.start)
    universe.run_until(start_ms + BEGINNING_MS)
    for site in world.sites:
        universe.begin(arrivals(world, site, parts.drivers))
    for clerk in parts.clerks:
        universe.begin(work(world, clerk))
    for fault in parts.faults:
        universe.begin(strikes(world, fault))
    while universe.now_ms < start_ms + world.length_ms and not world.auditor.failures:
        before = world.counts["batches"]
        universe.run_until(min(universe.now_ms + SLICE_MS, start_ms + world.length_ms))
        if world.counts["batches"] - before > BATCHES_A_SLICE_MAX * len(world.sites):
            world.auditor.fail(
                f"{world.counts['batches'] - before} batches in ten minutes: the ends talk past each other"
            )


def _heal(world: World) -> None:
    universe = world.universe
    world.healed = True
    world.headquarters.crash_at_next = None
    for site in world.sites:
        site.box.doom = None
        site.box.start()
        for other in site.name.links[1:]:
            elder.switch_off(site, other)
        site.wire.quality = Quality(delay_ms=site.wire.quality.delay_ms)
        mend(universe, site)
        for gear in site.gear.values():
            gear.recover()
        for station in site.stations.values():
            station.connect()
    world.provider.mend()
    universe.run_until(universe.now_ms + HEALING_MS)
    world.provider.tell_again(world.headquarters.restored_to_ms)
    world.headquarters.retry_parked()
    for site in world.sites:
        site.box.frozen = True
    universe.run_until(universe.now_ms + DRAINING_MS)
    world.last_look(_waiting(world))


def _waiting(world: World) -> list[str]:
    """What should have come to an end."""
    waiting = [f"the job {' '.join(job)} is not done" for job in world.headquarters.tables.all("jobs")]
    for site, link in zip(world.sites, world.links, strict=True):
        head = site.box.disk.head
        if site.link.gap:
            world.counts["logs with a gap"] += 1
        elif site.link.sender.acked != head:
            waiting.append(f"{site.facility_id} has {head} entries and {site.link.sender.acked} acknowledged")
        version = world.headquarters.tables.decisions.version
        if link.sender.acked != version:
            waiting.append(f"{site.facility_id} acknowledged {link.sender.acked} of {version} decisions")
    return waiting
