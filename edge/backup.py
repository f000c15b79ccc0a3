"""Online copies of a facility's file: made while the daemon works, verified after writing, a few kept.

A copy is remarked as one (``edge/logbook.py`` COPIED_AT_MS). Whoever starts a daemon on it therefore begins a new log:
the one it was copied from has gone on, and two different entries must never have one position.
"""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.database import FILE_NAME, make_durable
from edge.logbook import COPIED_AT_MS
from shared.clock import SECOND_MS, to_utc

_STEP_PAGES = 1_000
_STEP_PAUSE_REAL_S = 0.02
"""A copy reads at most this much at once, so that a commit finds the disk free in between."""
_ROOM_LEFT_BYTES = 16_000_000
"""A copy must not take the last of a disk."""
_PATTERN = "facility-*.db"
_PARTIAL = ".partial"
STATION_KEYS = ("station-keys.json", "station-ca.key", "station-ca.pem")
"""What lets stations in whose password or certificate was renewed by this box; copied with each copy."""


class BackupError(Exception):
    """No usable copy was made; one line that says why. What was there before is still there."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy: which log it holds, up to which entry, and of which facility."""

    path: Path
    log_id: str
    head: int
    facility_id: str


def back_up(data_dir: Path, folder: Path, *, keep: int, now_ms: int) -> Backup:
    """Copy the file of ``data_dir`` into ``folder`` and verify the copy; of all copies there, the ``keep`` newest stay.

    May take minutes for a large file; from any thread, beside a running daemon or without one. Raises BackupError.
    """
    stamp = f"{to_utc(now_ms):%Y%m%dT%H%M%S}{now_ms % SECOND_MS:03d}Z"
    partial = folder / f"facility-{stamp}.db{_PARTIAL}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder):
            _require_room(data_dir / FILE_NAME, folder)
            head = _copy(data_dir / FILE_NAME, partial, now_ms)
            made = verify(partial)
            if made.head != head:
                raise BackupError(f"the copy ends at entry {made.head}, what was copied at {head}: it was not kept")
            _carry(STATION_KEYS, data_dir, folder)
            path = partial.with_name(partial.name.removesuffix(_PARTIAL))
            make_durable(partial)
            partial.rename(path)
            make_durable(folder)
            for old in backups(folder)[keep:]:
                old.unlink()
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"no copy of {data_dir / FILE_NAME} could be made in {folder}: {error}") from error
    return Backup(path, made.log_id, made.head, made.facility_id)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One copy at a time; what one that was cut short leaves is removed, at the latest by the next: the disk may be
    the one that the lanes write to. Raises OSError and BackupError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove_left_over(folder)
        try:
            yield
        finally:
            _remove_left_over(folder)
    except BlockingIOError as error:
        raise BackupError(f"another copy is being made in {folder}: wait until it is done") from error
    finally:
        os.close(descriptor)


def _remove_left_over(folder: Path) -> None:
    for left_over in folder.glob(f"{_PATTERN}{_PARTIAL}*"):
        left_over.unlink()


def _require_room(source: Path, folder: Path) -> None:
    if not source.is_file():
        raise BackupError(f"{source} does not exist")
    needed, free = source.stat().st_size + _ROOM_LEFT_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"a copy of {source} needs {needed / 1e6:.0f} MB in {folder} with what must stay free, and there are"
            f" {free / 1e6:.0f} MB: make room, or choose another disk"
        )


def restore(copy: Path, data_dir: Path, *, facility_id: str) -> Backup:
    """Put a copy where a daemon will find it. Raises BackupError when the copy is not sound or not this facility's, or
    a file is there already: nothing is ever overwritten."""
    made = verify(copy)
    if made.facility_id != facility_id:
        raise BackupError(f"{copy} is of facility {made.facility_id!r}, the configuration is of {facility_id!r}")
    target = data_dir / FILE_NAME
    if target.exists():
        raise BackupError(f"{target} exists: move it away first (what the cloud does not have yet is still in it)")
    draft = target.with_name(f"{FILE_NAME}{_PARTIAL}")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copy, draft)
        make_durable(draft)
        _carry(STATION_KEYS, copy.parent, data_dir)
        draft.rename(target)
        make_durable(data_dir)
    except OSError as error:
        raise BackupError(f"{copy} cannot be restored to {target}: {error}") from error
    return made


def _carry(names: Iterable[str], source: Path, target: Path) -> None:
    """Copy those of some files that are there, each whole or not at all, for their owner's eyes only."""
    for name in names:
        if (source / name).is_file():
            draft = target / f"{name}{_PARTIAL}"
            draft.touch(mode=0o600)
            shutil.copyfile(source / name, draft)
            make_durable(draft)
            draft.rename(target / name)


def backups(folder: Path) -> list[Path]:
    """The copies in a folder, newest first."""
    return sorted(folder.glob(_PATTERN), reverse=True)


def verify(path: Path) -> Backup:
    """Look at every page and every index of a copy, and at its log's end. Raises BackupError when it cannot be used."""
    try:
        with closing(_open(path)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise BackupError(f"{path} is damaged: {verdict.splitlines()[0]}")
            told = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('log_id', 'facility_id')").fetchall())
            return Backup(path, told.get("log_id", ""), _head(db), told.get("facility_id", ""))
    except sqlite3.Error as error:
        raise BackupError(f"{path} cannot be used: {error}") from error


def _copy(source_path: Path, target_path: Path, now_ms: int) -> int:
    """Copy what is committed now, piece by piece; returns its head. One read transaction holds it still meanwhile."""
    with closing(_open(source_path)) as source, closing(sqlite3.connect(target_path, isolation_level=None)) as target:
        source.execute("BEGIN")
        head = _head(source)
        source.backup(target, pages=_STEP_PAGES, progress=lambda *_: time.sleep(_STEP_PAUSE_REAL_S))
        source.execute("ROLLBACK")
        target.execute("PRAGMA journal_mode = DELETE")
        target.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (COPIED_AT_MS, str(now_ms)))
    return head


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise BackupError(f"{path} does not exist")
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _head(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT max(seq) FROM log").fetchone()
    (base,) = db.execute("SELECT value FROM meta WHERE name = 'base'").fetchone() or (0,)
    return int(last or base)
