"""Whatever became of the file, the daemon opens a store it can work on, and says what is not known any more."""

import errno
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.backup import back_up
from edge.database import FILE_NAME, StoreError
from edge.logbook import CLOUD_UPTO
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.recovery import SUSPECT, open_store, suspect_damage
from edge.rules.inputs import Started
from edge.rules.state import FacilityState
from edge.store import Store
from shared.decisions import RightAssigned
from shared.events import DataLost, DataRecovered, Event, VehicleEntered, VehicleExited, entry, parse_event
from shared.sync import SyncEntry
from tests.builders import facility, right
from tests.edge.rules.site import Site

NOW_MS = 1_767_300_000_000
SITE = facility(11_000, regular=300)
PAGE = 4_096


class Box:
    """A box's folder and what is lived in it between starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.file = self.data / FILE_NAME

    def open(self) -> Store:
        return open_store(self.data, SITE.facility_id, backup_folder=self.folder / "backups", now_ms=NOW_MS)

    def live(self, *plates: str, snapshot: bool = True) -> str:
        """One life of the daemon in which these cars come in; returns the id of its log."""
        with closing(self.open()) as store:
            state, _ = Rebuilder(FACILITY_RULES).rebuild(store)
            site = Site(SITE, now_ms=NOW_MS, state=state)
            began = state.head
            site.give(Started("1"))
            for plate in plates:
                site.drive_through("in-1", plate, *([right("a1", plate)] if plate == "A1" else []))
            written = zip(site.events, site.event_times, strict=True)
            store.append([entry(n, at_ms, event) for n, (event, at_ms) in enumerate(written, began + 1)])
            if snapshot:
                rebuilder = Rebuilder(FACILITY_RULES)
                store.save_snapshot(state.head, rebuilder.fingerprint, rebuilder.dump(state))
            return store.log_id

    def state(self) -> FacilityState:
        with closing(self.open()) as store:
            return Rebuilder(FACILITY_RULES).rebuild(store)[0]

    def events(self) -> list[Event]:
        with closing(self.open()) as store:
            return [event for e in store.all_entries(after=0) if (event := parse_event(e)) is not None]

    def back_up(self) -> Path:
        return back_up(self.data, self.folder / "backups", keep=3, now_ms=NOW_MS).path

    def overwrite(self, table: str, *, skipped: int = 0) -> None:
        """Damage the newest page of a table but ``skipped``."""
        with closing(sqlite3.connect(self.file)) as db:
            (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        content = bytearray(self.file.read_bytes())
        pages = [page, *_children(content, page)]
        at = (pages[-1 - skipped] - 1) * PAGE
        content[at : at + PAGE] = b"\xa5" * PAGE
        self.file.write_bytes(content)


def _children(content: bytes, page: int) -> list[int]:
    """The leaf pages below an interior page of a table, in order (SQLite file format 1.6); none below a leaf."""
    start = (page - 1) * PAGE
    if content[start] != 0x05:
        return []
    cells = int.from_bytes(content[start + 3 : start + 5], "big")
    at = [int.from_bytes(content[start + 12 + 2 * n : start + 14 + 2 * n], "big") for n in range(cells)]
    left = [int.from_bytes(content[start + a : start + a + 4], "big") for a in at]
    return [*left, int.from_bytes(content[start + 8 : start + 12], "big")]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def of(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


# Nothing wrong.


def test_a_sound_file_goes_on_as_it_was(box: Box) -> None:
    log_id = box.live("A1")
    assert box.live("B1") == log_id
    assert set(box.state().session_of_plate) == {"A1", "B1"}
    assert [path.name for path in box.data.iterdir() if path.is_dir()] == []


# An older copy.


def test_a_copy_that_is_put_back_begins_a_new_log_with_the_cars_that_were_inside(box: Box) -> None:
    log_id = box.live("A1")
    copy = box.back_up()
    box.live("B1")
    shutil.copyfile(copy, box.file)
    assert box.live("C1") != log_id
    assert set(box.state().session_of_plate) == {"A1", "C1"}
    [recovered], [lost] = of(box.events(), DataRecovered), of(box.events(), DataLost)
    assert recovered == DataRecovered(former_log_id=log_id, reason="COPY", source="the file as it was", upto=lost.after)
    assert lost.upto is None


def test_a_file_that_was_copied_by_hand_is_noticed_too(box: Box) -> None:
    log_id = box.live("A1")
    shutil.copyfile(box.file, box.folder / "kept")
    box.live("B1")
    box.file.unlink()
    (box.folder / "kept").rename(box.file)
    assert box.live("C1") != log_id


def test_a_new_log_begins_once(box: Box) -> None:
    box.live("A1")
    shutil.copyfile(box.back_up(), box.file)
    assert box.live("B1") == box.live("C1")


def test_who_was_inside_leaves_under_the_id_of_his_stay(box: Box) -> None:
    log_id = box.live("A1")
    [entered] = of(box.events(), VehicleEntered)
    shutil.copyfile(box.back_up(), box.file)
    with closing(box.open()) as store:
        state, _ = Rebuilder(FACILITY_RULES).rebuild(store)
        site = Site(SITE, now_ms=NOW_MS, state=state)
        site.drive_through("out-1", "A1", right("a1", "A1"))
    [left] = of(site.events, VehicleExited)
    assert left.session_id == entered.session_id
    assert left.session_id.startswith(log_id)


def test_the_closed_log_is_still_there_to_be_sent(box: Box) -> None:
    log_id = box.live("A1", "B1")
    shutil.copyfile(box.back_up(), box.file)
    with closing(box.open()) as store:
        [former] = store.closed_logs
        assert (former.log_id, former.base) == (log_id, 0)
        _, upto = store.sync_json(after=0, table=former.table)
        assert upto == former.head > 2
        store.log.mark_drained(former)
        assert [x.drained for x in store.closed_logs] == [True]


# The cloud knows more of the log than the file.


def outrun(box: Box) -> tuple[str, int]:
    """A disk rolled back under the daemon: it noticed nothing, and let a car in that the cloud does not know."""
    log_id = box.live("A1")
    rolled_back = box.file.read_bytes()
    box.live("B1", "C1")
    box.file.write_bytes(rolled_back)
    with closing(box.open()) as store:
        head = store.head
    box.live("D1")
    with closing(box.open()) as store:
        store.log.set_meta(CLOUD_UPTO, "99")
    return log_id, head


def test_entries_of_its_own_go_up_under_the_new_log(box: Box) -> None:
    log_id, common = outrun(box)
    entered = of(box.events(), VehicleEntered)
    assert [e.plate for e in entered] == ["D1"]
    assert entered[0].session_id.startswith(box.state().log_id)
    assert of(box.events(), DataLost) == [DataLost(former_log_id=log_id, after=common, upto=99)]


def test_an_id_that_the_cloud_gave_another_stay_is_never_used_again(box: Box) -> None:
    log_id, _ = outrun(box)
    sessions = box.state().sessions
    assert {s.plate: s.session_id.startswith(log_id) for s in sessions.values()} == {"A1": True, "D1": False}
    positions = [n for n, event in enumerate(box.events(), 1) if isinstance(event, VehicleEntered)]
    assert box.state().session_of_plate["D1"] == f"{box.state().log_id}-{positions[0]}"


# Damage.


def test_a_damaged_file_is_set_aside_and_rebuilt_from_the_newest_copy_and_what_can_be_read(box: Box) -> None:
    log_id = box.live("A1")
    box.back_up()
    box.live("B1")
    box.overwrite("decisions")
    assert set(box.state().session_of_plate) == {"A1", "B1"}
    [recovered] = of(box.events(), DataRecovered)
    assert (recovered.former_log_id, recovered.reason) == (log_id, "DAMAGED")
    assert recovered.source.startswith("copy facility-")
    assert of(box.events(), DataLost) == []
    assert (box.data / recovered.set_aside).exists()


def test_without_a_copy_what_can_be_read_is_enough_if_it_is_all(box: Box) -> None:
    box.live("A1", "B1")
    with closing(box.open()) as store:
        decided = RightAssigned(right=right("r1", "R1"))
        store.apply_decisions("hq", [SyncEntry(position=1, body=decided.model_dump(mode="json"))], 1)
    box.overwrite("right_tokens")
    assert set(box.state().session_of_plate) == {"A1", "B1"}
    with closing(box.open()) as store:
        assert store.matches_for_plate("R1").rights
        assert store.decisions_held("hq") == 0  # asked again, all of them
    assert of(box.events(), DataLost) == []


def test_entries_that_cannot_be_read_are_named(box: Box) -> None:
    log_id = box.live(*(f"A{n}" for n in range(40)), snapshot=False)
    box.overwrite("log")
    inside = set(box.state().session_of_plate)
    [recovered], [lost] = of(box.events(), DataRecovered), of(box.events(), DataLost)
    assert "A0" in inside
    assert "A39" not in inside
    assert (lost.former_log_id, lost.after) == (log_id, recovered.upto)


def test_a_file_that_is_no_database_any_more_is_replaced_by_the_copy(box: Box) -> None:
    box.live("A1")
    box.back_up()
    box.live("B1")
    box.file.write_bytes(b"garbage" * 10_000)
    assert set(box.state().session_of_plate) == {"A1"}
    [lost] = of(box.events(), DataLost)
    assert lost.upto is None


def test_with_nothing_left_a_new_log_begins_empty(box: Box) -> None:
    box.live("A1")
    box.file.write_bytes(b"garbage" * 10_000)
    assert box.state().session_of_plate == {}
    [recovered], [lost] = of(box.events(), DataRecovered), of(box.events(), DataLost)
    assert (recovered.source, recovered.upto, lost.after, lost.upto) == ("nothing", 0, 0, None)


def test_a_copy_that_is_damaged_too_is_passed_over(box: Box) -> None:
    box.live("A1")
    older = box.back_up()
    newer = older.with_name("facility-99990101T000000000Z.db")
    newer.write_bytes(b"garbage" * 10_000)
    box.file.write_bytes(b"garbage" * 10_000)
    assert set(box.state().session_of_plate) == {"A1"}


def test_a_crash_in_the_middle_of_the_swap_is_made_up_for_at_the_next_start(box: Box) -> None:
    box.live("A1")
    rebuilt = box.data / "rebuilt"
    rebuilt.mkdir()
    (rebuilt / "set-aside").write_text("facility-damaged-x.db")
    shutil.copyfile(box.file, rebuilt / FILE_NAME)
    box.file.write_bytes(b"garbage" * 10_000)
    assert set(box.state().session_of_plate) == {"A1"}
    assert (box.data / "facility-damaged-x.db").exists()
    assert not rebuilt.exists()


def test_after_damage_was_met_the_next_start_looks_at_every_page(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.database.WHOLE_CHECK_BYTES_MAX", 0)
    monkeypatch.setattr("edge.logbook._TAIL_CHECKED", 10)
    log_id = box.live(*(f"A{n}" for n in range(200)))
    box.overwrite("log", skipped=3)
    with closing(box.open()) as store:
        assert store.log_id == log_id
    suspect_damage(box.data)
    assert len(box.state().session_of_plate) == 200
    assert box.state().log_id != log_id
    assert not (box.data / SUSPECT).exists()
    [lost] = of(box.events(), DataLost)
    assert lost.upto is not None
    assert 0 < lost.upto - lost.after < 100


# What SQLite itself takes for sound.


def test_a_file_without_a_byte_is_not_a_new_one_where_there_is_a_copy(box: Box) -> None:
    box.live("A1")
    box.back_up()
    box.file.write_bytes(b"")
    assert set(box.state().session_of_plate) == {"A1"}
    [recovered] = of(box.events(), DataRecovered)
    assert recovered.source.startswith("copy facility-")


@pytest.mark.parametrize("table", ["log", "decisions"])
def test_rows_that_are_not_what_was_written_are_damage_even_if_a_copy_has_them_too(box: Box, table: str) -> None:
    box.live("A1", "B1", "C1")
    with closing(box.open()) as store:
        decided = RightAssigned(right=right("r1", "R1"))
        store.apply_decisions("hq", [SyncEntry(position=1, body=decided.model_dump(mode="json"))], 1)
    with closing(sqlite3.connect(box.file)) as db:
        db.execute(f"UPDATE {table} SET body = substr(body, 1, 9) WHERE rowid = (SELECT max(rowid) FROM {table})")
        db.commit()
    box.back_up()
    assert set(box.state().session_of_plate) >= {"A1", "B1"}
    [recovered] = of(box.events(), DataRecovered)
    assert recovered.source == "what could be read of the damaged file"


def test_a_snapshot_that_cannot_be_read_is_no_reason_to_stay_shut(box: Box) -> None:
    box.live("A1")
    with closing(box.open()) as store:
        store.save_snapshot(store.head, Rebuilder(FACILITY_RULES).fingerprint, '{"no": "state"}')
    assert set(box.state().session_of_plate) == {"A1"}


def test_of_a_file_that_was_cut_off_is_kept_what_is_left(box: Box) -> None:
    log_id = box.live(*(f"A{n}" for n in range(200)), snapshot=False)
    with box.file.open("r+b") as file:
        file.truncate(box.file.stat().st_size // 2)
    inside = set(box.state().session_of_plate)
    assert "A0" in inside
    assert "A199" not in inside
    [recovered] = of(box.events(), DataRecovered)
    assert (recovered.former_log_id, recovered.source) == (log_id, "what could be read of the damaged file")


def test_what_cannot_be_a_file_is_said_in_one_line(box: Box) -> None:
    box.file.mkdir(parents=True)
    with pytest.raises(StoreError, match="must be a file that can be written"):
        box.open()


def test_a_full_disk_is_no_reason_to_take_less_than_the_copy(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.live("A1")
    box.back_up()
    damaged = b"garbage" * 10_000
    box.file.write_bytes(damaged)

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("edge.recovery.shutil.copyfile", no_room)
        with pytest.raises(StoreError, match="make room on its disk"):
            box.open()
    assert box.file.read_bytes() == damaged
    assert set(box.state().session_of_plate) == {"A1"}, "once there is room"
