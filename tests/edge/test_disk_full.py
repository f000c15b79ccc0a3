"""A disk that takes no more: nothing is obeyed or answered that is not on record, and it goes on when there is room.

As root over a real small file system; as anybody else under a limit on the size of files, which is refused to SQLite
in the same way.
"""

import asyncio
import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from edge import runtime as runtime_module
from edge.database import has_no_room
from edge.rules.inputs import ArmSetpoint, Knowledge, LaneSignalled, QuoteAsked
from edge.runtime import FACILITY_RULES, Runtime, RuntimeStoppedError
from edge.store import Store
from shared.clock import Clock, Timeline
from shared.devices import Arm, Loop, LoopChanged, PlateRead
from shared.events import DaemonStarted, VehicleEntered, VehicleExited, entry, parse_event
from tests.builders import NINE_MS, facility, tariffs
from tests.waiting import until

pytestmark = pytest.mark.anyio
KNOWLEDGE = Knowledge(facility(regular=5), tariffs())
MEGABYTE = 1_000_000


class Disk:
    """A folder on a disk, with the means to fill it and to make room again."""

    def __init__(self, folder: Path, fill: Callable[[], None], free: Callable[[], None]) -> None:
        self.folder, self.fill, self.free = folder, fill, free


@contextmanager
def small_file_system(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4_096))
            except OSError:
                return

    try:
        yield Disk(folder, fill, ballast.unlink)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def limited_files(folder: Path) -> Iterator[Disk]:
    """A limit on the size of the WAL: what is there can be written over, nothing can be added."""
    folder.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        size = (folder / "facility.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    try:
        yield Disk(folder, fill, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=["a full file system", "a limit"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    if request.param == "a full file system" and os.geteuid() != 0:
        pytest.skip("only root may mount")
    make = small_file_system if request.param == "a full file system" else limited_files
    with make(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def store(disk: Disk) -> Iterator[Store]:
    store = Store(disk.folder, "boston")
    yield store
    disk.free() if (disk.folder / "ballast").exists() else None
    store.close()


class Life:
    """The runtime on that disk, over a clock that the test moves."""

    def __init__(self, store: Store) -> None:
        self.now_s = NINE_MS / 1_000
        self.arms: list[ArmSetpoint] = []
        self.runtime = Runtime(store, Clock(Timeline(), lambda: self.now_s), FACILITY_RULES, version="1")
        self.runtime.knowledge = KNOWLEDGE
        self.runtime.on_setpoint(ArmSetpoint, self.arms.append)

    def signal(self, lane_id: str, loop: Loop, occupied: bool) -> None:
        self.runtime.post(LaneSignalled(LoopChanged(lane_id=lane_id, loop=loop, occupied=occupied)))

    def drive_in(self, plate: str, lane_id: str = "in-1") -> None:
        self.signal(lane_id, Loop.FRONT, True)
        self.runtime.post(LaneSignalled(PlateRead(lane_id=lane_id, plate=plate, confidence_pct=99)))
        self.signal(lane_id, Loop.UNDER, True)
        self.signal(lane_id, Loop.FRONT, False)
        self.signal(lane_id, Loop.UNDER, False)


@pytest.fixture
async def life(store: Store, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Life]":
    monkeypatch.setattr(runtime_module, "RETRY_REAL_S", 0.02)
    monkeypatch.setattr(runtime_module, "UNAIDED_AFTER_REAL_S", 0.0)
    life = Life(store)
    task = asyncio.create_task(life.runtime.run())
    await life.runtime.submit(QuoteAsked("s"))
    yield life
    life.runtime.stop()
    await asyncio.gather(task, return_exceptions=True)


def exhaust(store: Store, disk: Disk) -> None:
    """Fill the disk, and what the file and its WAL still hold free."""
    disk.fill()
    for count in (100, 1):  # the last room takes one more entry when it does not take a hundred
        with suppress(sqlite3.OperationalError):
            while True:
                text = "x" * 500
                store.append([entry(store.head + n, 0, DaemonStarted(version=text)) for n in range(1, count + 1)])
    with pytest.raises(sqlite3.OperationalError) as refused:
        store.append([entry(store.head + 1, 0, DaemonStarted(version="x"))])
    assert has_no_room(refused.value)


def make_full(life: Life, store: Store, disk: Disk) -> None:
    """Entries that the rules did not write stand in the log now; the state goes on after them."""
    exhaust(store, disk)
    life.runtime.state.head = store.head


async def test_nothing_is_obeyed_or_answered_while_the_disk_is_full(life: Life, store: Store, disk: Disk) -> None:
    make_full(life, store, disk)
    head = store.head
    life.drive_in("A1")
    asked = asyncio.create_task(life.runtime.submit(QuoteAsked("s")))
    await until(lambda: life.runtime.stalled is not None)
    await asyncio.sleep(0.2)
    assert "the disk takes no entries" in str(life.runtime.stalled)
    assert (life.arms, asked.done(), store.head) == ([], False, head)
    disk.free()
    await asked
    assert life.runtime.stalled is None
    kinds = [type(parse_event(e)) for e in store.all_entries(after=head)]
    assert kinds.count(VehicleEntered) == 1


async def test_what_was_missed_comes_down_to_the_last_level(life: Life, store: Store, disk: Disk) -> None:
    make_full(life, store, disk)
    life.drive_in("A1")
    await until(lambda: life.runtime.stalled is not None)
    life.drive_in("B1")
    disk.free()
    await life.runtime.submit(QuoteAsked("s"))
    assert [a.arm for a in life.arms if a.lane_id == "in-1"] == [Arm.LOWERED]


async def test_who_left_meanwhile_pays_until_he_left(life: Life, store: Store, disk: Disk) -> None:
    life.drive_in("A1")
    await life.runtime.submit(QuoteAsked("s"))  # after all of it: the test writes next, where the runtime did
    life.now_s += 1
    make_full(life, store, disk)
    life.runtime.learn(KNOWLEDGE)
    left_ms = round(life.now_s * 1_000)
    session = next(iter(life.runtime.state.sessions.values()))
    session.right = session.right.model_copy(update={"kind": "ACCOUNT"})
    life.drive_in("B1")
    await until(lambda: life.runtime.stalled is not None)
    life.drive_in("A1", "out-1")
    life.now_s += 3 * 3_600
    disk.free()
    await life.runtime.submit(QuoteAsked("s"))
    [left] = [e for e in store.all_entries(after=0) if e.type == "VehicleExited"]
    event = parse_event(left)
    assert isinstance(event, VehicleExited)
    assert (left.at_ms, event.session_id) == (left_ms, session.session_id)


async def test_the_lanes_are_told_to_do_without_decisions(life: Life, store: Store, disk: Disk) -> None:
    told: list[float] = []
    life.runtime.on_stalled = lambda: told.append(time.monotonic())
    make_full(life, store, disk)
    life.drive_in("A1")
    await until(lambda: len(told) > 2)


async def test_a_daemon_that_is_stopped_on_a_full_disk_ends_and_promises_nothing(
    life: Life, store: Store, disk: Disk
) -> None:
    make_full(life, store, disk)
    life.drive_in("A1")
    asked = asyncio.create_task(life.runtime.submit(QuoteAsked("s")))
    await until(lambda: life.runtime.stalled is not None)
    life.runtime.stop()
    with pytest.raises(RuntimeStoppedError):
        await asked


async def test_what_is_on_the_disk_is_sound_afterwards(life: Life, store: Store, disk: Disk) -> None:
    make_full(life, store, disk)
    life.drive_in("A1")
    await until(lambda: life.runtime.stalled is not None)
    disk.free()
    await life.runtime.submit(QuoteAsked("s"))
    seqs = [e.seq for e in store.all_entries(after=0)]
    assert seqs == list(range(1, store.head + 1))
    with closing(sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
