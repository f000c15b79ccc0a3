"""What the simulated world remembers over a restart: the newest value per key, in an append-only file of JSON lines.

Not fsynced: after a power cut the world may forget its last moments, as only a world can. A half-written last line is
left out. The file is written anew when it holds far more lines than keys.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SLACK = 4
LINES_MIN = 2_000


class JournalError(ValueError):
    """The file is not one of ours; says which line."""


class Journal:
    """A mapping from text keys to JSON values, kept in one file.

    Raises JournalError when a line but the last is not ours, OSError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        self._lines = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._load()
        self._compact()

    def _load(self) -> None:
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                key, value = json.loads(line)
            except ValueError as error:
                if number == len(lines):
                    return
                raise JournalError(f"{self._path}, line {number}: not a journal line: {error}") from error
            self._apply(key, value)

    def _apply(self, key: str, value: Any) -> None:
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def _compact(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(f"{json.dumps([k, v])}\n" for k, v in self._values.items()))
        fresh.replace(self._path)
        self._file = self._path.open("a")
        self._lines = len(self._values)

    def put(self, key: str, value: Any) -> None:
        """Remember ``value`` (anything JSON can say) under ``key``; None forgets it."""
        self._apply(key, value)
        self._file.write(f"{json.dumps([key, value])}\n")
        self._file.flush()
        self._lines += 1
        if self._lines > LINES_MIN + SLACK * len(self._values):
            self._file.close()
            self._compact()

    def get(self, key: str) -> Any:
        """The value under ``key``, None when there is none."""
        return self._values.get(key)

    def under(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """The keys that begin with ``prefix``, without it, and their values, in the order in which they came."""
        return iter([(k[len(prefix) :], v) for k, v in self._values.items() if k.startswith(prefix)])

    def close(self) -> None:
        """Write out and let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
