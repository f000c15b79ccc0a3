"""Time as an argument. Instants are integer milliseconds since the Unix epoch, UTC (``at_ms``).

Integers are exact, cheap to store and compare, and immune to the trap that subtracting two ``datetime`` of
one zone gives wall-clock and not elapsed time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from zoneinfo import ZoneInfo

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Timeline:
    """How lived time follows real time: at ``origin_real_s`` it is ``origin_ms``, then ``speed`` times faster.

    Processes that share one timeline and one machine's real clock are in step without talking to each other.
    """

    origin_real_s: float = 0.0
    origin_ms: int = 0
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.speed) and self.speed > 0 and isfinite(self.origin_real_s)):
            raise ValueError(f"speed must be a number above 0 and the origin a number, got {self!r}")

    def at_ms(self, real_s: float) -> int:
        """The instant lived when the real clock shows ``real_s`` seconds since the epoch."""
        return self.origin_ms + round((real_s - self.origin_real_s) * self.speed * SECOND_MS)

    def real_s(self, duration_ms: float) -> float:
        """How many real seconds pass while ``duration_ms`` is lived."""
        return duration_ms / SECOND_MS / self.speed

    def __str__(self) -> str:
        return f"{self.origin_real_s!r},{self.origin_ms},{self.speed!r}"

    @classmethod
    def parse(cls, text: str) -> "Timeline":
        """Read the form that ``str()`` writes; empty text is real time. Raises ValueError with what is allowed."""
        if not text:
            return REAL_TIME
        try:
            origin_real_s, origin_ms, speed = text.split(",")
            return cls(float(origin_real_s), int(origin_ms), float(speed))
        except ValueError as error:
            raise ValueError(f"a timeline is 'origin_real_s,origin_ms,speed', got {text!r}: {error}") from error


REAL_TIME = Timeline()


class Clock:
    """The one clock of a process: a timeline over an injected reading of the real clock (``time.time``)."""

    def __init__(self, timeline: Timeline, read_real_s: Callable[[], float]) -> None:
        self.timeline = timeline
        self._read_real_s = read_real_s

    def now_ms(self) -> int:
        """The instant being lived, in milliseconds since the epoch, UTC."""
        return self.timeline.at_ms(self._read_real_s())

    def real_s(self, duration_ms: float) -> float:
        """Real seconds to wait for ``duration_ms`` to be lived; never negative."""
        return max(0.0, self.timeline.real_s(duration_ms))

    def real_s_until(self, at_ms: int) -> float:
        """Real seconds to wait until the instant ``at_ms``; 0 when it has passed."""
        return self.real_s(at_ms - self.now_ms())


def to_local(at_ms: int, zone: str) -> datetime:
    """The wall-clock time at a place; ``zone`` is an IANA name. For windows, days and people, never for durations."""
    return datetime.fromtimestamp(at_ms / SECOND_MS, tz=ZoneInfo(zone))


def to_utc(at_ms: int) -> datetime:
    """The instant as an aware ``datetime`` in UTC, for databases and wire formats."""
    return datetime.fromtimestamp(at_ms / SECOND_MS, tz=UTC)


def from_datetime(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware ``datetime``. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a zone does not name an instant")
    return round(moment.timestamp() * SECOND_MS)
