"""Has a charger kept for the car, comes early, late or never, and charges there; some call it off.

The attendant is asked at the facility's own desk, as ``edge/api/charging.py`` lets one. It leaves out lines for the
chargers, and what a station itself makes of being told: any of them takes the order."""

from edge.rules.requests import RequestReply, ReservationAsked, ReservationCancelled
from provisioning.simulation import stay
from provisioning.simulation.driving import Driver
from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World


def drive(world: World, site: Site, person: Person) -> Process:
    universe = world.universe
    dice = universe.random
    yield universe.between(1_000, 60_000)
    if not site.stations:
        person.out = False
        return
    station = dice.choice(list(site.stations.values()))
    until_ms = site.clock.now_ms() + universe.between(5, 180) * stay.MINUTE_MS
    by_plate = universe.chance(0.5)
    asked = ReservationAsked(
        station.station_id,
        1,
        until_ms,
        by="attendant",
        id_token="" if by_plate else person.token,
        plate=person.plate if by_plate else "",
    )
    told = site.box.give(asked)
    kept_id = told.id if isinstance(told, RequestReply) and told.problem is None else ""
    world.counts["chargers kept" if kept_id else "chargers not kept"] += 1
    yield universe.between(1, 90) * stay.MINUTE_MS
    if kept_id and universe.chance(0.2):
        site.box.give(ReservationCancelled(kept_id))
    elif universe.chance(0.75) and (yield from stay.enter(universe, site, person)) is not None:
        space_id = station.space_id if kept_id else stay.space_of(site, person)
        yield from stay.charge(universe, site, person, space_id, universe.between(10, 240) * stay.MINUTE_MS)
        yield from stay.leave(universe, site, person)
    person.out = False


BOOKER = Driver("booker", 8, drive)
