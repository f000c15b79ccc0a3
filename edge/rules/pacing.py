"""How carrying the log up shares the box with the site: it works in small slices, rests after each, gives way to
whatever the site decides, and offers no more at once than the other end takes in well.

A site that is up to date feels none of this: what it sends is one slice. A site that was cut off for days has millions
of entries to send, and its lanes must not be slower for it.
"""

SHARE_PCT = 25
"""Of the time of one processor at most so much goes into a drain. The cloud, which does more with an entry than to read
it, is seldom faster than that."""
REST_REAL_MS_MAX = 1_000.0
"""No slice takes so long that it must be rested for longer; a process that was stopped for an hour did not work."""
GIVE_WAY_REAL_MS_MAX = 250.0
"""Before one slice, so that a site that never comes to rest, or whose disk takes nothing, is carried up all the
same."""
BATCH_BYTES_MIN = 250_000
BATCH_BYTES_MAX = 4_000_000
"""Of entries as they travel, before compression, which leaves a tenth. What a transaction costs the cloud beside its
entries is much with 1,000 of them and little with 20,000."""
QUICK_REAL_MS = 500
SLOW_REAL_MS = 2_000


def rest_real_ms(worked_real_ms: float) -> float:
    """How long to rest after work, so that it takes ``SHARE_PCT`` of the time.

    ``worked_real_ms`` is what passed on the clock: work that others keep from the processor is rested for longer.
    """
    return min(worked_real_ms * (100 - SHARE_PCT) / SHARE_PCT, REST_REAL_MS_MAX)


def gives_way(*, site_at_work: bool, given_real_ms: float) -> bool:
    """Whether the next slice waits (longer): the site decides something just now, and ``given_real_ms``, the time that
    was given already, is not too much."""
    return site_at_work and given_real_ms < GIVE_WAY_REAL_MS_MAX


def next_batch_bytes(batch_bytes: int, answered_real_ms: int | None) -> int:
    """How large the next batch may be: larger while the cloud answers quickly, smaller when a batch takes it long, and
    the least when no answer came in time (None), as over a slow wire, where the batch may still be on its way."""
    if answered_real_ms is None:
        return BATCH_BYTES_MIN
    if answered_real_ms < QUICK_REAL_MS:
        return min(batch_bytes * 2, BATCH_BYTES_MAX)
    if answered_real_ms > SLOW_REAL_MS:
        return max(batch_bytes // 2, BATCH_BYTES_MIN)
    return batch_bytes
