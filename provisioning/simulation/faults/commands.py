"""A person's command comes more than once, or when its time is over: whoever gave it heard no answer and tried again.

A ceiling for a charger, because it shows when it is done again: another may have been set since. And a lane that is
opened for whoever stands there, which the broker brings again when somebody else does. It leaves out how the box comes
to know that a command is late (``edge/commands.py``)."""

from dataclasses import replace

from edge.rules.inputs import CommandGiven
from provisioning.simulation.breaking import Fault
from provisioning.simulation.site import Site
from provisioning.simulation.world import World
from shared.commands import Command, OpenGate, SetLimit

IN_TIME_MS = 30_000
HOUR_MS = 3_600_000


def _comes_again(world: World) -> bool:
    universe, site = world.universe, world.any_site()
    if not site.stations:
        return False
    station_id = universe.random.choice(tuple(site.stations))
    limit_w = universe.random.choice((0, 3_000, 11_000))
    _command(world, site, SetLimit(station_id=station_id, evse_id=1, limit_w=limit_w))
    lifted = SetLimit(station_id=station_id, evse_id=1, limit_w=None)
    universe.after(universe.between(IN_TIME_MS, HOUR_MS), _command, world, site, lifted)
    return True


def _opens(world: World) -> bool:
    site = world.any_site()
    _command(world, site, OpenGate(lane_id=world.universe.random.choice(tuple(site.gear))))
    return True


def _command(world: World, site: Site, command: Command) -> None:
    """Give it, most times in time and once more."""
    universe = world.universe
    given = CommandGiven(
        command_id=f"command-{site.facility_id}-{universe.now_ms}-{universe.between(0, 1_000_000)}",
        command=command,
        by="clerk",
        within_ms=IN_TIME_MS,
        until_real_ms=0,
    )
    for _ in range(universe.between(1, 4)):
        late = universe.chance(0.3)
        delay_ms = universe.between(IN_TIME_MS, 6 * HOUR_MS) if late else universe.between(0, IN_TIME_MS)
        universe.after(delay_ms, _deliver, site, site.box.disk.log_id, replace(given, late=late))


def _deliver(site: Site, log_id: str, given: CommandGiven) -> None:
    """A command names the log of the box that it is for; another box does not look at it."""
    if site.box.disk.log_id == log_id:
        site.command(given)


OPENS_AGAIN = Fault("lane opened by hand, again or late", 12, _opens)
COMES_AGAIN = Fault("command comes again or late", 6, _comes_again)
