"""The cloud's database: tables that change only by whole transactions, and backups of them.

The smallest honest model of PostgreSQL as the cloud uses it: a transaction sees its own writes, all of them become
visible at once or never, and a backup is one consistent state. It leaves out two transactions at once on the same rows:
the cloud never has them, because batches of one facility wait for each other at the cursor's row.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cloud.link.rules import old_upto
from provisioning.simulation.decision_log import DecisionRows
from shared.events import Entry


@dataclass(slots=True)
class Tables:
    """What is committed. ``events`` are the end of each log, as far as it is kept, and ``gone`` what is not kept of
    them, by type. ``rows`` are tables by name; rows are never changed in place, only replaced."""

    decisions: DecisionRows
    held: dict[str, int] = field(default_factory=dict)
    events: dict[str, list[Entry]] = field(default_factory=dict)
    rows: dict[str, dict[Any, Any]] = field(default_factory=dict)
    gone: Counter[str] = field(default_factory=Counter)

    def backup(self) -> "Tables":
        """A copy to restore from."""
        return Tables(
            self.decisions.copy(),
            dict(self.held),
            {log_id: list(entries) for log_id, entries in self.events.items()},
            {name: dict(table) for name, table in self.rows.items()},
            self.gone.copy(),
        )

    def let_go(self, before_ms: int) -> None:
        """Keep no entries of before that; how far a log is held stays known."""
        for log_id, entries in self.events.items():
            upto = old_upto(((e.seq, e.at_ms) for e in entries), before_ms)
            if upto is not None:
                old = upto - entries[0].seq + 1
                self.gone.update(entry.type for entry in entries[:old])
                self.events[log_id] = entries[old:]

    def all(self, table: str) -> dict[Any, Any]:
        """The committed rows of a table, by key."""
        return self.rows.get(table, {})


class Transaction:
    """Reads and writes; ``commit`` makes the writes visible, and to forget the object is to roll back."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._written: dict[tuple[str, Any], Any] = {}
        self._stored: list[tuple[str, list[Entry]]] = []
        self._moved: dict[str, int] = {}

    def held(self, log_id: str) -> int:
        """The cursor of a log."""
        return self._moved.get(log_id, self._tables.held.get(log_id, 0))

    def get(self, table: str, key: Any) -> Any:
        """A row, or None."""
        if (table, key) in self._written:
            return self._written[table, key]
        return self._tables.all(table).get(key)

    def put(self, table: str, key: Any, row: Any) -> None:
        """Insert or replace a row; None removes it."""
        self._written[table, key] = row

    def store(self, log_id: str, entries: list[Entry]) -> None:
        """Append entries to the copy of a log."""
        self._stored.append((log_id, entries))

    def move(self, log_id: str, upto: int) -> None:
        """Set the cursor of a log."""
        self._moved[log_id] = upto

    def commit(self) -> None:
        """All of it, at once."""
        for log_id, entries in self._stored:
            self._tables.events.setdefault(log_id, []).extend(entries)
        for (table, key), row in self._written.items():
            rows = self._tables.rows.setdefault(table, {})
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        self._tables.held.update(self._moved)
