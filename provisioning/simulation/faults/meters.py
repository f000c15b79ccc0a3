"""The meter of a building says nothing for a while, whatever the building does."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World

MINUTE_MS = 60_000


def _falls_silent(world: World) -> bool:
    metered = [site.building for site in world.sites if site.building is not None]
    if not metered:
        return False
    building = world.universe.random.choice(metered)
    building.silent = True
    world.universe.after(world.universe.between(5, 240) * MINUTE_MS, setattr, building, "silent", False)
    return True


SILENT = Fault("building's meter falls silent", 12, _falls_silent)
