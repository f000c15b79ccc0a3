"""Which of the log's oldest entries may go: those that are old, and never what the cloud does not hold."""

from collections.abc import Iterable


def removable(entries: Iterable[tuple[int, int]], *, acked: int, older_than_ms: int | None) -> int | None:
    """Up to where the oldest entries, position and instant each, may go; None for none.

    ``older_than_ms`` None: however young they are. An entry from a time when the clock was ahead keeps those after it.
    """
    last = None
    for seq, at_ms in entries:
        if seq > acked or (older_than_ms is not None and at_ms >= older_than_ms):
            break
        last = seq
    return last
