"""What is kept of the log: enough days, whatever the cloud lacks, and what the state needs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import retention
from edge.config import Keeping
from edge.logbook import LogBook, Snapshot
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.retention import Retention
from edge.store import Store
from shared.clock import DAY_MS, Clock, Timeline
from shared.events import DaemonStarted, entry

pytestmark = pytest.mark.anyio
NOW_MS = 100 * DAY_MS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, "boston")
    yield store
    store.close()


def write(store: Store, count: int, at_ms: int) -> None:
    store.append([entry(store.head + n, at_ms, DaemonStarted(version="1")) for n in range(1, count + 1)])


def snapshot(store: Store, seq: int) -> None:
    store.save_snapshot(seq, "old rules", f'{{"log_id":"{store.log_id}","head":{seq},"requests":7,"no_more":1}}')


def keeper(store: Store, *, acked: int | None, **keeping: int) -> Retention:
    clock = Clock(Timeline(0, NOW_MS, 1), lambda: 0.0)
    return Retention(store, clock, Keeping(**keeping), acked=lambda: acked)


def kept(store: Store) -> list[int]:
    return [e.seq for e in store.all_entries(after=0)]


async def test_old_entries_go_in_pieces_and_the_rest_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 3)
    write(store, 10, NOW_MS - 31 * DAY_MS)
    write(store, 5, NOW_MS)
    snapshot(store, 12)
    snapshot(store, 15)
    await keeper(store, acked=15).let_go()
    assert (kept(store), store.base, store.head) == ([11, 12, 13, 14, 15], 10, 15)


async def test_nothing_goes_while_it_is_not_known_what_the_cloud_holds(store: Store) -> None:
    write(store, 10, 0)
    snapshot(store, 10)
    await keeper(store, acked=None).let_go()
    assert len(kept(store)) == 10


async def test_what_the_older_snapshot_does_not_tell_stays(store: Store) -> None:
    write(store, 10, 0)
    snapshot(store, 4)
    snapshot(store, 10)
    await keeper(store, acked=10).let_go()
    assert kept(store) == [5, 6, 7, 8, 9, 10]
    with pytest.raises(ValueError, match="the oldest snapshot is of 4"):
        store.log.trim(5)


async def test_on_a_disk_that_runs_short_young_entries_go_too(store: Store) -> None:
    write(store, 10, NOW_MS)
    snapshot(store, 10)
    await keeper(store, acked=8, disk_free_min_mb=10**9).let_go()
    assert kept(store) == [9, 10]


async def test_a_log_that_was_trimmed_to_nothing_keeps_its_head(store: Store) -> None:
    write(store, 10, 0)
    snapshot(store, 10)
    await keeper(store, acked=10).let_go()
    for log_book in (store.log, LogBook(store.log._db, "the file")):
        assert (log_book.head, log_book.base, log_book.whole) == (10, 10, False)
    write(store, 1, NOW_MS)
    assert (LogBook(store.log._db, "the file").head, kept(store)) == (11, [11])


async def test_under_other_rules_a_trimmed_log_begins_on_the_newest_snapshot(store: Store) -> None:
    write(store, 10, 0)
    snapshot(store, 10)
    await keeper(store, acked=10).let_go()
    write(store, 2, 0)
    state, began = Rebuilder(FACILITY_RULES).rebuild(store)
    assert (state.head, state.requests, began) == (12, 7, 10)


async def test_a_former_log_goes_once_it_is_drained_and_old(store: Store) -> None:
    write(store, 3, NOW_MS - 31 * DAY_MS)
    store.begin_anew("boston-2", Snapshot(0, "f", '{"log_id":"boston-2"}'), [])
    [former] = store.log.closed
    await keeper(store, acked=0).let_go()
    assert store.log.closed == (former,)
    store.log.mark_drained(former)
    await keeper(store, acked=0).let_go()
    assert store.log.closed == ()


async def test_letting_go_makes_way_for_a_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 10)
    write(store, 1_000, 0)
    snapshot(store, 1_000)
    letting_go = asyncio.create_task(keeper(store, acked=1_000).let_go())
    await asyncio.sleep(0.1)
    await store.in_writer(write, store, 1, NOW_MS)
    assert not letting_go.done()
    letting_go.cancel()
