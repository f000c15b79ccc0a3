"""The facility's one SQLite file: how it is opened, which connection may do what, and what is told when it is damaged.

WAL with ``synchronous=FULL``: a commit that returned survives a power cut. One connection writes and checkpoints, and
it is used on one thread; every other connection is read-only.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

FILE_NAME = "facility.db"
LAYOUT = 1
"""Version of the tables below, kept in the file's ``user_version``."""
WHOLE_CHECK_BYTES_MAX = 256 * 1024 * 1024
"""Up to this size the whole file is checked at each start; above it, all tables but the log, to start in time."""

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE log (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE decisions (
    key TEXT PRIMARY KEY, log_id TEXT NOT NULL, position INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE right_plates (plate TEXT, right_id TEXT, PRIMARY KEY (plate, right_id)) STRICT, WITHOUT ROWID;
CREATE TABLE right_tokens (token TEXT, right_id TEXT, PRIMARY KEY (token, right_id)) STRICT, WITHOUT ROWID;
CREATE INDEX right_plates_by_right ON right_plates (right_id);
CREATE INDEX right_tokens_by_right ON right_tokens (right_id);
"""


class StoreError(Exception):
    """The facility's file cannot be used. The text is one line that says what is wrong and how to mend it."""


def lock(folder: Path) -> int:
    """Take the folder for this process; the lock ends with the process or when the descriptor is closed.

    Raises StoreError when the folder cannot be written or another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write to data_dir {folder} ({error.strerror}): make it a writable folder, or choose another"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreError(f"another edge daemon runs on data_dir {folder}: stop it, or give this one its own") from error
    return descriptor


def open_for_writing(path: Path) -> Database:
    """The one read-write connection, with its tables. Raises StoreError for a file that is damaged or not ours."""
    db = Database(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    try:
        _prepare(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreError(
            f"{path} is damaged ({error}): restore it from a backup, or move it away to begin a new log"
            " (events that the cloud does not have yet stay in the old file)"
        ) from error
    except StoreError:
        db.close()
        raise
    return db


def open_for_reading(path: Path) -> Database:
    """A connection that can only read; to be used by one thread at a time."""
    uri = f"file:{quote(str(path))}?mode=ro"
    return Database(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))


def _prepare(db: Database, path: Path) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000", "cache_size = -16000"):
        db.execute(f"PRAGMA {pragma}")
    (layout,) = db.execute("PRAGMA user_version").fetchone()
    if layout > LAYOUT:
        raise StoreError(f"{path} was written by a newer version (layout {layout}, known {LAYOUT}): update this daemon")
    _check(db, path)
    if layout == 0:
        with db.atomic():
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {LAYOUT}")


def _check(db: Database, path: Path) -> None:
    whole = path.stat().st_size <= WHOLE_CHECK_BYTES_MAX
    tables = [""] if whole else [f"('{name}')" for name in db.table_names() if name != "log"]
    for table in tables:
        (verdict,) = db.execute(f"PRAGMA quick_check{table}").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict.splitlines()[0])
