"""A disk that remembers what was written and what was synced, so that any moment of its life can be made a power cut.

SQLite works on it through a virtual file system. What was synced is on the disk. Of what was written since, a cut keeps
nothing, the first part, some of it, or some of it torn within a write, as disks do that reorder and have a cache.
"""

import contextlib
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
_names = itertools.count()


class TornDisk:
    """One database file and its WAL. ``operations`` is all that happened, in order; ``remark`` adds what the test wants
    to remember of a moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operations: list[tuple[Any, ...]] = []
        self._vfs = _Vfs(f"torn-{next(_names)}", self)

    def connect(self) -> "TornDatabase":
        """The one connection; without shared memory, which a WAL needs only for a second one."""
        connection = apsw.Connection(str(self.path), vfs=self._vfs.vfs_name)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return TornDatabase(connection)

    def remark(self, value: int) -> None:
        """Remember a moment."""
        self.operations.append(("remark", value))

    def cut(self, at: int, dice: random.Random) -> tuple[dict[str, bytes], int]:
        """The files as a power cut after operation ``at`` leaves them, and the last remark before it."""
        synced: dict[str, bytearray] = {}
        loose: dict[str, list[tuple[Any, ...]]] = {}
        remarked = 0
        for operation in self.operations[:at]:
            match operation:
                case ("remark", value):
                    remarked = value
                case ("sync", name):
                    for done in loose.pop(name, []):
                        _do(synced, done)
                case ("delete", name):
                    synced.pop(name, None)
                    loose.pop(name, None)
                case (_, name, *_):
                    loose.setdefault(name, []).append(operation)
        for name, pending in loose.items():
            synced.setdefault(name, bytearray())
            for survived in _survivors(pending, dice):
                _do(synced, survived)
        return {name: bytes(content) for name, content in synced.items()}, remarked


def _survivors(pending: Sequence[tuple[Any, ...]], dice: random.Random) -> list[tuple[Any, ...]]:
    how = dice.choice(("none", "prefix", "subset", "torn", "all"))
    if how == "none":
        return []
    if how == "prefix":
        return list(pending[: dice.randint(0, len(pending))])
    if how == "all":
        return list(pending)
    kept = [operation for operation in pending if dice.random() < 0.5]
    return [_torn(operation, dice) for operation in kept] if how == "torn" else kept


def _torn(operation: tuple[Any, ...], dice: random.Random) -> tuple[Any, ...]:
    """A write of which whole sectors are missing from one end."""
    if operation[0] != "write":
        return operation
    kind, name, offset, data = operation
    cut = dice.randrange(0, len(data) + 1, SECTOR)
    return (kind, name, offset, data[:cut]) if dice.random() < 0.5 else (kind, name, offset + cut, data[cut:])


def _do(files: dict[str, bytearray], operation: tuple[Any, ...]) -> None:
    content = files.setdefault(operation[1], bytearray())
    if operation[0] == "truncate":
        del content[operation[2] :]
    else:
        _, _, offset, data = operation
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class TornDatabase:
    """What the log book uses of a ``sqlite_utils.Database``, over a connection to a torn disk."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.conn = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement; the cursor has ``fetchone`` and ``fetchall``."""
        return self.conn.execute(sql, tuple(parameters))

    @contextlib.contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction."""
        self.conn.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.conn.execute("ROLLBACK")
            raise
        self.conn.execute("COMMIT")


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: TornDisk) -> None:
        super().__init__(name, "")
        self.vfs_name = name
        self._disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> "_File":  # noqa: N802 - SQLite's name
        return _File(name, flags, self._disk)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        super().xDelete(name, sync_folder)
        self._disk.operations.append(("delete", Path(name).name))


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: TornDisk) -> None:
        super().__init__("", name, flags)
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        self._did = disk.operations.append

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._did(("write", self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._did(("truncate", self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._did(("sync", self._name))
