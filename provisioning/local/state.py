"""The folder that a local system keeps its data in: stamped with a version, used by one system at a time."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from provisioning.local.accounts import forget
from provisioning.local.errors import SetupError
from provisioning.local.private import write_private

FORMAT = 1
_STAMP = "format"
_LOCK = "lock"


class State:
    """An open state folder. Holds its lock until closed, also when the process dies (the kernel drops it then).

    A folder that has things in it and no stamp of ours is left alone, also by ``fresh``: a mistyped ``--state`` must
    not cost anybody their files.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Make or open the folder; ``fresh`` empties it first. Raises SetupError."""
        self.folder = folder.absolute()
        self._lock: IO[str] | None = None
        try:
            self._open(fresh)
        except OSError as error:
            raise SetupError(
                f"cannot write in {self.folder} ({error.strerror}): make it writable for you,"
                " or choose another folder with --state"
            ) from error

    def _open(self, fresh: bool) -> None:
        self._refuse_what_is_not_ours()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        if fresh:
            self._empty()
        stamp = self.folder / _STAMP
        if not stamp.exists():
            stamp.write_text(f"{FORMAT}\n")
        found = stamp.read_text(errors="replace").strip()
        if found != str(FORMAT):
            self.close()
            raise SetupError(
                f"{self.folder} is corrupt or was left by another version (its format is {found[:20]!r}, this version"
                f" reads {FORMAT}): start over with --fresh, or choose another folder with --state"
            )

    def _refuse_what_is_not_ours(self) -> None:
        if not self.folder.exists() or (self.folder / _STAMP).exists():
            return
        if not self.folder.is_dir():
            raise SetupError(f"{self.folder} is not a folder: remove it, or choose another with --state")
        if any(entry.name != _LOCK for entry in self.folder.iterdir()):
            raise SetupError(
                f"{self.folder} holds files and is no state folder of ours: empty it, or choose another with --state"
            )

    def _locked(self) -> IO[str]:
        lock = (self.folder / _LOCK).open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise SetupError(
                f"{self.folder} is in use by another demo (process {holder}): stop that one,"
                " or choose another folder with --state"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock

    def _empty(self) -> None:
        """Remove all but the lock, and what PostgreSQL keeps elsewhere when we are root. The stamp goes last."""
        forget(self.folder / "postgres")
        entries = [entry for entry in self.folder.iterdir() if entry.name not in {_LOCK, _STAMP}]
        for entry in [*entries, self.folder / _STAMP]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def subfolder(self, *parts: str) -> Path:
        """A folder inside, made when missing."""
        made = self.folder.joinpath(*parts)
        made.mkdir(parents=True, exist_ok=True)
        return made

    def remembered(self, name: str) -> dict[str, Any] | None:
        """What was last kept under a name, or None. Raises SetupError when it cannot be read any more."""
        file = self.folder / f"{name}.json"
        try:
            value = json.loads(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SetupError(f"{file} is corrupt ({error}): start over with --fresh") from error
        if not isinstance(value, dict):
            raise SetupError(f"{file} is corrupt (not an object): start over with --fresh")
        return value

    def keep(self, name: str, value: dict[str, Any]) -> None:
        """Keep a value under a name, readable by its owner only, whole or not at all."""
        write_private(self.folder / f"{name}.json", json.dumps(value, indent=1))

    def close(self) -> None:
        """Let others use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
