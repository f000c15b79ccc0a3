"""A person's command comes more than once, or when its time is over: whoever gave it heard no answer and tried again.

A ceiling for a charger, because it shows when it is done again: another may have been set since. It leaves out how the
box comes to know that a command is late (``edge/commands.py``)."""

from dataclasses import replace

from edge.rules.inputs import CommandGiven
from provisioning.simulation.breaking import Fault
from provisioning.simulation.happenings import Commanded
from provisioning.simulation.site import Site
from provisioning.simulation.world import World
from shared.commands import SetLimit

IN_TIME_MS = 30_000
HOUR_MS = 3_600_000


def _comes_again(world: World) -> bool:
    universe, site = world.universe, world.any_site()
    if not site.stations:
        return False
    station_id = universe.random.choice(tuple(site.stations))
    _command(world, site, station_id, universe.random.choice((0, 3_000, 11_000)))
    universe.after(universe.between(IN_TIME_MS, HOUR_MS), _command, world, site, station_id, None)
    return True


def _command(world: World, site: Site, station_id: str, limit_w: int | None) -> None:
    """Give it, most times in time and once more."""
    universe = world.universe
    given = CommandGiven(
        command_id=f"command-{site.facility_id}-{universe.now_ms}-{universe.between(0, 1_000_000)}",
        command=SetLimit(station_id=station_id, evse_id=1, limit_w=limit_w),
        by="clerk",
        within_ms=IN_TIME_MS,
        until_real_ms=0,
    )
    for _ in range(universe.between(1, 4)):
        late = universe.chance(0.3)
        delay_ms = universe.between(IN_TIME_MS, 6 * HOUR_MS) if late else universe.between(0, IN_TIME_MS)
        universe.after(delay_ms, _deliver, world, site, given, late)


def _deliver(world: World, site: Site, given: CommandGiven, late: bool) -> None:
    world.auditor.tell(Commanded(site.facility_id, given.command_id, not late))
    site.box.give(replace(given, late=late))


COMES_AGAIN = Fault("command comes again or late", 6, _comes_again)
