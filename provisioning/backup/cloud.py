"""Taking backups of the cloud's database, each verified before it has its name.

``base-<UTC>`` is a copy of the whole server; with the log segments in ``wal/`` it restores to any moment after it was
taken. ``dump-<UTC>.pgdump`` is one database as PostgreSQL's own archive. A backup that was cut short keeps the name
``.taking-...`` and is removed by the next one. One is taken at a time.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provisioning.backup.programs import BackupError, binary, environment, run, size_bytes

WAL = "wal"
SLOT = "easypark_backup"
"""The replication slot that makes the server keep what the archive does not hold yet."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_DRAFT = ".taking-"


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was verified."""

    path: Path
    bytes: int
    took_real_s: float


def take_base(database_url: str, folder: Path, *, keep: int) -> Taken:
    """Copy the whole server into ``folder`` and check every file against the manifest. Raises BackupError."""
    began = time.monotonic()
    with _draft(folder) as draft:
        arguments = [f"--pgdata={draft}", "--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256"]
        run("pg_basebackup", arguments, database_url=database_url, what="the database cannot be copied")
        verify_base(draft)
        return _keep(draft, folder / f"base-{_now()}", began, keep=keep)


def verify_base(path: Path) -> None:
    """Hold every file of a base backup, and the log that it needs, against its manifest. Raises BackupError."""
    run("pg_verifybackup", ["--quiet", str(path)], what=f"the copy of the database in {path} is not sound")


def take_dump(database_url: str, folder: Path, *, keep: int) -> Taken:
    """Write one database into ``folder`` as an archive and read that whole again. Raises BackupError."""
    began = time.monotonic()
    with _draft(folder) as draft:
        arguments = ["--format=custom", f"--file={draft}"]
        run("pg_dump", arguments, database_url=database_url, what="the database is not dumped")
        run("pg_restore", ["--file=/dev/null", str(draft)], what="the dump of the database is not sound")
        return _keep(draft, folder / f"dump-{_now()}.pgdump", began, keep=keep)


@dataclass(frozen=True, slots=True)
class Program:
    """A program to be run: its path and arguments, and its whole environment."""

    command: list[str]
    environment: dict[str, str]


def log_archiver(database_url: str, folder: Path) -> Program:
    """What carries the server's write-ahead log into ``folder``/wal as it is written, for as long as it runs.

    The slot made here lets the server keep what was not carried yet, so it may be stopped and started. Raises
    BackupError.
    """
    place = folder / WAL
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from error
    create = ["--directory", str(place), "--slot", SLOT, "--create-slot", "--if-not-exists"]
    run("pg_receivewal", create, database_url=database_url, what="the server keeps no log for the archive")
    command = [binary("pg_receivewal"), "--directory", str(place), "--slot", SLOT, "--synchronous"]
    return Program(command, environment(database_url))


def bases(folder: Path) -> list[tuple[datetime, Path]]:
    """The base backups in a folder with the moments from which each can be restored, oldest first."""
    found = []
    for path in folder.glob("base-*"):
        try:
            found.append((datetime.strptime(path.name, f"base-{_STAMP}").replace(tzinfo=UTC), path))
        except ValueError:
            continue
    return sorted(found)


def dumps(folder: Path) -> list[Path]:
    """The dumps in a folder, oldest first."""
    return sorted(folder.glob("dump-*.pgdump"))


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """Where to write a backup that is not sound yet, for one at a time; what an earlier one left there is removed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder / f"{_DRAFT}{_now()}"
    except BlockingIOError as error:
        raise BackupError(f"another backup is being taken into {folder}: wait until it is done") from error
    except OSError as error:
        raise _not_writable(folder, error) from error
    finally:
        os.close(lock)


def _not_writable(folder: Path, error: OSError) -> BackupError:
    return BackupError(f"cannot write backups to {folder} ({error.strerror}): choose a writable folder")


def _now() -> str:
    return datetime.now(UTC).strftime(_STAMP)


def _keep(draft: Path, final: Path, began: float, *, keep: int) -> Taken:
    """Give a sound backup its name, then remove the oldest of its kind, and the log that no base needs any more."""
    draft.rename(final)
    kind = [path for _, path in bases(final.parent)] if final.is_dir() else dumps(final.parent)
    for old in kind[:-keep]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    if final.is_dir():
        _trim_log(final.parent)
    return Taken(final, size_bytes(final), time.monotonic() - began)


def _trim_log(folder: Path) -> None:
    place = folder / WAL
    if place.is_dir():
        _, oldest = bases(folder)[0]
        run("pg_archivecleanup", [str(place), _first_segment(oldest)], what="old log segments cannot be removed")


def _first_segment(base: Path) -> str:
    """The log segment that a base backup begins in: ``backup_label`` says ``(file 00000001000000000000002A)``."""
    label = (base / "backup_label").read_text()
    return label.split("(file ", 1)[1].split(")", 1)[0]
