"""What the rules are told of the box's own life and of its clock, and what they ask of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """The daemon came up (again): everything that was in the air is unknown now. ``clock_known``: its clock goes on
    from that of the last life, however long it was away."""

    version: str
    clock_known: bool = True


@dataclass(frozen=True, slots=True)
class ClockRead:
    """How far the wall clock is ahead of the time lived (negative: behind): it was moved. 0: it is right again."""

    off_ms: int


@dataclass(frozen=True, slots=True)
class ClockTaken:
    """The time lived is the wall clock's again, from this input on: it was moved by this much."""

    by_ms: int


@dataclass(frozen=True, slots=True)
class TimeTold:
    """A message of a station was answered with the time."""

    station_id: str


ClockInput = Started | ClockRead | ClockTaken | TimeTold


@dataclass(frozen=True, slots=True)
class TakeClock:
    """Nothing leans on the time lived any more: live by the wall clock from now on, and give ClockTaken. Said until
    that is done."""
