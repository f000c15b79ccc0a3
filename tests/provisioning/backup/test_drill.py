"""A cloud is restored to a moment, the facilities send what it lacks, and nothing that happened on site is lost."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

import psycopg
import pytest

from provisioning.backup.cloud import bases, log_archiver, take_base, take_dump
from provisioning.backup.drill import Wish, drill
from provisioning.backup.programs import BackupError
from provisioning.backup.restore import restore_base, restore_dump
from provisioning.local.postgres import Postgres
from tests.provisioning.backup.rehearsal import fill_box, furnish, site, take_in, trim_box, trim_cloud

EVENTS = 1_200


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's account can enter."""
    with TemporaryDirectory(prefix="easypark-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[Postgres]:
    made = Postgres(folder / "living")
    made.start()
    yield made
    made.remove()


def password(server_folder: Path) -> str:
    return (server_folder / "password").read_text()


def notes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY text")]


def write(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def test_a_base_backup_and_its_log_restore_to_a_moment_between_two_commits(server: Postgres, folder: Path) -> None:
    url = server.url()
    furnish(url, [])
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        (before,) = connection.execute("SELECT log_id FROM link.decision_log").fetchone() or ("",)
    archiver = log_archiver(url, folder / "backups")
    archiving = Popen(archiver.command, env=archiver.environment)
    try:
        taken = take_base(url, folder / "backups", keep=2)
        assert taken.path == bases(folder / "backups")[-1][1]
        write(url, "kept")
        time.sleep(0.1)
        moment = datetime.now(UTC)
        time.sleep(0.1)
        write(url, "too late")
        _await_archived(url, folder / "backups" / "wal")
    finally:
        archiving.terminate()
        archiving.wait()
    restored, told = restore_base(
        folder / "backups", folder / "second", at=moment, password=password(folder / "living")
    )
    try:
        assert notes(restored.url()) == ["kept"]
        assert told.until is not None
        assert told.until <= moment
        assert told.decision_log_id != before, "facilities must not take positions of two lives for one"
    finally:
        restored.remove()
    newest, _ = restore_base(folder / "backups", folder / "third", at=None, password=password(folder / "living"))
    try:
        assert notes(newest.url()) == ["kept", "too late"]
    finally:
        newest.remove()


def _await_archived(url: str, wal: Path) -> None:
    with psycopg.connect(url) as connection:
        (segment,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
    give_up = time.monotonic() + 30
    while not (wal / segment).exists():
        assert time.monotonic() < give_up, f"{segment} was not archived"
        time.sleep(0.05)


def test_old_backups_go_when_newer_ones_are_sound(server: Postgres, folder: Path) -> None:
    for _ in range(3):
        take_base(server.url(), folder / "backups", keep=2)
    assert len(bases(folder / "backups")) == 2
    assert not list((folder / "backups").glob(".taking-*"))


def test_a_dump_restores_into_an_empty_database_and_never_over_another(server: Postgres, folder: Path) -> None:
    furnish(server.url(), [])
    take_dump(server.url(), folder / "backups", keep=1)
    server.create_database("second")
    restore_dump(folder / "backups", server.url("second"))
    with psycopg.connect(server.url("second")) as connection:
        assert connection.execute("SELECT count(*) FROM link.decision_log").fetchone() == (1,)
    with pytest.raises(BackupError, match="not empty"):
        restore_dump(folder / "backups", server.url("second"))


def test_nothing_is_restored_over_a_database_or_from_before_the_first_backup(server: Postgres, folder: Path) -> None:
    take_base(server.url(), folder / "backups", keep=1)
    with pytest.raises(BackupError, match="holds a database already"):
        restore_base(folder / "backups", folder / "living", at=None, password="-")
    with pytest.raises(BackupError, match="no base backup from before 2020"):
        restore_base(folder / "backups", folder / "new", at=datetime(2020, 1, 1, tzinfo=UTC), password="-")


def test_a_backup_that_cannot_be_taken_says_what_is_wrong(server: Postgres, folder: Path) -> None:
    server.stop()
    with pytest.raises(BackupError, match=r"the database cannot be copied: pg_basebackup says '.*refused"):
        take_base(server.url(), folder / "backups", keep=1)


def test_a_drill_gets_back_everything_that_happened_on_site(server: Postgres, folder: Path) -> None:
    names = ("boston-downtown", "philadelphia-center")
    boxes = {name: fill_box(folder / name, site(name), events=EVENTS, seed=seed) for seed, name in enumerate(names, 1)}
    furnish(server.url(), [site(name) for name in names])
    for name in names:
        take_in(server.url(), folder / name, name, after=0, upto=EVENTS // 2)
    take_base(server.url(), folder / "backups", keep=1)
    for name in names:
        take_in(server.url(), folder / name, name, after=EVENTS // 2, upto=EVENTS)
    wish = Wish(
        backups=folder / "backups",
        boxes=boxes,
        folder=folder / "drill",
        password=password(folder / "living"),
        living_url=server.url(),
    )
    report = drill(wish, lambda _: None)
    assert report.lost == ()
    assert report.unproved == ()
    assert (report.behind, report.events) == (EVENTS, 2 * EVENTS)
    assert report.sessions > 0
    assert report.not_restored == {}, "headquarters did nothing since the backup"


def test_a_drill_with_logs_that_were_trimmed_on_both_sides_says_what_it_cannot_prove(
    server: Postgres, folder: Path
) -> None:
    name = "boston-downtown"
    box = fill_box(folder / name, site(name), events=EVENTS, seed=1)
    furnish(server.url(), [site(name)])
    take_in(server.url(), folder / name, name, after=0, upto=EVENTS // 2)
    trim_box(folder / name, name, upto=EVENTS // 3)
    trim_cloud(server.url(), name, upto=EVENTS // 4)
    take_base(server.url(), folder / "backups", keep=1)
    wish = Wish(folder / "backups", {name: box}, folder / "drill", password(folder / "living"))
    report = drill(wish, lambda _: None)
    assert report.lost == ()
    assert (report.behind, report.events) == (EVENTS // 2, EVENTS)
    assert f"{name}: entries 1 to {EVENTS // 4} are kept nowhere any more" in report.unproved


def test_a_drill_with_a_box_that_is_older_than_the_restored_cloud_ends_at_once(server: Postgres, folder: Path) -> None:
    name = "boston-downtown"
    box = fill_box(folder / name, site(name), events=EVENTS, seed=1)
    furnish(server.url(), [site(name)])
    take_in(server.url(), folder / name, name, after=0, upto=EVENTS)
    with psycopg.connect(server.url()) as connection:
        connection.execute("UPDATE link.cursors SET upto = upto + 100, head = head + 100")
    take_base(server.url(), folder / "backups", keep=1)
    wish = Wish(folder / "backups", {name: box}, folder / "drill", password(folder / "living"))
    with pytest.raises(BackupError, match=f"ends at entry {EVENTS} of log .* older copy. Give a newer one"):
        drill(wish, lambda _: None)
