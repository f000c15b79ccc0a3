"""Drives close behind another car, under an arm that is up for that one; waits in vain when nobody comes."""

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
    waited_ms = 0
    while not (lane.is_up and lane.taken and not any(lane.occupied.values())) and waited_ms < 3_600_000:
        yield 1_500
        waited_ms += 1_500
    if lane.is_up and not any(lane.occupied.values()):
        lane.occupy(Loop.FRONT, True)
        yield from crossing.pass_under(universe, lane)
        world.counts["tailgated"] += 1
    person.out = False


FOLLOWER = Driver("follower", 3, drive)
