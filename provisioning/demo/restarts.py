"""When a child that ended is started again: soon at first, then more and more slowly. Pure."""

from dataclasses import dataclass

FIRST_WAIT_REAL_S = 0.5
LONGEST_WAIT_REAL_S = 30.0
WELL_AFTER_REAL_S = 60.0
"""A run of this length counts as a success: the next end is treated like a first one."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """What one child's ends so far mean. ``start_at_real_s`` None: it is not waiting to be started again."""

    in_a_row: int = 0
    started_at_real_s: float = 0.0
    start_at_real_s: float | None = None

    def ended(self, now_real_s: float) -> "Restarts":
        """It ended by itself; the wait doubles with each end that follows soon on a start."""
        in_a_row = 1 if now_real_s - self.started_at_real_s >= WELL_AFTER_REAL_S else self.in_a_row + 1
        wait_real_s = min(LONGEST_WAIT_REAL_S, FIRST_WAIT_REAL_S * 2.0 ** (in_a_row - 1))
        return Restarts(in_a_row, self.started_at_real_s, now_real_s + wait_real_s)

    def started(self, now_real_s: float) -> "Restarts":
        """It was started."""
        return Restarts(self.in_a_row, now_real_s, None)

    def is_due(self, now_real_s: float) -> bool:
        """Whether it is time to start it again."""
        return self.start_at_real_s is not None and now_real_s >= self.start_at_real_s
