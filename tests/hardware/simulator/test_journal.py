"""What the world remembers over a restart."""

from pathlib import Path

import pytest

from hardware.simulator.journal import LINES_MIN, Journal, JournalError
from hardware.simulator.memory import Memory


def test_the_newest_value_of_a_key_is_there_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.put("car/1", {"stage": "ARRIVING"})
        journal.put("car/1", {"stage": "PARKED"})
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.get("car/1") == {"stage": "PARKED"}


def test_a_key_that_was_forgotten_stays_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.put("car/1", 1)
        journal.put("car/2", 2)
        journal.put("car/1", None)
    with Journal(tmp_path / "j.jsonl") as journal:
        assert list(journal.under("car/")) == [("2", 2)]


def test_a_killed_world_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    killed = Journal(tmp_path / "j.jsonl")
    killed.put("car/1", 1)
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.get("car/1") == 1
    killed.close()


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").write_text('["a", 1]\n["b", {"x"')
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.put("c", 3)
    with Journal(tmp_path / "j.jsonl") as journal:
        assert list(journal.under("")) == [("a", 1), ("c", 3)]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").write_text('["a", 1]\nnot ours\n["b", 2]\n')
    with pytest.raises(JournalError, match="line 2"):
        Journal(tmp_path / "j.jsonl")


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        for i in range(3 * LINES_MIN):
            journal.put("a", i)
    assert len((tmp_path / "j.jsonl").read_text().splitlines()) <= LINES_MIN + 10


def test_a_stations_messages_wait_in_order_until_acknowledged(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        memory = Memory(journal, "station/a")
        for i in range(12):
            memory.queue({"seq_no": i})
        memory.acknowledged()
    with Journal(tmp_path / "j.jsonl") as journal:
        again = Memory(journal, "station/a")
        assert [m["seq_no"] for _, m in again.waiting] == list(range(1, 12))
        again.queue({"seq_no": 12})
        assert again.waiting[-1] == (13, {"seq_no": 12})
