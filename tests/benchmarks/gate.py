"""From a plate on the camera's serial line to the barrier's relay, next to one durable commit of what the gate booked.

The daemon runs in its own process with its real drivers; this process is the street: it holds the far ends of the
serial lines and of the pins. What is measured begins with the write to the line and ends when the relay's pin is seen
to be high, so it holds one hop more, of the pin's change through a Unix socket. After each car the entry that stood
before its arm is committed to a second file of the same kind on the same disk.
"""

import os
import socket
import sqlite3
import time
import tty
from contextlib import ExitStack, closing
from pathlib import Path

from edge import database
from edge.database import FILE_NAME
from hardware.plate_reader import Reading, plate_sentence
from hardware.simulator.pin_wire import level_line, parse_level
from tests.benchmarks.box import PINS, Box, account, fill, full_size
from tests.benchmarks.figures import BenchmarkError, Figure, percentiles_ms

PATIENCE_REAL_S = 10.0
PAUSE_REAL_S = 0.02
"""Cars do not come at once; what the last one left behind is done by then."""


def measure(folder: Path, *, cars: int) -> list[Figure]:
    """Let ``cars`` in, one after the other, half of them with a right."""
    site = full_size(regular=cars)
    fill(folder, site, [account(n) for n in range(0, cars, 2)])
    bare = folder / "bare"
    bare.mkdir()
    with ExitStack() as undo:
        camera, camera_path = line(undo)
        display, display_path = line(undo)
        db = undo.enter_context(closing(database.open_for_writing(bare / FILE_NAME)))
        box = undo.enter_context(Box(folder, site.facility_id, camera=camera_path, display=display_path))
        wire = undo.enter_context(Wire(box.wire))
        log = undo.enter_context(closing(sqlite3.connect(f"file:{box.file}?mode=ro", uri=True)))
        gate_s, commit_s = [], []
        for number in range(cars):
            gate_s.append(let_in(wire, camera, f"EV{number}"))
            drain(display)
            commit_s.append(_commit(db, _granted(log, f"EV{number}")))
    return percentiles_ms("plate to relay", gate_s, commit_s, "one durable SQLite commit")


class Wire:
    """The street's end of the pins."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_REAL_S)
        self._socket.connect(str(path))
        self._levels = self._socket.makefile("rb")

    def __enter__(self) -> "Wire":
        self.set(front=False, under=False, arm_up=False, arm_down=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._levels.close()
        self._socket.close()

    def set(self, **levels: bool) -> None:
        """Move inputs, in this order."""
        self._socket.sendall(b"".join(level_line(PINS[name], level) for name, level in levels.items()))

    def wait_for(self, name: str) -> None:
        """Wait until an output is high. Raises BenchmarkError when it stays low."""
        try:
            while parse_level(self._levels.readline()) != (PINS[name], True):
                pass
        except TimeoutError:
            raise BenchmarkError(f"the pin {name} did not go high within {PATIENCE_REAL_S} s") from None


def line(undo: ExitStack) -> tuple[int, str]:
    """A serial line: our end, and the path of the other."""
    near, far = os.openpty()
    undo.callback(os.close, near)
    undo.callback(os.close, far)
    tty.setraw(far)
    os.set_blocking(near, False)
    return near, os.ttyname(far)


def drain(line: int) -> None:
    """Take what was written to a line, so that it never fills."""
    try:
        while os.read(line, 4_096):
            pass
    except BlockingIOError:
        return


def let_in(wire: Wire, camera: int, plate: str) -> float:
    """One car through the entry; seconds from its plate to the relay."""
    wire.set(front=True)
    time.sleep(PAUSE_REAL_S)
    began_s = time.perf_counter()
    os.write(camera, plate_sentence(Reading(plate, 95)))
    wire.wait_for("raise")
    took_s = time.perf_counter() - began_s
    wire.set(arm_down=False, arm_up=True, under=True, front=False)
    wire.set(under=False)
    wire.wait_for("lower")
    wire.set(arm_up=False, arm_down=True)
    time.sleep(PAUSE_REAL_S)
    return took_s


def _granted(log: sqlite3.Connection, plate: str) -> tuple[int, int, str, str]:
    """The entry that was made durable before the arm rose for a plate."""
    row: tuple[int, int, str, str] | None = log.execute(
        "SELECT seq, at_ms, type, body FROM log WHERE type = 'EntryGranted' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None or plate not in row[3]:
        raise BenchmarkError(f"the arm rose for {plate} before that was in the log")
    return row


def _commit(db: database.Database, row: tuple[int, int, str, str]) -> float:
    """Seconds for one insert in a transaction of its own."""
    began_s = time.perf_counter()
    db.conn.execute("INSERT INTO log (seq, at_ms, type, body) VALUES (?, ?, ?, ?)", row)
    return time.perf_counter() - began_s
