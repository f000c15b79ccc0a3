"""The facility's file: what was acknowledged stays, what headquarters decided is found, and damage is told."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge.database import FILE_NAME, StoreError
from edge.store import SLICE_BYTES_MAX, SLICE_ENTRIES_MAX, Store, new_log_id
from shared.decisions import Decision, PlateBlocked, PlateUnblocked, RightAssigned, RightRevoked
from shared.events import Entry
from shared.ids import Id, position_id
from shared.rights import Right, RightKind, Vehicle
from shared.sync import Batch, SyncEntry, receive
from shared.wire import Parcel, decode

HQ = "hq-1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, "boston")
    yield store
    store.close()


def line(seq: int, **body: object) -> Entry:
    return Entry(seq=seq, at_ms=1_000 + seq, type="Noted", body=body)


def decided(position: int, decision: Decision) -> SyncEntry:
    return SyncEntry(position=position, body=decision.model_dump(mode="json"))


def right(right_id: str, *plates: str, tokens: tuple[str, ...] = ()) -> Right:
    return Right(
        right_id=right_id,
        kind=RightKind.SUBSCRIPTION,
        customer_id="c1",
        vehicles=tuple(Vehicle(plate=p) for p in plates),
        tokens=tokens,
    )


# The log.


def test_a_new_log_is_empty_and_named_after_the_facility(store: Store) -> None:
    assert store.head == 0
    assert store.log_id.startswith("boston-")
    assert len(store.log_id) == len("boston-") + 8


@given(st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z"))
def test_a_log_id_and_the_ids_of_its_positions_are_ids_whatever_the_facility_is_called(facility_id: str) -> None:
    ids = TypeAdapter(Id)
    ids.validate_python(ids.validate_python(position_id(new_log_id(facility_id), 9_999_999_999)))


def test_what_was_appended_is_read_back_in_order(store: Store) -> None:
    store.append([line(1, plate="A"), line(2)])
    store.append([line(3, note="gruß")])
    assert store.head == 3
    assert store.entries(after=0, limit=10) == [line(1, plate="A"), line(2), line(3, note="gruß")]
    assert store.entries(after=1, limit=1) == [line(2)]
    assert list(store.all_entries(after=2)) == [line(3, note="gruß")]


@pytest.mark.parametrize("seqs", [[2], [1, 3], [1, 1], [2, 1]])
def test_entries_that_do_not_continue_the_log_are_refused_whole(store: Store, seqs: list[int]) -> None:
    with pytest.raises(ValueError, match="do not continue"):
        store.append([line(seq) for seq in seqs])
    assert (store.head, store.entries(after=0, limit=10)) == (0, [])


def test_when_one_entry_cannot_be_written_none_is(store: Store, tmp_path: Path) -> None:
    spoiler = sqlite3.connect(tmp_path / FILE_NAME)
    spoiler.execute("INSERT INTO log VALUES (2, 0, 'Foreign', '{}')")
    spoiler.commit()
    spoiler.close()
    with pytest.raises(sqlite3.IntegrityError):
        store.append([line(1), line(2)])
    assert [e.type for e in store.entries(after=0, limit=10)] == ["Foreign"]
    assert store.head == 0


def test_a_reopened_log_goes_on_under_the_same_name(tmp_path: Path) -> None:
    first = Store(tmp_path, "boston")
    first.append([line(1)])
    first.close()
    again = Store(tmp_path, "boston")
    assert (again.log_id, again.head) == (first.log_id, 1)
    again.close()


def sent(store: Store, after: int = 0) -> list[SyncEntry]:
    """The next slice, as the cloud reads it."""
    parcel = Parcel()
    entries, upto = store.sync_json(after=after)
    parcel.add(entries)
    header = Batch(log_id=store.log_id, after=after, upto=upto, entries=())
    return list(decode(Batch, parcel.seal(header)).entries)


def test_entries_travel_with_their_position_and_all_that_was_written(store: Store) -> None:
    store.append([line(1, plate="A")])
    assert sent(store) == [SyncEntry(position=1, body={"at_ms": 1_001, "type": "Noted", "body": {"plate": "A"}})]


def test_whatever_is_in_a_text_it_travels_as_it_is(store: Store) -> None:
    odd = {"text": 'é \u2028 "quoted" \\ \n {} [] , ]}', "nested": [{"a": None}, 1.5, True], "entries": []}
    store.append([Entry(seq=1, at_ms=-5, type='Odd "type" \\', body=odd)])
    assert sent(store) == [SyncEntry(position=1, body={"at_ms": -5, "type": 'Odd "type" \\', "body": odd})]


def test_a_slice_is_bounded_in_entries_and_in_bytes_but_never_empty_when_there_is_something(store: Store) -> None:
    store.append([Entry(seq=n, at_ms=n, type="N", body={}) for n in range(1, SLICE_ENTRIES_MAX + 2)])
    assert [e.position for e in sent(store)] == list(range(1, SLICE_ENTRIES_MAX + 1))
    big = store.head
    store.append([line(big + n, text="é" * (SLICE_BYTES_MAX // 4 + 1)) for n in range(1, 4)])
    assert [e.position for e in sent(store, big)] == [big + 1]
    assert [e.position for e in sent(store, SLICE_ENTRIES_MAX)] == [SLICE_ENTRIES_MAX + 1, big + 1]
    assert store.sync_json(after=store.head) == (b"", store.head)


WRITER = """
import sys
from pathlib import Path
from edge.store import Store
from shared.events import Entry

