"""What only grows is let go of: a box's log, when the cloud holds it, and the cloud's copies of logs.

A model of ``edge/retention.py`` and of the logs in ``cloud/link/retention.py`` around their own pure rules; a story is
short, so days are hours here. It leaves out what the cloud removes beside the logs (commands, plates, samples, the
payment provider's messages): nothing here is reckoned from those.
"""

from edge.rules.retention import removable
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Removed
from provisioning.simulation.site import Site
from provisioning.simulation.world import World

HOUR_MS = 3_600_000
BOX_KEEPS_HOURS = 24
CLOUD_KEEPS_HOURS = 36


def boxes(world: World) -> None:
    """Every box looks at what it has."""
    for site in world.sites:
        let_go(world, site, site.clock.now_ms() - _kept_ms(world, BOX_KEEPS_HOURS))


def let_go(world: World, site: Site, older_than_ms: int | None) -> bool:
    """Remove what the cloud is known to hold and what is old; however young it is (None) when the disk runs short."""
    disk, acked = site.box.disk, site.link.acked
    if not site.box.up or acked is None:
        return False
    upto = removable(disk.old_entries(), acked=acked, older_than_ms=older_than_ms)
    if upto is not None:
        disk.trim(upto)
        world.auditor.tell(Removed(disk.log_id, upto))
    for log_id, head in _formers(disk, older_than_ms).items():
        world.auditor.tell(Removed(log_id, head))
    return upto is not None


def _formers(disk: Disk, older_than_ms: int | None) -> dict[str, int]:
    """Former logs go whole."""
    before = disk.kept()
    disk.trim_formers(older_than_ms)
    return {log_id: head for log_id, head in before.items() if log_id not in disk.kept()}


def cloud(world: World) -> None:
    """Headquarters keeps what is younger, and how far it holds each log."""
    headquarters = world.headquarters
    if headquarters.up:
        headquarters.tables.let_go(world.universe.now_ms - _kept_ms(world, CLOUD_KEEPS_HOURS))


def _kept_ms(world: World, hours: int) -> int:
    return round(hours * HOUR_MS / world.scenario.pace)
