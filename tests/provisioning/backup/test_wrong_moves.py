"""Backups and restores that go wrong: cut short, two at once, damaged, misnamed. Each says so; the next one works."""

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from provisioning import cli
from provisioning.backup import commands, restore
from provisioning.backup.cloud import bases, log_archiver, take_base, take_dump
from provisioning.backup.programs import BackupError
from provisioning.backup.restore import restore_base, restore_dump
from provisioning.local.postgres import Postgres
from tests.provisioning.backup.rehearsal import furnish


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that PostgreSQL's account can enter."""
    with TemporaryDirectory(prefix="easypark-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Postgres]:
    made = Postgres(folder / "living")
    made.start()
    furnish(made.url(), [])
    take_base(made.url(), folder / "backups", keep=1)
    yield made
    made.remove()


def password(folder: Path) -> str:
    return (folder / "living" / "password").read_text()


def test_a_backup_does_not_remove_one_that_is_being_taken(server: Postgres, folder: Path) -> None:
    draft = folder / "backups" / ".taking-now"
    draft.touch()
    held = os.open(folder / "backups", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(BackupError, match="another backup is being taken"):
        take_dump(server.url(), folder / "backups", keep=1)
    assert draft.exists()
    os.close(held)
    take_dump(server.url(), folder / "backups", keep=1)
    assert not draft.exists(), "what a backup that was cut short left is removed by the next"


def test_a_folder_that_cannot_be_written_is_one_line_for_each_kind(server: Postgres, folder: Path) -> None:
    in_the_way = folder / "file"
    in_the_way.touch()
    for take in (take_base, take_dump):
        with pytest.raises(BackupError, match="choose a writable folder"):
            take(server.url(), in_the_way, keep=1)
    with pytest.raises(BackupError, match="choose a writable folder"):
        log_archiver(server.url(), in_the_way)
    with pytest.raises(BackupError, match="cannot be brought back into"):
        restore_base(folder / "backups", in_the_way, at=None, password=password(folder))


def test_a_base_backup_that_was_altered_is_not_restored(server: Postgres, folder: Path) -> None:
    take_base(server.url(), folder / "altered", keep=1)
    [(_, base)] = bases(folder / "altered")
    victim = max((path for path in (base / "base").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    with victim.open("r+b") as file:
        file.write(os.urandom(3_000))
    with pytest.raises(BackupError, match="is not sound"):
        restore_base(folder / "altered", folder / "from-altered", at=None, password=password(folder))
    assert not (folder / "from-altered").exists()


@pytest.mark.usefixtures("server")
def test_with_a_wrong_password_nothing_is_restored_and_with_the_right_one_it_is_the_next_time(folder: Path) -> None:
    with pytest.raises(BackupError, match="the password is not the one"):
        restore_base(folder / "backups", folder / "second", at=None, password="wrong")
    restored, _ = restore_base(folder / "backups", folder / "second", at=None, password=password(folder))
    restored.stop()
    with pytest.raises(BackupError, match="holds a database already"):
        restore_base(folder / "backups", folder / "second", at=None, password=password(folder))
    restored.remove()


@pytest.mark.usefixtures("server")
def test_a_restore_that_was_cut_short_is_begun_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut_short:
        cut_short.setattr(restore, "begin_decision_log", interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore_base(folder / "backups", folder / "third", at=None, password=password(folder))
    restored, _ = restore_base(folder / "backups", folder / "third", at=None, password=password(folder))
    assert restored.running
    restored.remove()


@pytest.mark.usefixtures("server")
def test_a_moment_after_the_last_commit_is_the_end_of_what_there_is(folder: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    restored, told = restore_base(folder / "backups", folder / "fourth", at=tomorrow, password=password(folder))
    assert told.until is None or told.until < datetime.now(UTC)
    restored.remove()


def test_a_dump_into_a_database_that_is_not_there_is_one_line(server: Postgres, folder: Path) -> None:
    take_dump(server.url(), folder / "backups", keep=1)
    with pytest.raises(BackupError, match=r'"nowhere" does not exist\): make an empty one first'):
        restore_dump(folder / "backups", server.url("nowhere"))


def test_a_place_is_found_whatever_folder_one_stands_in(
    server: Postgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    restored, _ = restore_base(Path("backups"), Path("fifth"), at=None, password=password(folder))
    assert restored.data == folder / "fifth" / "data"
    with psycopg.connect(restored.url()) as connection:
        assert connection.execute("SELECT count(*) FROM link.decision_log").fetchone() == (1,)
    restored.remove()
    assert server.running


@pytest.mark.parametrize("minutes", ["-5", "nan", "999999999999"])
def test_a_drill_is_of_the_last_year(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["drill", "--from", "x", "--box", "a=b", "--password-file", "p", f"--minutes={minutes}"]
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert "must be from 0 to" in capsys.readouterr().err


def test_a_facility_has_one_file_in_a_drill(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--from", "x", "--password-file", "p", "--box", "boston=a.db", "--box", "boston=b.db"]
    assert cli.main(["drill", *given]) == 2
    assert "names boston twice" in capsys.readouterr().err


def test_who_interrupts_a_command_is_shown_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_database_url", interrupted)
    assert cli.main(["backup", "cloud", "--to", "x"]) == cli.INTERRUPTED
    assert capsys.readouterr().err == "easypark: interrupted\n"
