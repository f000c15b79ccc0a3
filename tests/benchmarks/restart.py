"""From kill -9 to the next arm that rises, with a year of log; next to a bare interpreter that commits one entry to it.

The log of a year is written row by row as the daemon would have, without its rules; a snapshot of the state stands a
while before its end, so that a tail is folded. A car waits at the entry from before the kill, its plate is said again
until the relay is energised.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.store import Store
from hardware.plate_reader import Reading, plate_sentence
from hardware.simulator.pin_wire import level_line, parse_level
from shared.clock import SECOND_MS
from shared.events import SitePowerSampled, entry
from shared.facilities import Facility
from tests.benchmarks import box as boxes
from tests.benchmarks.box import PINS
from tests.benchmarks.figures import BenchmarkError, Figure
from tests.benchmarks.gate import line

PATIENCE_REAL_S = 60.0
TAIL = 2_000
YEAR_ENTRIES = 4_000_000
_PIECE = 10_000
_AGAIN_REAL_S = 0.05
_BARE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA synchronous = FULL")
db.execute("INSERT INTO log SELECT max(seq) + 1, 0, 'Noted', '{}' FROM log")
"""


def measure(folder: Path, *, entries: int, rounds: int) -> list[Figure]:
    """Kill and start ``rounds`` times over a log of ``entries``; the slowest counts, for a bare one too."""
    site = boxes.full_size(regular=20)
    boxes.fill(folder, site, [boxes.account(n) for n in range(20)], [boxes.account(n) for n in range(10)])
    grow(folder / "data", site, entries)
    with ExitStack() as undo:
        camera, camera_path = line(undo)
        _, display_path = line(undo)
        config = folder / "edge.toml"
        box = boxes.Box(folder, site.facility_id, camera=camera_path, display=display_path)
        took_s = [_round(box, config, camera, f"EV{10 + n}") for n in range(rounds)]
    bare_s = [_bare(box.file) for _ in range(rounds)]
    return [Figure("kill -9 to the next arm", "s", max(took_s), max(bare_s), "interpreter, file, one commit")]


def grow(data_dir: Path, site: Facility, entries: int) -> None:
    """Let a log grow by ``entries``, all samples of the site's power. A snapshot stands before its tail."""
    rebuilder = Rebuilder(FACILITY_RULES)
    with closing(Store(data_dir, site.facility_id)) as store:
        state, _ = rebuilder.rebuild(store)
        now_ms = round(time.time() * SECOND_MS)
        body = json.dumps(entry(1, 0, SitePowerSampled(drawn_w=1, worst_case_w=2, budget_w=400_000)).body)
        db, head = store.log._db.conn, store.head
        for first in range(head + 1, head + entries + 1, _PIECE):
            last = min(first + _PIECE - 1, head + entries)
            rows = ((n, now_ms - 8 * (head + entries - n), "SitePowerSampled", body) for n in range(first, last + 1))
            with store.log._db.atomic():
                db.executemany("INSERT INTO log (seq, at_ms, type, body) VALUES (?, ?, ?, ?)", rows)
        state.head = max(head, head + entries - TAIL)
        store.save_snapshot(state.head, rebuilder.fingerprint, rebuilder.dump(state))


def _round(box: boxes.Box, config: Path, camera: int, plate: str) -> float:
    """Start, kill when the lanes work, start again; seconds from the kill to the relay."""
    first = _start(config)
    _wait_for_arm(box, camera, "")
    began_s = time.perf_counter()
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = _start(config)
    try:
        _wait_for_arm(box, camera, plate)
        return time.perf_counter() - began_s
    finally:
        second.kill()
        second.wait()


def _start(config: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "provisioning", "edge", "--config", str(config)]
    with (config.parent / "edge.log").open("ab") as log:
        return subprocess.Popen(command, stderr=log)


def _wait_for_arm(box: boxes.Box, camera: int, plate: str) -> None:
    """Wait until the arm is told to rise for a car in front of it; without a plate, until the daemon has its pins."""
    give_up_s = time.monotonic() + PATIENCE_REAL_S
    while time.monotonic() < give_up_s:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(box.wire))
            wire.sendall(level_line(PINS["arm_down"], True) + level_line(PINS["front"], bool(plate)))
            while plate and (heard := _hear(wire, camera, plate)):
                levels = [parse_level(told) for told in heard.splitlines(keepends=True)]
                if (PINS["raise"], True) in levels:
                    return
            if not plate:
                return
        time.sleep(0.01)
    raise BenchmarkError(f"the arm did not rise for {plate!r} within {PATIENCE_REAL_S} s: {box.last_words()}")


def _hear(wire: socket.socket, camera: int, plate: str) -> bytes:
    """What the pins say next; the plate is said again while they say nothing, as the camera does for a waiting car."""
    while True:
        os.write(camera, plate_sentence(Reading(plate, 95)))
        if select.select([wire], [], [], _AGAIN_REAL_S)[0]:
            return wire.recv(65_536)


def _bare(path: Path) -> float:
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", _BARE, str(path)], check=True)
    return time.perf_counter() - began_s
