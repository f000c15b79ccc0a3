"""HQ at work: rights given, changed and taken back, plates blocked, prices published, backups made; and what is done
by itself from time to time."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.simulation import keeping, place
from provisioning.simulation.paying import finance
from provisioning.simulation.people import right_of
from provisioning.simulation.universe import Process
from provisioning.simulation.world import World
from shared.decisions import (
    Decision,
    PlateBlocked,
    PlateUnblocked,
    RightAssigned,
    RightRevoked,
    TariffPublished,
)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Does one thing every ``hours``, on average."""

    name: str
    hours: float
    act: Callable[[World], None]


def work(world: World, clerk: Clerk) -> Process:
    """Go on until all is healed."""
    while not world.healed:
        clerk.act(world)
        yield world.universe.wait_ms(world.mean_ms(clerk.hours))


def _decide(world: World, decision: Decision) -> None:
    """A transaction takes a moment; a few hang for some seconds before they commit."""
    universe = world.universe
    world.headquarters.decide(decision, universe.between(2_000, 20_000) if universe.chance(0.1) else 20)


def _assign(world: World) -> None:
    customers = [person for person in world.people if person.right_id is not None]
    person = world.universe.random.choice(customers)
    facility_ids = tuple(site.facility_id for site in world.sites)
    _decide(world, RightAssigned(right=right_of(world.universe, person, facility_ids, world.universe.now_ms)))


def _assign_all(world: World) -> None:
    facility_ids = tuple(site.facility_id for site in world.sites)
    for person in world.people:
        if person.right_id is not None and not world.universe.chance(0.2):
            _decide(world, RightAssigned(right=right_of(world.universe, person, facility_ids, world.universe.now_ms)))


def _revoke(world: World) -> None:
    person = world.universe.random.choice([p for p in world.people if p.right_id is not None])
    _decide(world, RightRevoked(right_id=person.right_id or "", reason="cancelled"))


def _block(world: World) -> None:
    plate = world.universe.random.choice(world.people).plate
    blocked = world.universe.chance(0.4)
    _decide(world, PlateBlocked(plate=plate, reason="unpaid") if blocked else PlateUnblocked(plate=plate))


def _publish(world: World) -> None:
    """A new version, in force at once or later."""
    universe = world.universe
    from_ms = universe.now_ms + universe.random.choice((0, 3_600_000, 86_400_000))
    version = 1 + max(t.version for t in world.headquarters.tariffs()) if world.headquarters.tariffs() else 2
    make = universe.random.choice((place.parking_tariff, place.charging_tariff))
    _decide(world, TariffPublished(tariff=make(universe, version, from_ms)))


def _back_up(world: World) -> None:
    if world.headquarters.up:
        world.headquarters.back_up()


CLERKS = (
    Clerk("assigns rights to all", 24, _assign_all),
    Clerk("assigns a right", 1, _assign),
    Clerk("revokes a right", 1.5, _revoke),
    Clerk("blocks or unblocks", 3, _block),
    Clerk("publishes prices", 24, _publish),
    Clerk("backs up", 6, _back_up),
    Clerk("boxes remove what is old", 6, keeping.boxes),
    Clerk("the cloud removes what is old", 6, keeping.cloud),
    Clerk("asks for what is owed", 2, finance.ask_again),
    Clerk("gives money back", 4, finance.give_back),
    Clerk("gives money back elsewhere", 24, finance.give_back_elsewhere),
    Clerk("a customer changes the card", 3, finance.change_card),
)
