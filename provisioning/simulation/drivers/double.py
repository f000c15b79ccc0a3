"""Two cars with one plate: the second stands at the entry while the first is inside, or at the exit after it left."""

from provisioning.simulation import crossing, stay
from provisioning.simulation.driving import Driver
from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World
from shared.facilities import LaneDirection


def drive(world: World, site: Site, person: Person) -> Process:
    universe = world.universe
    first = yield from stay.enter(universe, site, person)
    direction = universe.random.choice(tuple(LaneDirection))
    if first is not None and direction is LaneDirection.ENTRY:
        lane = universe.random.choice(site.lanes(LaneDirection.ENTRY))
        yield from crossing.drive_through(universe, lane, person.plate)
    if first is not None:
        yield universe.between(5, 60) * stay.MINUTE_MS
        yield from stay.leave(universe, site, person)
    if direction is LaneDirection.EXIT:
        lane = universe.random.choice(site.lanes(LaneDirection.EXIT))
        yield from crossing.drive_through(universe, lane, person.plate)
    person.out = False


DOUBLE = Driver("double", 6, drive)
