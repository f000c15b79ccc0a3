"""The log and its snapshots as the writing connection sees them. Everything here belongs to the writer's thread.

A log begins after its ``base``: 0 for a whole one, the last position that retention removed for a trimmed one. A log
that is not whole begins on a snapshot, of a position that is not before its base; that one is never lost. A log that
was closed (its box began a new one, see ``edge/recovery.py``) keeps its entries until the cloud holds them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from edge.database import DamagedError
from shared.events import Entry

CLOUD_UPTO = "cloud_upto"
"""Remark: the cloud holds more of this log than the file, so the file is an older copy."""
COPIED_AT_MS = "copied_at_ms"
"""Remark: the file is a copy that was made then; the log it was copied from may have gone on."""
FILE_NUMBER = "file_number"
"""Remark: the inode of the file that a daemon last worked on; a copy has another."""
_TAIL_CHECKED = 1_000
_SNAPSHOTS_KEPT = 2
LOG_COLUMNS = "(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL) STRICT"
INSERT_ENTRY = "INSERT INTO log (seq, at_ms, type, body) VALUES (?, ?, ?, ?)"
_CLOSED = (
    "CREATE TABLE IF NOT EXISTS closed (number INTEGER PRIMARY KEY, log_id TEXT NOT NULL, base INTEGER NOT NULL,"
    " head INTEGER NOT NULL, drained INTEGER NOT NULL DEFAULT 0) STRICT"
)


@dataclass(frozen=True, slots=True)
class ClosedLog:
    """A former log of this box: its entries ``base + 1`` to ``head``. ``drained``: nothing of it is to be sent."""

    number: int
    log_id: str
    base: int
    head: int
    drained: bool

    @property
    def table(self) -> str:
        """Where its entries are."""
        return f"log_closed_{self.number}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state as it was after entry ``seq``, and the rules that wrote it."""

    seq: int
    fingerprint: str
    state: str


class LogBook:
    """``head`` is the newest durable position, 0 before the first; ``whole`` says that the log tells everything.

    The constructor raises DamagedError when entries are missing that should be there; ``name`` is how to call the file.
    """

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        base = self.meta("base")
        self.whole = base is None
        self.base = int(base or 0)
        self.head = self._find_head(name)
        self.closed = self._closed_logs()

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction; when this returns they survive a power cut.

        Raises ValueError when they do not continue the log, sqlite3.Error when they could not be written: then none is.
        """
        expected = range(self.head + 1, self.head + 1 + len(entries))
        if [e.seq for e in entries] != list(expected):
            raise ValueError(f"the log ends at {self.head}, so entries {[e.seq for e in entries]} do not continue it")
        rows = [(e.seq, e.at_ms, e.type, _json(e.body)) for e in entries]
        with self._db.atomic():
            self._db.conn.executemany(INSERT_ENTRY, rows)
        self.head += len(entries)

    def save_snapshot(self, seq: int, fingerprint: str, state: str) -> None:
        """Keep the state as it was after entry ``seq``, and bring the WAL back into the file."""
        with self._db.atomic():
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (seq, fingerprint, state))
            self._db.execute(
                "DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                (_SNAPSHOTS_KEPT,),
            )
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def trim(self, upto: int) -> None:
        """Remove the entries up to and with ``upto``, in one transaction; only what every kept snapshot already tells.

        Raises ValueError for a position that a snapshot still needs.
        """
        (oldest,) = self._db.execute("SELECT min(seq) FROM snapshot").fetchone()
        if oldest is None or upto > min(oldest, self.head):
            raise ValueError(f"entries up to {upto} cannot go: the oldest snapshot is of {oldest}")
        if upto <= self.base:
            return
        with self._db.atomic():
            self._db.execute("DELETE FROM log WHERE seq <= ?", (upto,))
            self.set_meta("base", str(upto))
        self.base, self.whole = upto, False

    def begin_anew(self, log_id: str, snapshot: Snapshot, entries: Sequence[Entry]) -> None:
        """Close the log and begin another, in one transaction: with the state that was come to as its snapshot, after
        as many of ``entries``, its first ones, as the snapshot says."""
        with self._db.atomic():
            self._db.execute(_CLOSED)
            if self.head > self.base:
                inserted = self._db.execute(
                    "INSERT INTO closed (log_id, base, head) VALUES (?, ?, ?)",
                    (self.meta("log_id"), self.base, self.head),
                )
                self._db.execute(f"ALTER TABLE log RENAME TO log_closed_{inserted.lastrowid}")
                self._db.execute(f"CREATE TABLE log {LOG_COLUMNS}")
            self._db.execute("DELETE FROM snapshot")
            values = (snapshot.seq, snapshot.fingerprint, snapshot.state)
            self._db.execute("INSERT INTO snapshot VALUES (?, ?, ?)", values)
            self._db.execute("DELETE FROM meta WHERE name IN (?, ?, ?)", (CLOUD_UPTO, COPIED_AT_MS, FILE_NUMBER))
            self.set_meta("log_id", log_id)
            self.set_meta("base", "0")
            self._db.conn.executemany(INSERT_ENTRY, [(e.seq, e.at_ms, e.type, _json(e.body)) for e in entries])
        self.base, self.head, self.whole = 0, len(entries), False
        self.closed = self._closed_logs()

    def mark_drained(self, log: ClosedLog) -> None:
        """Nothing more of a closed log is to be sent."""
        self._db.execute("UPDATE closed SET drained = 1 WHERE number = ?", (log.number,))
        self.closed = tuple(replace(x, drained=True) if x.number == log.number else x for x in self.closed)

    def trim_closed(self, log: ClosedLog, limit: int) -> bool:
        """Remove up to ``limit`` of a closed log's oldest entries, at last the log itself; True when it is gone."""
        with self._db.atomic():
            gone = self._db.execute(
                f"DELETE FROM {log.table} WHERE seq IN (SELECT seq FROM {log.table} ORDER BY seq LIMIT ?)",  # noqa: S608 - ours
                (limit,),
            ).rowcount
            if gone == limit:
                return False
            self._db.execute(f"DROP TABLE {log.table}")
            self._db.execute("DELETE FROM closed WHERE number = ?", (log.number,))
        self.closed = tuple(x for x in self.closed if x.number != log.number)
        return True

    def meta(self, name: str) -> str | None:
        """A remark about the file, None when it was never made."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Remark something about the file."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _closed_logs(self) -> tuple[ClosedLog, ...]:
        (known,) = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'closed'").fetchone()
        if not known:
            return ()
        rows = self._db.execute("SELECT number, log_id, base, head, drained FROM closed ORDER BY number").fetchall()
        return tuple(
            ClosedLog(number, log_id, base, head, bool(drained)) for number, log_id, base, head, drained in rows
        )

    def _find_head(self, name: str) -> int:
        count, first, last = self._db.execute(
            "SELECT count(*), min(seq), max(seq) FROM (SELECT seq FROM log ORDER BY seq DESC LIMIT ?)", (_TAIL_CHECKED,)
        ).fetchone()
        if not count:
            return self.base
        if last - first + 1 != count:
            raise _hole(name, first, last)
        (oldest,) = self._db.execute("SELECT min(seq) FROM log").fetchone()
        if oldest != self.base + 1:
            raise _hole(name, self.base, oldest)
        return int(last)


def _hole(name: str, first: int, last: int) -> DamagedError:
    return DamagedError(
        f"{name} is damaged (entries are missing between {first} and {last}): restore it from a backup,"
        " or move it away to begin a new log"
    )


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
