"""The times of a transaction when our clock is moved while it runs: all by the clock of its beginning, so that its
duration is what passed, here and wherever it is priced from the log.

A station follows our clock at its own moment. What it kept while it was away is of the clock that it came back with.
Which clock another message's time is of is not told, for it may have waited. It is taken for the one that puts it
nearest to now: right for every message that waited, and every station whose clock is fast, by less than half of what
the clock was moved by.
"""

from collections.abc import Sequence
from itertools import accumulate

from edge.rules.state import StationState
from shared.clock import DAY_MS, MINUTE_MS

FAST_MS = 5 * MINUTE_MS
"""By how much a station's clock may be fast: a time further ahead is garbage."""
BEHIND_MS = 60 * DAY_MS
"""A station's time further back than this is garbage (an unset clock says 1970)."""


def own_ms(at_ms: int, now_ms: int, *, steps_ms: Sequence[int], station: StationState, kept: bool) -> int | None:
    """A message's time by the clock of its transaction's beginning; None when it can be of no clock.

    ``now_ms``: by our clock of now; ``steps_ms``: what that was moved by since the beginning; ``kept``: its station was
    away when it wrote it.
    """
    moved_ms = sum(steps_ms)
    own_now_ms = now_ms - moved_ms
    found = [at_ms - x for x in accumulate(steps_ms, initial=0)] + [at_ms + station.behind_ms - moved_ms]
    possible = [x for x in found if own_now_ms - BEHIND_MS <= x <= own_now_ms + FAST_MS]
    kept_ms = at_ms + station.kept_behind_ms - moved_ms
    if kept and own_now_ms - BEHIND_MS <= kept_ms <= own_now_ms + FAST_MS:
        return kept_ms
    return min(possible, key=lambda x: abs(x - own_now_ms), default=None)
