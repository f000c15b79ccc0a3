"""A box is replaced: by an empty one, or by one that begins with a copy of its disk made hours before.

What was written since that copy, or ever, and had not reached the cloud is gone with the old box; what had, the cloud
keeps. Mostly the new one is there within seconds, while stations still hold what the old one gave them. Sometimes
the old one is switched on again. It leaves out a file that is rolled back unknown to its box.
"""

from itertools import count

from provisioning.simulation import elder, keeping
from provisioning.simulation.breaking import Fault
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Chosen, Copied, Replaced
from provisioning.simulation.site import Site
from provisioning.simulation.world import World

MINUTE_MS = 60_000
_copies = count(1)


def _emptied(world: World) -> bool:
    site = world.any_site()
    _replace(world, site, Disk(site.facility_id, _next_log_id(site)), None)
    return True


def _put_back(world: World) -> bool:
    """A copy is made now, and the box is replaced by one with it later."""
    site, copy_id = world.any_site(), next(_copies)
    copy = site.box.disk.copy()
    world.auditor.tell(Copied(site.facility_id, copy_id))
    later_ms = round(world.universe.between(10, 24 * 60) * MINUTE_MS / world.scenario.pace)
    world.universe.after(later_ms, _begin_with, world, site, copy, copy_id)
    return True


def _begin_with(world: World, site: Site, copy: Disk, copy_id: int) -> None:
    """A copy of a log that was itself replaced meanwhile is nobody's any more."""
    if not world.healed and copy.log_id == site.box.disk.log_id:
        _replace(world, site, copy.begun_anew(_next_log_id(site), site.clock.now_ms()), copy_id)


def _replace(world: World, site: Site, disk: Disk, copy_id: int | None) -> None:
    box, old = site.box, site.box.disk
    if box.up:
        box.crash()
    world.auditor.tell(Replaced(site.facility_id, copy_id, disk.kept()))
    box.have(disk)
    universe = world.universe
    away_ms = universe.between(1_000, 30_000) if universe.chance(0.7) else universe.between(1, 60) * MINUTE_MS
    universe.after(away_ms, box.start)
    if universe.chance(0.5) and len(site.name.links) == 1:
        _live_on(world, site, old)


def _live_on(world: World, site: Site, disk: Disk) -> None:
    """The old box is switched on again somewhere, for hours; a person may find out, and say which one counts."""
    universe, other = world.universe, elder.live_on(world.around, site, disk)
    world.counts["boxes that lived on"] += 1
    universe.after(universe.between(0, 30) * MINUTE_MS, other.start)
    lives_ms = round(universe.between(10, 24 * 60) * MINUTE_MS / world.scenario.pace)
    universe.after(lives_ms, elder.switch_off, site, other)
    if universe.chance(0.5):
        universe.after(lives_ms // 2, _choose, world, site)


def _choose(world: World, site: Site) -> None:
    world.headquarters.tables.rows.setdefault("boxes", {})[site.facility_id] = site.box.disk.log_id
    world.auditor.tell(Chosen(site.facility_id, site.box.disk.log_id))


def _next_log_id(site: Site) -> str:
    """The last with its number one up."""
    former, _, number = site.box.disk.log_id.rpartition("-")
    return f"{former}-{int(number) + 1}"


def _runs_short(world: World) -> bool:
    return keeping.let_go(world, world.any_site(), None)


RUNS_SHORT = Fault("disk runs short", 16, _runs_short)
EMPTIED = Fault("box replaced by an empty one", 168, _emptied)
PUT_BACK = Fault("box replaced by one with a copy", 120, _put_back)
