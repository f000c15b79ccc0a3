"""What stations told of themselves, in a SQLite file of its own: device models, monitors, events, profiles, messages.

It is written beside the lanes' writer, never on it, and is bounded per station. Nothing here is money: a file that
cannot be read is set aside and a new one begun, because stations can be asked again. So commits need not survive a
power cut (``synchronous=NORMAL``), only never tear the file.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from edge.ocpp.notes import KEPT_MAX, OURS, Change, Forget, ForgetOne, ForgetOthers, Kind, Note, Revise
from edge.ocpp.version import Registration

FILE_NAME = "stations.db"
LAYOUT = 1
NOTE_BYTES_MAX = 16 * 1024
"""A longer note is kept as its length alone; the longest value that the specification allows is a sixth of it."""
STATION_BYTES_MAX = 8 * 1024 * 1024
"""Of one station; beyond it its oldest notes go, whatever their kind."""
_TABLES = """
CREATE TABLE notes (
    station_id TEXT, kind TEXT, key TEXT, body TEXT NOT NULL, bytes INTEGER NOT NULL, noted_ms INTEGER NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (station_id, kind, key)
) STRICT;
CREATE INDEX notes_by_age ON notes (station_id, kind, number, bytes);
"""

_log = logging.getLogger(__name__)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kept:
    """A note as it can be read back. ``noted_ms`` is lived time."""

    key: str
    noted_ms: int
    body: Mapping[str, Any]


class StationBook:
    """One file, or memory alone without a folder. Its methods may be awaited from the event loop; one thread works.

    Each raises sqlite3.Error when the file cannot be written or read (disk full).
    """

    def __init__(self, folder: Path | None = None) -> None:
        path = None if folder is None else folder / FILE_NAME
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="station-book")
        self._db = _open(path)
        (newest,) = self._db.execute("SELECT max(number) FROM notes").fetchone()
        self._number = newest or 0

    def close(self) -> None:
        """Finish what is being written, then let go of the file."""
        self._thread.shutdown()
        self._db.close()

    async def keep(self, station_id: str, changes: Sequence[Change], now_ms: int) -> None:
        """Make changes, all or none."""
        await self._in_thread(lambda: self._keep(station_id, changes, now_ms))

    async def notes(self, station_id: str, kind: Kind) -> list[Kept]:
        """All notes of a kind, the oldest first."""
        return await self._in_thread(lambda: self._notes(station_id, kind))

    async def note(self, station_id: str, kind: Kind, key: str = "") -> Kept | None:
        """One note."""
        found = await self._in_thread(lambda: self._notes(station_id, kind, key))
        return found[0] if found else None

    async def registration(self, station_id: str) -> Registration:
        """What the station's next boot is to be answered; Accepted unless a person held it back."""
        held = await self.note(station_id, Kind.REGISTRATION)
        status = None if held is None else held.body.get("status")
        return status if status in ("Pending", "Rejected") else "Accepted"

    async def counts(self, station_id: str) -> dict[str, int]:
        """How many notes there are of each kind that has any."""
        rows = await self._in_thread(
            lambda: self._db.execute(
                "SELECT kind, count(*) FROM notes WHERE station_id = ? GROUP BY kind", (station_id,)
            ).fetchall()
        )
        return dict(rows)

    async def _in_thread(self, call: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _keep(self, station_id: str, changes: Sequence[Change], now_ms: int) -> None:
        with self._db.atomic():
            for change in changes:
                match change:
                    case Note(kind, key, body):
                        self._put(station_id, kind, key, body=_text(body), now_ms=now_ms)
                    case Revise(kind, key, how):
                        known = self._notes(station_id, kind, key)
                        self._put(station_id, kind, key, body=_text(how(known[0].body if known else {})), now_ms=now_ms)
                    case ForgetOne(kind, key):
                        self._delete(station_id, kind, "key = ?1", key)
                    case Forget(kind, prefix):
                        self._delete(station_id, kind, "substr(key, 1, length(?1)) = ?1", prefix)
                    case ForgetOthers(kind, prefix):
                        self._delete(station_id, kind, "substr(key, 1, length(?1)) <> ?1", prefix)
            for kind in {change.kind for change in changes if isinstance(change, Note | Revise)}:
                self._bound_kind(station_id, kind)
            self._bound_bytes(station_id)

    def _put(self, station_id: str, kind: Kind, key: str, *, body: str, now_ms: int) -> None:
        self._number += 1
        self._db.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (station_id, kind.value, key, body, len(body), now_ms, self._number),
        )

    def _delete(self, station_id: str, kind: Kind, which: str, key: str) -> None:
        self._db.execute(
            f"DELETE FROM notes WHERE station_id = ?2 AND kind = ?3 AND {which}",  # noqa: S608  (which: three literals)
            (key, station_id, kind.value),
        )

    def _bound_kind(self, station_id: str, kind: Kind) -> None:
        self._db.execute(
            "DELETE FROM notes WHERE station_id = ? AND kind = ? AND number <= (SELECT number FROM notes"
            " WHERE station_id = ? AND kind = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (station_id, kind.value, station_id, kind.value, KEPT_MAX[kind]),
        )

    def _bound_bytes(self, station_id: str) -> None:
        (size,) = self._db.execute("SELECT total(bytes) FROM notes WHERE station_id = ?", (station_id,)).fetchone()
        if size <= STATION_BYTES_MAX:
            return
        rows = self._db.execute(
            "SELECT number, bytes FROM notes WHERE station_id = ? AND kind NOT IN (?, ?) ORDER BY number",
            (station_id, *OURS),
        ).fetchall()
        for number, taken in rows:
            if size <= STATION_BYTES_MAX:
                return
            self._db.execute("DELETE FROM notes WHERE station_id = ? AND number = ?", (station_id, number))
            size -= taken

    def _notes(self, station_id: str, kind: Kind, key: str | None = None) -> list[Kept]:
        """All of a kind, or the one of a key."""
        of_key = "" if key is None else " AND key = ?3"
        rows = self._db.execute(
            f"SELECT key, noted_ms, body FROM notes WHERE station_id = ?1 AND kind = ?2{of_key} ORDER BY number",  # noqa: S608
            (station_id, kind.value, *([] if key is None else [key])),
        ).fetchall()
        return [Kept(key, noted_ms, json.loads(body)) for key, noted_ms, body in rows]


