"""What one facility keeps on disk: its log, a snapshot of the state, and what headquarters decided.

Plain methods do the work and belong to a thread: those that write to the writer's, those that read much to the
reader's (``in_writer``, ``in_reader``); the two ``matches_for_...`` are single indexed reads and run where they are
called, so that a plate does not wait for a thread.
"""

import asyncio
import json
import os
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from edge import database
from edge.database import DamagedError, StoreError
from edge.decisions import DecisionBook
from edge.logbook import ClosedLog, LogBook, Snapshot
from edge.rules.inputs import Knowledge, Matches
from shared.events import Entry
from shared.sync import SyncEntry

SLICE_ENTRIES_MAX = 500
SLICE_BYTES_MAX = 150_000
"""Of the entries as they travel up."""
_LINES = """
    WITH line AS (
        SELECT seq, '{{"position":' || seq || ',"body":{{"at_ms":' || at_ms || ',"type":' || json_quote(type)
            || ',"body":' || body || '}}}}' AS json
        FROM {table} WHERE seq > :after ORDER BY seq LIMIT :entries
    )
"""
_SLICE = _LINES + "SELECT CAST(coalesce(group_concat(json), '') AS BLOB), coalesce(max(seq), :after) FROM line"  # noqa: S608 - ours
"""Put together by SQLite, since the interpreter, which the lanes need, is free meanwhile. Rows reach ``group_concat``
in their order; a receiver refuses a batch in any other."""
_SHORTER_SLICE = f"""
    {_LINES}, sized AS (
        SELECT seq, json, sum(length(CAST(json AS BLOB)) + 1) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS bytes
        FROM line
    )
    SELECT CAST(group_concat(json) AS BLOB), max(seq) FROM sized
    WHERE bytes <= :bytes OR seq = (SELECT min(seq) FROM line)
"""  # noqa: S608 - ours
"""The same within a bound of bytes, at twice the cost: for entries that are unusually long."""
READER_NICENESS = 10
_PREFIX_MAX = 40
"""A log id is at most this much of the facility's id and 9 characters more, so that a position id is still an Id."""

P = ParamSpec("P")
R = TypeVar("R")


