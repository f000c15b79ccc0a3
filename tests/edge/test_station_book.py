"""What stations told of themselves outlives the daemon, is bounded, and never keeps the facility from running."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.ocpp.notes import KEPT_MAX, Forget, ForgetOne, ForgetOthers, Kind, Note, Revise
from edge.station_book import FILE_NAME, NOTE_BYTES_MAX, STATION_BYTES_MAX, Kept, StationBook

pytestmark = pytest.mark.anyio
NOW_MS = 1_700_000_000_000


@pytest.fixture
async def book() -> AsyncIterator[StationBook]:
    found = StationBook()
    yield found
    found.close()


def event(key: str, **body: object) -> Note:
    return Note(Kind.EVENT, key, body)


async def keys(book: StationBook, kind: Kind = Kind.EVENT, station_id: str = "dc-1") -> list[str]:
    return [kept.key for kept in await book.notes(station_id, kind)]


async def test_a_note_is_read_back_as_it_was_told_by_station_and_kind(book: StationBook) -> None:
    await book.keep("dc-1", [event("a", value="ü", inner={"x": [1]})], NOW_MS)
    assert await book.notes("dc-1", Kind.EVENT) == [Kept("a", NOW_MS, {"value": "ü", "inner": {"x": [1]}})]
    assert await book.notes("dc-2", Kind.EVENT) == []
    assert await book.notes("dc-1", Kind.MONITOR) == []
    assert await book.counts("dc-1") == {"event": 1}


async def test_the_newest_of_a_key_counts(book: StationBook) -> None:
    await book.keep("dc-1", [event("a", n=1), event("b", n=1)], NOW_MS)
    await book.keep("dc-1", [event("a", n=2)], NOW_MS + 1)
    assert [(x.key, x.body["n"]) for x in await book.notes("dc-1", Kind.EVENT)] == [("b", 1), ("a", 2)]


async def test_what_is_no_more_is_forgotten_by_the_beginning_of_its_key(book: StationBook) -> None:
    await book.keep("dc-1", [event("1/x"), event("1/y"), event("10/x"), event("2%/x")], NOW_MS)
    await book.keep("dc-1", [Forget(Kind.EVENT, "1/")], NOW_MS)
    assert await keys(book) == ["10/x", "2%/x"]
    await book.keep("dc-1", [ForgetOthers(Kind.EVENT, "2%/")], NOW_MS)
    assert await keys(book) == ["2%/x"]


async def test_a_note_is_made_of_the_one_before_it(book: StationBook) -> None:
    def counted(before: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**before, "n": before.get("n", 0) + 1}

    for now_ms in (NOW_MS, NOW_MS + 1):
        await book.keep("dc-1", [event("b"), Revise(Kind.EVENT, "a", counted)], now_ms)
    assert await book.note("dc-1", Kind.EVENT, "a") == Kept("a", NOW_MS + 1, {"n": 2})


async def test_one_note_is_forgotten_by_its_key_alone(book: StationBook) -> None:
    await book.keep("dc-1", [event("1"), event("10")], NOW_MS)
    await book.keep("dc-1", [ForgetOne(Kind.EVENT, "1")], NOW_MS)
    assert await keys(book) == ["10"]


async def test_of_each_kind_only_the_newest_are_kept(book: StationBook) -> None:
    most = KEPT_MAX[Kind.REPORT]
    for number in range(most + 5):
        await book.keep("dc-1", [Note(Kind.REPORT, str(number), {})], NOW_MS)
    await book.keep("dc-2", [Note(Kind.REPORT, "other", {})], NOW_MS)
    assert await keys(book, Kind.REPORT) == [str(n) for n in range(5, most + 5)]
    assert await keys(book, Kind.REPORT, "dc-2") == ["other"]


async def test_a_note_of_no_believable_length_is_not_kept_whole(book: StationBook) -> None:
    await book.keep("dc-1", [event("a", text="x" * NOTE_BYTES_MAX)], NOW_MS)
    (kept,) = await book.notes("dc-1", Kind.EVENT)
    assert list(kept.body) == ["longer_than_kept_bytes"]


async def test_a_station_that_talks_without_end_loses_its_oldest_notes_and_keeps_its_registration(
    book: StationBook,
) -> None:
    await book.keep("dc-1", [Note(Kind.REGISTRATION, "", {"status": "Pending"})], NOW_MS)
    text = "x" * (NOTE_BYTES_MAX - 100)
    notes = [Note(Kind.VARIABLE, str(n), {"v": text}) for n in range(STATION_BYTES_MAX // NOTE_BYTES_MAX + 20)]
    await book.keep("dc-1", notes, NOW_MS)
    held = await book.notes("dc-1", Kind.VARIABLE)
    assert sum(len(text) for _ in held) <= STATION_BYTES_MAX
    assert held[-1].key == notes[-1].key
    assert held[0].key != "0"
    assert await book.registration("dc-1") == "Pending"


async def test_a_station_is_accepted_unless_a_person_held_it_back(book: StationBook) -> None:
    assert await book.registration("dc-1") == "Accepted"
    await book.keep("dc-1", [Note(Kind.REGISTRATION, "", {"status": "Rejected"})], NOW_MS)
    assert await book.registration("dc-1") == "Rejected"
    await book.keep("dc-1", [Note(Kind.REGISTRATION, "", {"status": "Accepted"})], NOW_MS)
    assert await book.registration("dc-1") == "Accepted"


async def test_it_outlives_the_daemon_in_a_file_of_its_own(tmp_path: Path) -> None:
    before = StationBook(tmp_path)
    await before.keep("dc-1", [event("a"), event("b")], NOW_MS)
    before.close()
    after = StationBook(tmp_path)
    await after.keep("dc-1", [event("a", n=2)], NOW_MS)
    assert await keys(after) == ["b", "a"]
    after.close()
    assert (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("spoiled", [b"no database at all" * 400, b"SQLite format 3\x00" + b"\xff" * 8_000])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, spoiled: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(spoiled)
    book = StationBook(tmp_path)
    await book.keep("dc-1", [event("a")], NOW_MS)
    book.close()
    assert (tmp_path / "stations.damaged").read_bytes() == spoiled
    again = StationBook(tmp_path)
    assert await keys(again) == ["a"]
    again.close()


async def test_a_file_of_a_newer_version_is_set_aside_too(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute("PRAGMA user_version = 99")
    db.close()
    book = StationBook(tmp_path)
    await book.keep("dc-1", [event("a")], NOW_MS)
    book.close()
    assert (tmp_path / "stations.damaged").exists()


async def test_without_a_usable_folder_it_remembers_in_memory(tmp_path: Path) -> None:
    book = StationBook(tmp_path / "none" / "such")
    await book.keep("dc-1", [event("a")], NOW_MS)
    assert await keys(book) == ["a"]
    book.close()
