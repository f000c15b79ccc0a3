"""Who is registered: the customers of a seed, to be signed up through the cloud before their cars come.

All ASSUMED: no real data says who has a pass or a bad card. Repeatable: the same seed names the same people.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

from shared.facilities import Size
from shared.rights import RightKind, Vehicle

Picked = TypeVar("Picked")


class CardKind(StrEnum):
    """How the gateway's test card of a customer behaves."""

    OK = "OK"
    DECLINED = "DECLINED"
    NEEDS_AUTHENTICATION = "NEEDS_AUTHENTICATION"


EV_CUSTOMERS = 0.4
"""EV drivers register more often than others, because only a known car is sent to a charger."""
PASSES = 0.35
CARDS = {CardKind.OK: 0.965, CardKind.DECLINED: 0.02, CardKind.NEEDS_AUTHENTICATION: 0.015}
SIZES = {Size.COMPACT: 0.3, Size.STANDARD: 0.6, Size.LARGE: 0.1}
FIRST_NAMES = ("Ada", "Ben", "Carmen", "Dele", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena", "Mei")
LAST_NAMES = ("Adams", "Baker", "Cruz", "Diaz", "Evans", "Fisher", "Gupta", "Hughes", "Ivanov", "Jones", "Kim", "Lopez")


@dataclass(frozen=True, slots=True)
class PlannedCustomer:
    """A customer to be registered before the traffic starts. ``kind`` is SUBSCRIPTION (a pass) or ACCOUNT (a card on
    file); both have a card, because a pass does not cover charging. ``id_token`` is an RFID card's number."""

    index: int
    name: str
    email: str
    vehicles: tuple[Vehicle, ...]
    id_token: str
    kind: RightKind
    card: CardKind


def seeded(*parts: object) -> Random:
    """A source of chances that is the same for the same parts, on every machine. Nothing secret may come from it."""
    return Random("/".join(str(part) for part in parts))  # noqa: S311


def customers(seed: str, count: int) -> list[PlannedCustomer]:
    """The first ``count`` customers of a seed. A longer list begins with the shorter one."""
    return [_customer(seed, index) for index in range(count)]


def _customer(seed: str, index: int) -> PlannedCustomer:
    random = seeded(seed, "customer", index)
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    is_ev = random.random() < EV_CUSTOMERS
    cars = 1 if is_ev or random.random() < 0.8 else 2
    vehicles = tuple(
        Vehicle(plate=_customer_plate(seed, index, car), is_ev=is_ev, size=pick(random, SIZES)) for car in range(cars)
    )
    return PlannedCustomer(
        index=index,
        name=f"{first} {last}",
        email=f"{first}.{last}.{index}@example.{random.choice(('com', 'org'))}".lower(),
        vehicles=vehicles,
        id_token=f"{random.getrandbits(56):014X}",
        kind=RightKind.SUBSCRIPTION if random.random() < PASSES else RightKind.ACCOUNT,
        card=pick(random, CARDS),
    )


def _customer_plate(seed: str, index: int, car: int) -> str:
    """Unique by its number; never like a ticket driver's plate, which begins with digits."""
    letters = "".join(seeded(seed, "plate", index, car).choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=3))
    return f"{letters}{(index * 2 + car) % 100_000:05d}"


def pick(random: Random, weights: dict[Picked, float]) -> Picked:
    """One of the keys, each as likely as its weight says."""
    return random.choices(list(weights), weights=list(weights.values()))[0]
