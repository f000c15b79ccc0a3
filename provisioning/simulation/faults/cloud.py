"""The cloud dies between two steps of a transaction, or comes back from a backup of hours ago."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World


def _crash(world: World) -> bool:
    headquarters = world.headquarters
    if not headquarters.up or headquarters.crash_at_next is not None:
        return False
    headquarters.crash_at_next = world.universe.random.choice(("before the commit", "after the commit"))
    return True


def _restore(world: World) -> bool:
    return world.headquarters.up and world.headquarters.restore()


CRASH = Fault("cloud killed around a commit", 3, _crash)
RESTORE = Fault("cloud restored from a backup", 40, _restore)
