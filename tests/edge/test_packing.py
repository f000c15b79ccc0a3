"""Batches are put together in slices; between them the site comes first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.packing import Packer, SentLog, Stretch
from edge.rules import pacing
from edge.store import SLICE_BYTES_MAX, SLICE_ENTRIES_MAX, Store
from shared.events import Entry
from shared.sync import Batch
from shared.wire import decode

pytestmark = pytest.mark.anyio


class Slices(Store):
    """A store that counts how often it was read from."""

    read = 0

    def sync_json(self, *, after: int, table: str = "log") -> tuple[bytes, int]:
        self.read += 1
        return super().sync_json(after=after, table=table)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Slices]:
    store = Slices(tmp_path, "boston")
    yield store
    store.close()


def write(store: Store, count: int, text: str = "x") -> None:
    store.append([Entry(seq=store.head + n, at_ms=n, type="Noted", body={"text": text}) for n in range(1, count + 1)])


def log_of(store: Store) -> SentLog:
    return SentLog(store.log_id, store.base, store.head)


def positions(stretch: Stretch) -> list[int]:
    said = Batch(log_id=stretch.log_id, after=stretch.after, upto=stretch.upto, entries=())
    return [e.position for e in decode(Batch, stretch.parcel.seal(said)).entries]


async def test_a_drain_reads_nothing_while_the_site_is_at_work(store: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "GIVE_WAY_REAL_MS_MAX", 3_600_000.0)
    write(store, 2 * SLICE_ENTRIES_MAX)
    read_when_asked: list[int] = []

    def at_work() -> bool:
        """At work when asked for the first three times, before the first slice, and at rest every fourth time."""
        read_when_asked.append(store.read)
        return len(read_when_asked) % 4 != 0

    packer = Packer(store)
    packer.site_at_work = at_work
    stretch = await packer.pack(log_of(store), 0)
    assert read_when_asked == [0, 0, 0, 0, 1, 1, 1, 1]
    assert positions(stretch) == list(range(1, store.head + 1))


async def test_a_site_that_never_comes_to_rest_is_carried_up_all_the_same(
    store: Slices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "GIVE_WAY_REAL_MS_MAX", 5.0)
    write(store, SLICE_ENTRIES_MAX + 1)
    packer = Packer(store)
    packer.site_at_work = lambda: True
    assert (await packer.pack(log_of(store), 0)).upto == store.head


async def test_what_a_batch_holds_depends_on_how_quickly_the_cloud_answered(store: Slices) -> None:
    write(store, 6 * SLICE_ENTRIES_MAX, "x" * 200)
    packer = Packer(store)
    first = await packer.pack(log_of(store), 0)
    packer.answered(1)
    second = await packer.pack(log_of(store), 0)
    packer.answered(None)
    third = await packer.pack(log_of(store), 0)
    assert first.upto == third.upto < second.upto


async def test_an_entry_larger_than_a_slice_travels_alone(store: Slices) -> None:
    write(store, 3)
    write(store, 1, "é" * SLICE_BYTES_MAX)
    write(store, 3)
    packer, upto, found = Packer(store), 0, []
    while upto < store.head:
        stretch = await packer.pack(log_of(store), upto)
        found.append(positions(stretch))
        upto = stretch.upto
    assert found == [[1, 2, 3], [4], [5, 6, 7]]


async def test_nothing_is_packed_of_a_log_that_holds_no_more(store: Slices) -> None:
    write(store, 2)
    stretch = await Packer(store).pack(log_of(store), 2)
    assert (stretch.after, stretch.upto, positions(stretch), store.read) == (2, 2, [], 0)
