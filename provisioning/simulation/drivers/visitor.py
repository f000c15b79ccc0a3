"""Pays at the machine before going to the car; some are too slow, and owe more by then."""

from provisioning.simulation import stay
from provisioning.simulation.driving import Driver
from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World


def drive(world: World, site: Site, person: Person) -> Process:
    universe = world.universe
    space_id = yield from stay.enter(universe, site, person)
    if space_id is not None:
        yield from stay.charge(universe, site, person, space_id, universe.between(10, 300) * stay.MINUTE_MS)
        yield from stay.pay(universe, site, person)
        yield universe.between(1, 25) * stay.MINUTE_MS
        yield from stay.leave(universe, site, person)
    person.out = False


VISITOR = Driver("visitor", 25, drive)
