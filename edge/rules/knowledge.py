"""What the rules are told beside the log: what headquarters settled, and what the store holds for a plate or token."""

from dataclasses import dataclass

from shared.decisions import PlateBlocked
from shared.facilities import Facility
from shared.rights import Right
from shared.tariffs import Tariff


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What headquarters settled, as far as this facility heard. ``facility`` is None until the first configuration."""

    facility: Facility | None = None
    tariffs: tuple[Tariff, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """What the store holds for the plate or token of an input. Validity in time is for the rule to judge."""

    rights: tuple[Right, ...] = ()
    block: PlateBlocked | None = None


NO_MATCHES = Matches()


@dataclass(frozen=True, slots=True)
class StandingSeen:
    """What the store holds now for the plate of a car inside."""

    plate: str
    matches: Matches = NO_MATCHES


@dataclass(frozen=True, slots=True)
class Learned:
    """What headquarters settled has changed."""