store = Store(Path(sys.argv[1]), "boston")
while True:
    store.append([Entry(seq=store.head + 1, at_ms=0, type="Noted", body={"text": "x" * 300})])
    print(store.head, flush=True)
"""


def test_kill_minus_9_keeps_every_acknowledged_commit(tmp_path: Path) -> None:
    acknowledged = 0
    for commits in (1, 40, 150):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(commits):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split()
            acknowledged = int(rest[-1]) if rest else acknowledged
        store = Store(tmp_path, "boston")
        kept = [e.seq for e in store.all_entries(after=0)]
        store.close()
        assert kept == list(range(1, len(kept) + 1))
        # The commit in progress may or may not have made it.
        assert len(kept) in (acknowledged, acknowledged + 1)


# Opening.


def test_a_second_daemon_on_the_same_folder_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another edge daemon runs"):
        Store(tmp_path, "boston")


def test_a_folder_of_another_facility_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    Store(tmp_path, "boston").close()
    with pytest.raises(StoreError, match="belongs to facility 'boston', not to 'chicago'"):
        Store(tmp_path, "chicago")
    Store(tmp_path, "boston").close()


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="make it a writable folder"):
        Store(tmp_path / "file" / "data", "boston")


def test_a_file_that_is_no_database_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"is damaged .* restore it from a backup"):
        Store(tmp_path, "boston")


def test_a_page_that_was_overwritten_is_found_at_the_start(tmp_path: Path) -> None:
    store = Store(tmp_path, "boston")
    store.append([line(seq, text="x" * 500) for seq in range(1, 200)])
    store.close()
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        Store(tmp_path, "boston")


def test_a_log_with_a_hole_near_its_end_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path, "boston")
    store.append([line(seq) for seq in range(1, 10)])
    store.close()
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute("DELETE FROM log WHERE seq = 5")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="entries are missing between 1 and 9"):
        Store(tmp_path, "boston")


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path, "boston").close()
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="written by a newer version"):
        Store(tmp_path, "boston")


# The snapshot.


def test_the_newest_snapshot_of_the_same_rules_is_loaded(store: Store) -> None:
    store.save_snapshot(1, "rules-a", "one")
    store.save_snapshot(2, "rules-a", "two")
    store.save_snapshot(3, "rules-b", "three")
    assert store.load_snapshot("rules-a") == "two"
    assert store.load_snapshot("rules-b") == "three"


def test_a_snapshot_of_other_rules_counts_as_none(store: Store) -> None:
    store.save_snapshot(1, "rules-a", "one")
    assert store.load_snapshot("rules-b") is None


# Decisions.


def test_a_right_is_found_by_plate_and_by_token_in_any_case(store: Store) -> None:
    pass_ = right("sub-1", "4AB12", "9XY", tokens=("DeadBeef",))
    store.apply_decisions(HQ, [decided(1, RightAssigned(right=pass_))], 1)
    assert store.matches_for_plate("9XY").rights == (pass_,)
    assert store.matches_for_token("DEADBEEF").rights == (pass_,)
    assert store.matches_for_plate("OTHER").rights == ()
    assert store.decisions_held(HQ) == 1


def test_a_right_that_was_changed_leaves_no_trace_of_what_it_named_before(store: Store) -> None:
    store.apply_decisions(HQ, [decided(1, RightAssigned(right=right("sub-1", "OLD", tokens=("t",))))], 1)
    store.apply_decisions(HQ, [decided(2, RightAssigned(right=right("sub-1", "NEW")))], 2)
    assert store.matches_for_plate("OLD").rights == ()
    assert store.matches_for_token("t").rights == ()
    assert len(store.matches_for_plate("NEW").rights) == 1


def test_a_revoked_right_is_found_no_more(store: Store) -> None:
    store.apply_decisions(HQ, [decided(1, RightAssigned(right=right("sub-1", "A")))], 1)
    store.apply_decisions(HQ, [decided(2, RightRevoked(right_id="sub-1", reason="unpaid"))], 2)
    assert store.matches_for_plate("A").rights == ()


def test_a_block_holds_until_it_is_lifted(store: Store) -> None:
    store.apply_decisions(HQ, [decided(1, PlateBlocked(plate="A", reason="fraud"))], 1)
    assert store.matches_for_plate("A").block == PlateBlocked(plate="A", reason="fraud")
    store.apply_decisions(HQ, [decided(2, PlateUnblocked(plate="A"))], 2)
    assert store.matches_for_plate("A").block is None


def test_a_decision_of_an_unknown_type_is_kept_and_the_rest_applies(store: Store) -> None:
    strange = SyncEntry(position=1, body={"type": "MoonPhaseSet", "phase": 3})
    broken = SyncEntry(position=2, body={"type": "RightAssigned", "right": 7})
    known = decided(3, PlateBlocked(plate="A", reason="fraud"))
    store.apply_decisions(HQ, [strange, broken, known], 3)
    assert store.unread_decisions() == 2
    assert store.matches_for_plate("A").block is not None


def test_what_could_not_be_read_is_read_after_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, "boston")
    with monkeypatch.context() as older:
        older.setattr("edge.decisions.parse_decision", lambda _body: None)
        store.apply_decisions(HQ, [decided(1, RightAssigned(right=right("sub-1", "A")))], 1)
        assert (store.unread_decisions(), store.matches_for_plate("A").rights) == (1, ())
    store.close()
    updated = Store(tmp_path, "boston")
    assert (updated.unread_decisions(), len(updated.matches_for_plate("A").rights)) == (0, 1)
    updated.close()


def test_a_failure_in_the_middle_of_a_batch_takes_nothing_of_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [decided(1, RightAssigned(right=right("sub-1", "A"))), decided(2, PlateBlocked(plate="B", reason="x"))]
    monkeypatch.setattr("edge.decisions.DecisionBook._set_meta", _raise_disk_full)
    with pytest.raises(sqlite3.OperationalError):
        store.apply_decisions(HQ, batch, 2)
    assert (store.decisions_held(HQ), store.matches_for_plate("A").rights) == (0, ())
    assert store.matches_for_plate("B").block is None


def _raise_disk_full(*_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_new_cloud_database_replaces_the_old_one_only_when_it_was_heard_out(store: Store) -> None:
    old = [decided(1, RightAssigned(right=right("kept", "A"))), decided(2, RightAssigned(right=right("gone", "B")))]
    store.apply_decisions(HQ, old, 2)
    store.apply_decisions("hq-2", [decided(1, RightAssigned(right=right("kept", "A")))], 1, complete=False)
    assert store.decisions_held("hq-2") == 1
    assert len(store.matches_for_plate("B").rights) == 1
    store.apply_decisions("hq-2", [decided(2, PlateBlocked(plate="C", reason="x"))], 2, complete=True)
    assert len(store.matches_for_plate("A").rights) == 1
    assert store.matches_for_plate("B").rights == ()


PLATES = ("A", "B", "C")
RIGHTS = ("r1", "r2", "r3")


def decisions() -> st.SearchStrategy[Decision]:
    plates, rights = st.sampled_from(PLATES), st.sampled_from(RIGHTS)
    return st.one_of(
        st.builds(lambda r, p: RightAssigned(right=right(r, *p)), rights, st.sets(plates)),
        st.builds(lambda r: RightRevoked(right_id=r, reason="x"), rights),
        st.builds(lambda p: PlateBlocked(plate=p, reason="x"), plates),
        st.builds(lambda p: PlateUnblocked(plate=p), plates),
    )


@settings(deadline=None, max_examples=60)
@given(log=st.lists(decisions(), max_size=25), data=st.data())
def test_whatever_is_lost_repeated_or_reordered_on_the_way_the_newest_per_key_counts(
    log: list[Decision], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Store(tmp_path_factory.mktemp("s"), "boston")
    stretch = st.tuples(st.integers(0, len(log)), st.integers(0, len(log)))
    for after, upto in [*data.draw(st.lists(stretch, max_size=12)), (0, len(log))]:
        if after <= upto:
            deliver(store, log, after, upto)
    expected: dict[str, Decision] = {decision.key: decision for decision in log}
    for plate in PLATES:
        matches = store.matches_for_plate(plate)
        assigned = [d.right for d in expected.values() if isinstance(d, RightAssigned)]
        assert set(matches.rights) == {r for r in assigned if r.vehicle(plate)}
        assert matches.block == (b if isinstance(b := expected.get(f"block/{plate}"), PlateBlocked) else None)
    assert store.decisions_held(HQ) == len(log)
    store.close()


def deliver(store: Store, log: list[Decision], after: int, upto: int) -> None:
    """One batch over the protocol, compacted as the cloud does: what a newer one within the batch replaced is left
    out."""
    newest = {log[p - 1].key: p for p in range(1, len(log) + 1)}
    entries = tuple(decided(p, log[p - 1]) for p in range(after + 1, upto + 1) if newest[log[p - 1].key] == p)
    taken, held = receive(store.decisions_held(HQ), Batch(log_id=HQ, after=after, upto=upto, entries=entries))
    store.apply_decisions(HQ, taken, held)
