"""A facility's wall clock is moved, by up to hours: a dead battery, a hand, a wrong rule for summer."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World

LARGEST_MS = 5 * 3_600_000


def _jump(world: World) -> bool:
    site = world.any_site()
    largest_ms = world.universe.random.choice((3_000, 60_000, 600_000, LARGEST_MS))
    site.box.wall_off_ms += world.universe.between(-largest_ms, largest_ms)
    site.box.look_at_clock()
    return True


JUMP = Fault("clock jumps", 12, _jump)
