"""The state folder: one system at a time, a stamp, and nothing removed that is not ours."""

import os
from pathlib import Path

import pytest

from provisioning.local.errors import SetupError
from provisioning.local.state import State


def test_what_is_kept_is_there_at_the_next_start(tmp_path: Path) -> None:
    with State(tmp_path / "s") as state:
        state.keep("lived", {"at_ms": 7})
    with State(tmp_path / "s") as state:
        assert state.remembered("lived") == {"at_ms": 7}
        assert state.remembered("never") is None


def test_what_is_kept_is_for_its_owner_only(tmp_path: Path) -> None:
    with State(tmp_path / "s") as state:
        state.keep("secret", {"x": 1})
        assert (state.folder / "secret.json").stat().st_mode & 0o777 == 0o600


def test_fresh_removes_what_earlier_runs_left(tmp_path: Path) -> None:
    with State(tmp_path / "s") as state:
        (state.subfolder("deep", "er") / "file").write_text("old")
    with State(tmp_path / "s", fresh=True) as state:
        assert sorted(entry.name for entry in state.folder.iterdir()) == ["format", "lock"]


def test_two_systems_do_not_share_a_folder(tmp_path: Path) -> None:
    with State(tmp_path / "s"), pytest.raises(SetupError, match=f"in use by another demo.*process {os.getpid()}"):
        State(tmp_path / "s")


def test_fresh_does_not_take_the_folder_from_a_running_system(tmp_path: Path) -> None:
    with State(tmp_path / "s") as state:
        state.keep("lived", {"at_ms": 7})
        with pytest.raises(SetupError, match="stop that one, or choose another folder with --state"):
            State(tmp_path / "s", fresh=True)
        assert state.remembered("lived") == {"at_ms": 7}


def test_the_folder_is_free_again_after_a_failed_start(tmp_path: Path) -> None:
    State(tmp_path / "s").close()
    (tmp_path / "s" / "format").write_text("99")
    with pytest.raises(SetupError, match="left by another version"):
        State(tmp_path / "s")
    State(tmp_path / "s", fresh=True).close()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path: Path, *, fresh: bool) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SetupError, match="no state folder of ours: empty it, or choose another with --state"):
        State(tmp_path, fresh=fresh)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_folders_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("")
    with pytest.raises(SetupError, match="is not a folder: remove it"):
        State(tmp_path / "s")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0\0"])
def test_a_corrupt_memory_says_which_file_and_to_start_over(tmp_path: Path, text: str) -> None:
    with State(tmp_path / "s") as state:
        (state.folder / "lived.json").write_text(text)
        with pytest.raises(SetupError, match=r"lived\.json is corrupt .*: start over with --fresh"):
            state.remembered("lived")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can write: /proc")
def test_no_write_permission_is_one_line() -> None:
    with pytest.raises(SetupError, match=r"cannot write in /proc/.*choose another folder with --state"):
        State(Path("/proc/self/easypark"))
