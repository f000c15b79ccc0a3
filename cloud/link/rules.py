"""The link's pure bits: what a batch says, and what to send next."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from shared.events import Entry
from shared.sync import Batch, SyncEntry
from shared.wire import WireError

UNREADABLE = "Unreadable"
"""The type under which something is kept that stands in a facility's log and is not an entry of one."""


def check_without_gaps(batch: Batch) -> None:
    """Positions of an event batch run from ``after + 1`` to ``upto``. Raises WireError otherwise: storing such a batch
    would leave a hole that nobody ever fills."""
    positions = [e.position for e in batch.entries]
    if positions != list(range(batch.after + 1, batch.upto + 1)):
        raise WireError(
            f"batch of {batch.log_id} should hold {batch.after + 1} to {batch.upto} without gaps,"
            f" holds {len(positions)} entries from {min(positions, default=0)} to {max(positions, default=0)}"
        )


def to_entry(written: SyncEntry, received_at_ms: int) -> Entry:
    """The log entry at a position. What is none is kept whole as ``Unreadable``, so that the log stays without gaps."""
    try:
        return Entry.model_validate({**written.body, "seq": written.position})
    except ValidationError:
        return unreadable(written.position, received_at_ms, written.body)


def unreadable(seq: int, at_ms: int, body: dict[str, Any]) -> Entry:
    """Something that cannot be stored as it is (a NUL character, NaN) or is no entry, as its escaped text."""
    return Entry(seq=seq, at_ms=at_ms, type=UNREADABLE, body={"text": json.dumps(body)})


def of_types(entries: Sequence[Entry], types: frozenset[str]) -> list[Entry]:
    """Those that a projection asked for, in order."""
    return [e for e in entries if e.type in types]
