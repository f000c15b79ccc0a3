"""The provider of card payments cannot be reached for a while; a worker dies, or is taken for dead, with its answer."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World

OUTAGE_MS_MAX = 7_200_000


def _away(world: World) -> bool:
    provider, universe = world.provider, world.universe
    if not provider.reachable:
        return False
    provider.reachable = False
    universe.after(universe.between(10_000, OUTAGE_MS_MAX), setattr, provider, "reachable", True)
    return True


def _dies(world: World) -> bool:
    if world.cashier.doomed:
        return False
    world.cashier.doomed = True
    return True


AWAY = Fault("card provider away", 20, _away)
WORKER_DIES = Fault("worker killed around a card payment", 3, _dies)