def _text(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, separators=(",", ":"))
    return text if len(text) <= NOTE_BYTES_MAX else json.dumps({"longer_than_kept_bytes": len(text)})


def _open(path: Path | None) -> Database:
    """Open the file, or a new one in its place when it is damaged, or memory alone when neither can be done: what
    stations tell of themselves must not keep a facility from running."""
    try:
        return _prepared(path) if path is None else _mended(path)
    except (sqlite3.Error, OSError) as error:
        _log.warning("%s cannot be used (%s): what stations tell is forgotten at the next restart", path, error)
        return _prepared(None)


def _mended(path: Path) -> Database:
    try:
        return _prepared(path)
    except sqlite3.OperationalError:  # the disk or the folder, not what is in the file
        raise
    except sqlite3.DatabaseError:
        aside = path.with_suffix(".damaged")
        _log.warning("%s is damaged: set aside as %s, stations will be asked again", path, aside.name)
        path.replace(aside)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        return _prepared(path)


def _prepared(path: Path | None) -> Database:
    db = Database(sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False))
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            db.execute(f"PRAGMA {pragma}")
        (verdict,) = db.execute("PRAGMA quick_check").fetchone()
        (layout,) = db.execute("PRAGMA user_version").fetchone()
        if verdict != "ok" or layout not in (0, LAYOUT):
            raise sqlite3.DatabaseError(f"{verdict}, layout {layout}")
        if layout == 0:
            with db.atomic():
                for statement in filter(str.strip, _TABLES.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {LAYOUT}")
    except sqlite3.Error:
        db.close()
        raise
    return db