class Store:
    """One open facility file. ``head`` is the newest durable position of the log, 0 before the first; ``base`` the
    newest that is not kept any more. What is in ``log`` belongs to the writer's thread.

    Raises StoreError from the constructor when the file or its folder cannot be used, DamagedError when it is damaged;
    ``check_whole`` looks at every page of it however large it is. ``on_damage`` is called once, from whatever thread
    meets it, when the file turns out to be damaged later: nothing more must be built on it.
    """

    def __init__(self, folder: Path, facility_id: str, *, check_whole: bool = False) -> None:
        self.path = path = folder / database.FILE_NAME
        self.on_damage: Callable[[], None] = lambda: None
        self._lock = database.lock(folder)
        try:
            self._db = database.open_for_writing(path, check_whole=check_whole)
        except StoreError:
            os.close(self._lock)
            raise
        self._reading = database.open_for_reading(path)
        self._looking_up = database.open_for_reading(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-reader", initializer=_stand_back)
        try:
            self.log_id = self._identify(facility_id, path)
            self.log = LogBook(self._db, str(path))
        except StoreError:
            self.close()
            raise
        except sqlite3.DatabaseError as error:
            self.close()
            raise DamagedError(f"{path} is damaged ({error}): restore it from a backup") from error
        self._decided = DecisionBook(self._db, facility_id)
        self._decided.reread()
        self._known = DecisionBook(self._looking_up, facility_id)

    def close(self) -> None:
        """Finish what is being written, then let go of the file and the folder."""
        self._writer.shutdown()
        self._reader.shutdown()
        for db in (self._looking_up, self._reading, self._db):  # the writer last: it folds the WAL into the file
            db.close()
        os.close(self._lock)

    async def in_writer(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a writing method on the writer's thread, after what was given to it before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, lambda: self._watched(lambda: call(*args, **kwargs)))

    async def in_reader(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading method on the reader's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, lambda: self._watched(lambda: call(*args, **kwargs)))

    def _watched(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except sqlite3.DatabaseError as error:
            if database.tells_of_damage(error):
                self.on_damage()
            raise

    # The log.

    @property
    def head(self) -> int:
        return self.log.head

    @property
    def base(self) -> int:
        return self.log.base

    @property
    def whole(self) -> bool:
        """Whether the log tells the state from its first entry on: nothing was trimmed, nothing carried over."""
        return self.log.whole

    @property
    def closed_logs(self) -> tuple[ClosedLog, ...]:
        """The former logs of which something is kept, oldest first."""
        return self.log.closed

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction; when this returns they survive a power cut. Writer's thread.

        Raises ValueError when they do not continue the log, sqlite3.Error when they could not be written: then none is.
        """
        self.log.append(entries)

    def entries(self, *, after: int, limit: int) -> list[Entry]:
        """Up to ``limit`` entries that follow position ``after``, in order. Reader's thread."""
        return [
            Entry(seq=seq, at_ms=at_ms, type=kind, body=json.loads(body))
            for seq, at_ms, kind, body in self._rows(after, limit)
        ]

    def all_entries(self, *, after: int) -> Iterator[Entry]:
        """Every entry after a position, read in pieces of constant size."""
        while piece := self.entries(after=after, limit=1_000):
            yield from piece
            after = piece[-1].seq

    def sync_json(self, *, after: int, table: str = "log") -> tuple[bytes, int]:
        """The next entries as they travel up, a list's inside in JSON, and the position of the last: at most 500
        entries or 150 kB, at least one if there is any. Reader's thread."""
        bounds = {"after": after, "entries": SLICE_ENTRIES_MAX, "bytes": SLICE_BYTES_MAX}
        json_text, upto = self._reading.execute(_SLICE.format(table=table), bounds).fetchone()
        if len(json_text) > SLICE_BYTES_MAX:
            json_text, upto = self._reading.execute(_SHORTER_SLICE.format(table=table), bounds).fetchone()
        return json_text, upto

    def _rows(self, after: int, limit: int) -> Iterable[tuple[int, int, str, str]]:
        rows: list[tuple[int, int, str, str]] = self._reading.execute(
            "SELECT seq, at_ms, type, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
        return rows

    # The snapshot.

    def save_snapshot(self, seq: int, fingerprint: str, state: str) -> None:
        """Keep the state as it was after entry ``seq``, and bring the WAL back into the file. Writer's thread."""
        self.log.save_snapshot(seq, fingerprint, state)

    def load_snapshot(self, fingerprint: str) -> str | None:
        """The newest state that rules of this fingerprint wrote, or None: then the log tells it from the start."""
        return next((kept.state for kept in self.snapshots() if kept.fingerprint == fingerprint), None)

    def snapshots(self) -> list[Snapshot]:
        """What is kept of the state, newest first, each with the whole log after it. Any one thread at a time."""
        rows = self._reading.execute(
            "SELECT seq, fingerprint, state FROM snapshot WHERE seq >= ? ORDER BY seq DESC", (self.base,)
        ).fetchall()
        return [Snapshot(*row) for row in rows]

    # What may go, and what begins anew.

    def old_entries(self, limit: int) -> list[tuple[int, int]]:
        """Position and instant of the oldest kept entries that every snapshot already tells. Reader's thread."""
        rows: list[tuple[int, int]] = self._reading.execute(
            "SELECT seq, at_ms FROM log WHERE seq <= (SELECT min(seq) FROM snapshot) ORDER BY seq LIMIT ?", (limit,)
        ).fetchall()
        return rows

    def newest_of(self, kind: str) -> int | None:
        """The newest position of one type of entry, None when none is kept. Looks through the whole log."""
        (seq,) = self._reading.execute("SELECT max(seq) FROM log WHERE type = ?", (kind,)).fetchone()
        return None if seq is None else int(seq)

    def newest_ms(self, log: ClosedLog) -> int:
        """The instant of the newest entry of a closed log, 0 when it has none. Reader's thread."""
        (at_ms,) = self._reading.execute(f"SELECT at_ms FROM {log.table} ORDER BY seq DESC LIMIT 1").fetchone() or (0,)  # noqa: S608 - ours
        return int(at_ms)

    def begin_anew(self, log_id: str, snapshot: Snapshot, entries: Sequence[Entry]) -> None:
        """Close the log; go on with a new one (``LogBook.begin_anew``). Before anything else uses the store."""
        self.log.begin_anew(log_id, snapshot, entries)
        self.log_id = log_id

    def free_bytes(self) -> int:
        """Room within the file that entries to come will use first. Reader's thread."""
        (pages,) = self._reading.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = self._reading.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(page_bytes)

    # What headquarters decided.

    def decisions_held(self, log_id: str) -> int:
        """Up to which position this facility holds that log of decisions."""
        return self._known.held(log_id)

    def apply_decisions(self, log_id: str, entries: Sequence[SyncEntry], upto: int, *, complete: bool = True) -> bool:
        """Take decisions and the cursor in one transaction. True when Knowledge changed. Writer's thread."""
        with self._db.atomic():
            return self._decided.apply(log_id, entries, upto, complete=complete)

    def knowledge(self) -> Knowledge:
        """The configuration and the tariffs as last heard."""
        return self._known.knowledge()

    def unread_decisions(self) -> int:
        """How many decisions of a newer or broken form wait for an update of this daemon."""
        return self._known.unread()

    def matches_for_plate(self, plate: str) -> Matches:
        """Rights and block of a plate."""
        return self._known.matches_for_plate(plate)

    def matches_for_token(self, token: str) -> Matches:
        """Rights of an OCPP id token, compared without regard to case."""
        return self._known.matches_for_token(token)

    # Opening.

    def _identify(self, facility_id: str, path: Path) -> str:
        held = dict(self._db.execute("SELECT name, value FROM meta WHERE name IN ('facility_id', 'log_id')").fetchall())
        if not held:
            held = {"facility_id": facility_id, "log_id": new_log_id(facility_id)}
            with self._db.atomic():
                self._db.conn.executemany("INSERT INTO meta VALUES (?, ?)", held.items())
        if held["facility_id"] != facility_id:
            raise StoreError(
                f"{path} belongs to facility {held['facility_id']!r}, not to {facility_id!r}:"
                " correct facility_id, or give this facility its own data_dir"
            )
        return str(held["log_id"])


def _stand_back() -> None:
    """Where threads can differ in that (Linux), the one that reads in bulk has the processor when no other wants it."""
    if sys.platform == "linux":
        os.nice(READER_NICENESS)


def new_log_id(facility_id: str) -> str:
    """Name a new life of a facility's log, such as ``boston-downtown-4f0c21aa``."""
    return f"{facility_id[:_PREFIX_MAX].rstrip('-')}-{secrets.token_hex(4)}"
