"""What a fault is, and how faults come."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.simulation.scenario import OFTEN
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """Comes every ``hours`` in the whole network, on average. ``strike`` does it and sees to its end, if it has one: a
    fault that lasts ends by itself. False: there was nothing to break."""

    name: str
    hours: float
    strike: Callable[[World], bool]


def strikes(world: World, fault: Fault) -> Process:
    """Go on until all is healed."""
    hours = fault.hours / OFTEN if fault.name in world.scenario.often else fault.hours
    while True:
        yield world.universe.wait_ms(world.mean_ms(hours))
        if world.healed:
            return
        if fault.strike(world):
            world.faults[fault.name] += 1
