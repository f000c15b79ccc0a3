"""A device of a lane dies for a while: its barrier, its loops, its camera."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World
from shared.devices import Device

MINUTE_MS = 60_000


def _dies(world: World) -> bool:
    gear = world.universe.random.choice([g for site in world.sites for g in site.gear.values()])
    if gear.failed is not None:
        return False
    gear.fail(world.universe.random.choice((Device.BARRIER, Device.LOOP, Device.PLATE_READER)))
    world.universe.after(world.universe.between(1, 90) * MINUTE_MS, gear.recover)
    return True


DEVICE_DIES = Fault("device of a lane dies", 8, _dies)
