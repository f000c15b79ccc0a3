"""A facility's clock jumps. Where there are chargers, by no more than their clocks may be off: the power rule promises
nothing beyond ``drift_s``."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World

LARGEST_MS = 3 * 3_600_000


def _jump(world: World) -> bool:
    site = world.any_site()
    largest_ms = LARGEST_MS if not site.stations else site.settings.power.drift_s * 50
    site.clock.offset_ms += world.universe.between(-largest_ms, largest_ms)
    site.box.look_at_clock()
    return True


JUMP = Fault("clock jumps", 12, _jump)
