"""The times of a transaction when our clock is moved while it runs: all by the clock of its beginning, so that its
duration is what passed, here and wherever it is priced from the log.

A station follows our clock at its own moment, and a message may have waited, so which clock a message's time is of is
not told. It is taken for the one that puts it nearest to now: right for every message that waited, and every station
whose clock is fast, by less than half of what the clock was moved by.
"""

from collections.abc import Sequence
from itertools import accumulate

from shared.clock import MINUTE_MS

FAST_MS = 5 * MINUTE_MS
"""By how much a station's clock may be fast."""


def own_ms(steps_ms: Sequence[int], at_ms: int, now_ms: int) -> int:
    """A message's time by the clock of its transaction's beginning. ``steps_ms``: what our clock was moved by since;
    ``now_ms``: by our clock of now. A time that lies ahead by any clock is now."""
    if not steps_ms:
        return at_ms
    own_now_ms = now_ms - sum(steps_ms)
    found = [at_ms - moved_ms for moved_ms in accumulate(steps_ms, initial=0)]
    possible = [x for x in found if x <= own_now_ms + FAST_MS]
    return min(possible, key=lambda x: abs(x - own_now_ms), default=own_now_ms)
