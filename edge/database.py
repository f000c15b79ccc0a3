"""The facility's one SQLite file: how it is opened, which connection may do what, and what its errors mean.

WAL with ``synchronous=FULL``: a commit that returned survives a power cut. One connection writes and checkpoints, and
it is used on one thread; every other connection is read-only.
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from json import JSONDecodeError
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

FILE_NAME = "facility.db"
LAYOUT = 1
"""Version of the tables below, kept in the file's ``user_version``."""
WHOLE_CHECK_BYTES_MAX = 64 * 1024 * 1024
"""Up to this size the whole file is checked at each start; above it, all tables but the logs, to start in time. The
rest is checked once the lanes run."""
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000", "cache_size = -16000")
"""How the writing connection works."""
_NO_ROOM = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGE_IN_FULL = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)

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


class DamagedError(StoreError):
    """What stands in the file is not what was written."""


def has_no_room(error: sqlite3.Error) -> bool:
    """Whether a write failed because the disk refuses (full, over its quota, failing): the same write may work later.

    SQLite reports a quota and a limit on the file's size as an input/output error, as it does a failing disk.
    """
    return _code(error) in _NO_ROOM


def tells_of_damage(error: Exception) -> bool:
    """Whether an error says that the file is damaged, so that nothing more must be built on it. SQLite keeps no
    checksums of its pages, so it may also be what was written as JSON and is none any more."""
    return _code(error) & 0xFF in _DAMAGE or _code(error) in _DAMAGE_IN_FULL or isinstance(error, JSONDecodeError)


def _code(error: Exception) -> int:
    """SQLite's extended result code, 0 when the error did not come from SQLite."""
    return int(getattr(error, "sqlite_errorcode", 0))


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


def open_for_writing(path: Path, *, check_whole: bool = False) -> Database:
    """The one read-write connection, with its tables; ``check_whole`` looks at every page however large the file is.

    Raises DamagedError for a file that is damaged, StoreError for one that is not ours or cannot be opened.
    """
    try:
        db = Database(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    except sqlite3.OperationalError as error:
        raise _cannot_open(path, error) from error
    try:
        _prepare(db, path, check_whole)
    except sqlite3.OperationalError as error:
        db.close()
        raise _cannot_open(path, error) from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise DamagedError(
            f"{path} is damaged ({error}): restore it from a backup, or move it away to begin a new log"
            " (events that the cloud does not have yet stay in the old file)"
        ) from error
    except StoreError:
        db.close()
        raise
    return db


def _cannot_open(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(
        f"{path} cannot be opened ({error}): it must be a file that can be written, with room on its disk and its"
        " folder writable"
    )


def open_for_reading(path: Path) -> Database:
    """A connection that can only read; to be used by one thread at a time."""
    uri = f"file:{quote(str(path))}?mode=ro"
    return Database(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))


def check(db: Database, tables: Sequence[str] = ()) -> None:
    """Look at every page of these tables; at the whole file, and whether its JSON is still such, when none is named.
    Raises sqlite3.DatabaseError."""
    for table in [f"('{name}')" for name in tables] or [""]:
        (verdict,) = db.execute(f"PRAGMA quick_check{table}").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict.splitlines()[0])
    if not tables:
        _check_json(db)


def _check_json(db: Database) -> None:
    for table in db.table_names():
        if table.startswith("log") or table in ("decisions", "snapshot"):
            column = "state" if table == "snapshot" else "body"
            (broken,) = db.execute(f"SELECT count(*) FROM {table} WHERE NOT json_valid({column})").fetchone()  # noqa: S608 - our names
            if broken:
                raise sqlite3.DatabaseError(f"{broken} rows of {table} are not what was written")


def make_durable(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(db: Database, path: Path, check_whole: bool) -> None:
    for pragma in PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    (layout,) = db.execute("PRAGMA user_version").fetchone()
    if layout > LAYOUT:
        raise StoreError(f"{path} was written by a newer version (layout {layout}, known {LAYOUT}): update this daemon")
    small = path.stat().st_size <= WHOLE_CHECK_BYTES_MAX
    check(db, () if check_whole or small else [name for name in db.table_names() if not name.startswith("log")])
    if layout == 0:
        with db.atomic():
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {LAYOUT}")
