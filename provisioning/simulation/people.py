"""Those who park: with a pass, with an account, or with nothing but a plate."""

from dataclasses import dataclass

from provisioning.simulation.universe import Universe
from shared.facilities import Size
from shared.rights import Right, RightKind, Vehicle

CUSTOMERS = 40
STRANGERS = 25


@dataclass(slots=True)
class Person:
    """``out``: the car is somewhere in the network already. ``right_id`` None: a stranger."""

    plate: str
    token: str
    is_ev: bool
    size: Size
    right_id: str | None
    out: bool = False

    @property
    def customer_id(self) -> str:
        """Who pays for a customer's car."""
        return f"customer-{self.plate.lower()}"


def people(universe: Universe) -> list[Person]:
    """Everybody of one story."""
    found = []
    for number in range(CUSTOMERS + STRANGERS):
        right_id = f"right-{number}" if number < CUSTOMERS else None
        is_ev = universe.chance(0.4)
        token = f"TOKEN{number}" if right_id and universe.chance(0.7) else f"CAR{number}"
        size = universe.random.choice((Size.COMPACT, Size.STANDARD, Size.STANDARD, Size.LARGE))
        found.append(Person(f"CAR{number}", token, is_ev, size, right_id))
    return found


def right_of(universe: Universe, person: Person, facility_ids: tuple[str, ...], now_ms: int) -> Right:
    """A right for a customer, of any kind, sometimes for one facility only, sometimes for some hours only."""
    dice = universe.random
    kind = dice.choice((RightKind.ACCOUNT, RightKind.SUBSCRIPTION, RightKind.RESERVATION))
    hours = dice.choice((None, None, 2, 8, 24))
    return Right(
        right_id=person.right_id or "nobody",
        kind=kind,
        customer_id=person.customer_id,
        vehicles=(Vehicle(plate=person.plate, is_ev=person.is_ev, size=person.size),),
        tokens=(person.token,) if person.token != person.plate else (),
        facility_ids=(dice.choice(facility_ids),) if universe.chance(0.2) else (),
        from_ms=now_ms - 60_000,
        until_ms=None if hours is None else now_ms + hours * 3_600_000,
        covers_parking=kind is RightKind.SUBSCRIPTION,
        covers_charging=kind is RightKind.SUBSCRIPTION and universe.chance(0.5),
    )
