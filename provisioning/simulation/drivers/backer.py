"""Thinks again: backs off before the arm is up, or before the open arm, or from below it."""

from provisioning.simulation import crossing
from provisioning.simulation.driving import Driver
from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World
from shared.devices import Loop
from shared.facilities import LaneDirection


def drive(world: World, site: Site, person: Person) -> Process:
    universe = world.universe
    lane = universe.random.choice(site.lanes(LaneDirection.ENTRY))
    yield from crossing.take(lane)
    up = yield from crossing.arrive(universe, lane, person.plate)
    if up and universe.chance(0.5):
        lane.occupy(Loop.UNDER, True)
        yield universe.between(1_000, 90_000)
        lane.occupy(Loop.UNDER, False)
    if up:
        yield universe.between(500, 5_000)
        lane.occupy(Loop.FRONT, False)
        yield 15_000
    yield from crossing.leave(lane)
    person.out = False


BACKER = Driver("backer", 6, drive)
