"""How big a simulated story is, and what one of them comes to."""

import shlex
from collections import Counter
from dataclasses import dataclass, field

DAY_MS = 86_400_000
WEEK_DAYS = 7
OFTEN = 8


@dataclass(frozen=True, slots=True)
class Scenario:
    """``pace`` multiplies how often cars come and things break: short stories need more of both. The faults named in
    ``often`` come ``OFTEN`` times as often besides."""

    facilities: int = 3
    days: float = 7
    pace: float = 1.0
    often: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The arguments that ask for this scenario."""
        pace = "" if self.pace == 1 else f" --pace {self.pace:g}"
        often = "".join(f" --often {shlex.quote(name)}" for name in self.often)
        return f"--facilities {self.facilities} --days {self.days:g}{pace}{often}"


@dataclass(slots=True)
class Result:
    """One seed. ``failures`` is empty when every book agrees and no rule broke; ``cpu_s`` is one core's time."""

    seed: int
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
