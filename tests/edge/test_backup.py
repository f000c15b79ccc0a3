"""Copies of a facility's file: made while it is written, verified, and only a few kept."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from edge.backup import BackupError, back_up, backups, restore, verify
from edge.database import FILE_NAME
from edge.logbook import COPIED_AT_MS
from edge.store import Store
from shared.events import Entry

NOW_MS = 1_767_276_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data", "boston")
    yield store
    store.close()


def write(store: Store, count: int) -> None:
    store.append([Entry(seq=store.head + n, at_ms=n, type="Noted", body={"x": "y" * 200}) for n in range(1, count + 1)])


def copy(tmp_path: Path, keep: int = 3, now_ms: int = NOW_MS) -> Path:
    return back_up(tmp_path / "data", tmp_path / "backups", keep=keep, now_ms=now_ms).path


def test_a_copy_holds_the_log_up_to_its_head_and_is_named_after_its_moment(store: Store, tmp_path: Path) -> None:
    write(store, 500)
    made = back_up(tmp_path / "data", tmp_path / "backups", keep=3, now_ms=NOW_MS)
    assert (made.log_id, made.head) == (store.log_id, 500)
    assert made.path.name == "facility-20260101T140000000Z.db"
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [made.path.name]


def test_a_copy_is_remarked_as_one_and_the_original_is_not(store: Store, tmp_path: Path) -> None:
    path = copy(tmp_path)
    copied = sqlite3.connect(path)
    assert copied.execute("SELECT value FROM meta WHERE name = ?", (COPIED_AT_MS,)).fetchone() == (str(NOW_MS),)
    copied.close()
    assert store.log.meta(COPIED_AT_MS) is None


def test_a_copy_made_while_entries_are_written_is_whole(store: Store, tmp_path: Path) -> None:
    write(store, 20_000)
    done = Event()

    def keep_writing() -> None:
        while not done.is_set():
            write(store, 5)

    writing = Thread(target=keep_writing)
    writing.start()
    try:
        made = back_up(tmp_path / "data", tmp_path / "backups", keep=3, now_ms=NOW_MS)
    finally:
        done.set()
        writing.join()
    assert 20_000 <= made.head <= store.head
    assert verify(made.path).head == made.head


def test_only_the_newest_are_kept(store: Store, tmp_path: Path) -> None:
    made = [copy(tmp_path, keep=2, now_ms=NOW_MS + n) for n in range(4)]
    assert backups(tmp_path / "backups") == [made[3], made[2]]


def test_what_an_interrupted_copy_left_behind_is_removed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "facility-1.db.partial").write_text("half")
    path = copy(tmp_path)
    assert list((tmp_path / "backups").iterdir()) == [path]


def test_a_copy_that_rotted_is_found(store: Store, tmp_path: Path) -> None:
    write(store, 200)
    path = copy(tmp_path)
    content = bytearray(path.read_bytes())
    content[8192:12288] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(BackupError, match=r"is damaged|cannot be used"):
        verify(path)


def test_a_folder_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file")
    with pytest.raises(BackupError, match=r"no copy of .* could be made in"):
        copy(tmp_path)


def test_nothing_to_copy_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=f"{FILE_NAME} does not exist"):
        copy(tmp_path)


def test_a_copy_is_restored_onto_an_empty_box_and_never_over_a_file(store: Store, tmp_path: Path) -> None:
    write(store, 10)
    path = copy(tmp_path)
    assert restore(path, tmp_path / "new", facility_id="boston").head == 10
    assert verify(tmp_path / "new" / FILE_NAME).log_id == store.log_id
    with pytest.raises(BackupError, match="exists: move it away first"):
        restore(path, tmp_path / "new", facility_id="boston")


def test_a_copy_that_is_not_sound_is_not_restored(store: Store, tmp_path: Path) -> None:
    path = copy(tmp_path)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(BackupError):
        restore(path, tmp_path / "new", facility_id="boston")
    assert not (tmp_path / "new").exists()


def test_what_lets_stations_in_goes_with_the_copy_and_comes_back_with_it(store: Store, tmp_path: Path) -> None:
    keys = tmp_path / "data" / "station-keys.json"
    keys.write_text("{}")
    path = copy(tmp_path)
    keys.write_text('{"later": 1}')
    copy(tmp_path, now_ms=NOW_MS + 1_000)
    restore(path, tmp_path / "new", facility_id="boston")
    restored = tmp_path / "new" / "station-keys.json"
    assert restored.read_text() == '{"later": 1}', "the newest keys are those that stations have by now"
    assert restored.stat().st_mode & 0o777 == 0o600


def test_a_copy_of_another_facility_is_not_restored(store: Store, tmp_path: Path) -> None:
    path = copy(tmp_path)
    with pytest.raises(BackupError, match="is of facility 'boston', the configuration is of 'new-york'"):
        restore(path, tmp_path / "new", facility_id="new-york")


@pytest.mark.usefixtures("store")
def test_a_copy_does_not_take_the_last_of_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.backup._ROOM_LEFT_BYTES", 1 << 60)
    with pytest.raises(BackupError, match="make room, or choose another disk"):
        copy(tmp_path)


@pytest.mark.usefixtures("store")
def test_a_copy_that_fails_leaves_nothing_lying_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        path.with_name(f"{path.name}-journal").touch()
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("edge.backup.verify", fails)
    with pytest.raises(BackupError, match="disk is full"):
        copy(tmp_path)
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.usefixtures("store")
def test_one_copy_is_made_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    partial = tmp_path / "backups" / "facility-now.db.partial"
    partial.touch()
    held = os.open(tmp_path / "backups", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(BackupError, match="another copy is being made"):
        copy(tmp_path)
    assert partial.exists()
    os.close(held)
