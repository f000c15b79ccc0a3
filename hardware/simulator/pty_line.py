"""The far end of a serial cable: a pty whose other end lies at a path, as ``/dev/ttyUSB0`` does."""

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path

from hardware.sentences import LineBuffer

READ_BYTES = 4_096


class PtyLine:
    """One serial device in the running event loop. ``unplug`` is the pulled cable, ``plug_in`` puts it back.

    As on a real line, what is sent while nobody reads is lost once the line's small buffer is full.
    """

    def __init__(
        self,
        path: str,
        on_line: Callable[[bytes], None] | None = None,
        *,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> None:
        self._path = Path(path)
        self._on_line = on_line
        self._on_bytes = on_bytes
        self._lines = LineBuffer()
        self._ends: tuple[int, int] | None = None

    def plug_in(self) -> None:
        """Make the device appear at its path. Raises FileExistsError when something else than a link lies there."""
        if self._ends is not None:
            return
        if self._path.exists() and not self._path.is_symlink():
            raise FileExistsError(f"{self._path} is not a link of ours; move it away or use another path")
        near, far = os.openpty()
        tty.setraw(far)
        os.set_blocking(near, False)
        self._ends = near, far
        self._lines.clear()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(far))
        fresh.replace(self._path)
        asyncio.get_running_loop().add_reader(near, self._read)

    def unplug(self) -> None:
        """Take the device away: whoever has it open gets an error."""
        if self._ends is None:
            return
        near, far = self._ends
        self._ends = None
        self._path.unlink(missing_ok=True)
        asyncio.get_running_loop().remove_reader(near)
        os.close(near)
        os.close(far)

    def send(self, data: bytes) -> bool:
        """Put bytes on the line. False when they were lost: unplugged, or nobody reads."""
        if self._ends is None:
            return False
        try:
            return os.write(self._ends[0], data) == len(data)
        except BlockingIOError:
            return False

    def _read(self) -> None:
        if self._ends is None:
            return
        data = os.read(self._ends[0], READ_BYTES)
        if self._on_bytes is not None:
            self._on_bytes(data)
        for line in self._lines.feed(data):
            if self._on_line is not None:
                self._on_line(line)
