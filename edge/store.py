"""What one facility keeps on disk: its log, a snapshot of the state, and what headquarters decided.

Plain methods do the work and belong to a thread: those that write to the writer's, those that read much to the
reader's (``in_writer``, ``in_reader``); the two ``matches_for_...`` are single indexed reads and run where they are
called, so that a plate does not wait for a thread.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from edge import database
from edge.database import StoreError
from edge.decisions import DecisionBook
from edge.rules.inputs import Knowledge, Matches
from shared.events import Entry
from shared.sync import SyncEntry

BATCH_ENTRIES_MAX = 500
BATCH_BYTES_MAX = 256 * 1024
_TAIL_CHECKED = 1_000
_SNAPSHOTS_KEPT = 2
_PREFIX_MAX = 40
"""A log id is at most this much of the facility's id and 9 characters more, so that a position id is still an Id."""

P = ParamSpec("P")
R = TypeVar("R")


class Store:
    """One open facility file. ``head`` is the newest durable position of the log, 0 before the first.

    Raises StoreError from the constructor when the file or its folder cannot be used.
    """

    def __init__(self, folder: Path, facility_id: str) -> None:
        path = folder / database.FILE_NAME
        self._lock = database.lock(folder)
        try:
            self._db = database.open_for_writing(path)
        except StoreError:
            os.close(self._lock)
            raise
        self._reading = database.open_for_reading(path)
        self._looking_up = database.open_for_reading(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        try:
            self.log_id = self._identify(facility_id, path)
            self.head = self._find_head(path)
        except StoreError:
            self.close()
            raise
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
        return await loop.run_in_executor(self._writer, lambda: call(*args, **kwargs))

    async def in_reader(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading method on the reader's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, lambda: call(*args, **kwargs))

    # The log.

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction; when this returns they survive a power cut. Writer's thread.

        Raises ValueError when they do not continue the log, sqlite3.Error when they could not be written: then none is.
        """
        expected = range(self.head + 1, self.head + 1 + len(entries))
        if [e.seq for e in entries] != list(expected):
            raise ValueError(f"the log ends at {self.head}, so entries {[e.seq for e in entries]} do not continue it")
        rows = [(e.seq, e.at_ms, e.type, _json(e.body)) for e in entries]
        with self._db.atomic():
            self._db.conn.executemany("INSERT INTO log (seq, at_ms, type, body) VALUES (?, ?, ?, ?)", rows)
        self.head += len(entries)

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

    def sync_entries(self, *, after: int) -> tuple[SyncEntry, ...]:
        """The next entries as they travel up, at most 500 or 256 kB of them, at least one if any. Reader's thread."""
        taken: list[SyncEntry] = []
        size = 0
        for seq, at_ms, kind, body in self._rows(after, BATCH_ENTRIES_MAX):
            size += len(body)
            if taken and size > BATCH_BYTES_MAX:
                break
            taken.append(SyncEntry(position=seq, body={"at_ms": at_ms, "type": kind, "body": json.loads(body)}))
        return tuple(taken)

    def _rows(self, after: int, limit: int) -> Iterable[tuple[int, int, str, str]]:
        rows: list[tuple[int, int, str, str]] = self._reading.execute(
            "SELECT seq, at_ms, type, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
        return rows

    # The snapshot.

    def save_snapshot(self, seq: int, fingerprint: str, state: str) -> None:
        """Keep the state as it was after entry ``seq``, and bring the WAL back into the file. Writer's thread."""
        with self._db.atomic():
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (seq, fingerprint, state))
            self._db.execute(
                "DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                (_SNAPSHOTS_KEPT,),
            )
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def load_snapshot(self, fingerprint: str) -> str | None:
        """The newest state that rules of this fingerprint wrote, or None: then the log tells it from the start."""
        row = self._reading.execute(
            "SELECT state FROM snapshot WHERE fingerprint = ? ORDER BY seq DESC LIMIT 1", (fingerprint,)
        ).fetchone()
        return None if row is None else str(row[0])

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

    def _find_head(self, path: Path) -> int:
        count, first, last = self._db.execute(
            "SELECT count(*), min(seq), max(seq) FROM (SELECT seq FROM log ORDER BY seq DESC LIMIT ?)", (_TAIL_CHECKED,)
        ).fetchone()
        if count and last - first + 1 != count:
            raise StoreError(
                f"{path} is damaged (entries are missing between {first} and {last}): restore it from a backup,"
                " or move it away to begin a new log"
            )
        return last or 0


def new_log_id(facility_id: str) -> str:
    """Name a new life of a facility's log, such as ``boston-downtown-4f0c21aa``."""
    return f"{facility_id[:_PREFIX_MAX].rstrip('-')}-{secrets.token_hex(4)}"


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
