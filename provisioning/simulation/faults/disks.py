"""A box is replaced: by an empty one, or by one that begins with a copy of its disk made hours before.

What was written since that copy, or ever, and had not reached the cloud is gone with the old box; what had, the cloud
keeps. Nobody replaces a box sooner than the longest lease of the old one ends. It leaves out an old box that lives on
beside the new one (``cloud/link/boxes.py``) and a file that is rolled back unknown to its box.
"""

from itertools import count

from provisioning.simulation.breaking import Fault
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Copied, Replaced
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
    box = site.box
    if box.up:
        box.crash()
    world.auditor.tell(Replaced(site.facility_id, copy_id, disk.kept()))
    box.have(disk)
    world.universe.after(_lease_ms(site) + world.universe.between(1, 60) * MINUTE_MS, box.start)


def _lease_ms(site: Site) -> int:
    power = site.settings.power
    return (power.lease_s + 2 * power.drift_s) * 1_000


def _next_log_id(site: Site) -> str:
    """The last with its number one up."""
    former, _, number = site.box.disk.log_id.rpartition("-")
    return f"{former}-{int(number) + 1}"


EMPTIED = Fault("box replaced by an empty one", 168, _emptied)
PUT_BACK = Fault("box replaced by one with a copy", 120, _put_back)
