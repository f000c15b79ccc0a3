"""HQ's log of decisions: written by several clerks at once, read compacted.

A model of ``cloud/link/decisions.py``: a writer takes its version from one counter row and holds that row until it
commits, so writers queue, and versions become visible in order. All facilities are told of all decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.decisions import Decision
from shared.sync import Batch, SyncEntry

ENTRIES_MAX = 500


@dataclass(slots=True)
class DecisionRows:
    """The tables: the newest value of each key with its version, and the counter."""

    log_id: str
    version: int = 0
    rows: dict[str, tuple[int, Decision]] = field(default_factory=dict)

    def copy(self) -> "DecisionRows":
        """As a backup takes them."""
        return DecisionRows(self.log_id, self.version, dict(self.rows))

    def read_batch(self, log_id: str, after: int) -> Batch:
        """What a facility that holds ``after`` of ``log_id`` needs next."""
        held = after if log_id == self.log_id else 0
        newer = [row for row in self.rows.values() if row[0] > held] if held < self.version else []
        found = sorted(newer, key=lambda row: row[0])
        taken = found[:ENTRIES_MAX]
        upto = self.version if len(found) < ENTRIES_MAX else taken[-1][0]
        entries = tuple(SyncEntry(position=v, body=d.model_dump(mode="json")) for v, d in taken)
        return Batch(log_id=self.log_id, after=held, upto=upto, entries=entries, head=self.version)


class DecisionWriters:
    """Clerks' transactions. ``take`` is called when one begins, ``commit`` when it is durable."""

    def __init__(self, rows: Callable[[], DecisionRows]) -> None:
        self._rows = rows
        self._locked = False
        self._waiting: list[Callable[[int], None]] = []

    def begin(self, go_on: Callable[[int], None]) -> None:
        """Take the next version as soon as the counter row is free, and hold it; ``go_on`` gets the version."""
        if self._locked:
            self._waiting.append(go_on)
            return
        self._locked = True
        go_on(self._rows().version + 1)

    def commit(self, version: int, decision: Decision) -> None:
        """The decision is visible from here on, and the next writer may begin."""
        rows = self._rows()
        rows.version = max(rows.version, version)
        rows.rows[decision.key] = (version, decision)
        self.release()

    def release(self) -> None:
        """The writer is gone, with or without a commit."""
        self._locked = False
        if self._waiting:
            self.begin(self._waiting.pop(0))

    def forget(self) -> None:
        """The database went down: no transaction of before will commit."""
        self._locked = False
        self._waiting.clear()
