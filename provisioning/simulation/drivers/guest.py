"""Comes, parks, charges if it is an EV, leaves: whoever has a pass or an account, or pays at the exit."""

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
        stay_ms = universe.between(10, 480) * stay.MINUTE_MS
        yield from stay.charge(universe, site, person, space_id, stay_ms)
        left = yield from stay.leave(universe, site, person)
        world.counts["left" if left else "never got out"] += 1
    person.out = False


GUEST = Driver("guest", 60, drive)
