"""What a kind of driver is, and how drivers come."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World

CARS_A_DAY = 40
"""Of each facility, on average, at pace 1."""


@dataclass(frozen=True, slots=True)
class Driver:
    """``share``: how common, against the others. ``drive`` is the whole visit of one person's car."""

    name: str
    share: float
    drive: Callable[[World, Site, Person], Process]


def arrivals(world: World, site: Site, drivers: tuple[Driver, ...]) -> Process:
    """Cars come to one facility until all is healed."""
    dice = world.universe.random
    weights = [driver.share for driver in drivers]
    while True:
        yield world.universe.wait_ms(world.mean_ms(24 / CARS_A_DAY))
        if world.healed:
            return
        person = dice.choice(world.people)
        [driver] = dice.choices(drivers, weights)
        if not person.out:
            person.out = True
            world.counts[f"driver: {driver.name}"] += 1
            world.universe.begin(driver.drive(world, site, person))
