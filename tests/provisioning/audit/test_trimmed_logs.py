"""Logs that retention has trimmed: what is still told is judged as strictly as ever, what is not is named."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from edge.recovery import open_store
from provisioning.audit.report import Report, audit
from provisioning.local.postgres import Postgres
from tests.builders import NINE_MS
from tests.provisioning.backup.rehearsal import fill_box, furnish, site, take_in, trim_box, trim_cloud

EVENTS = 3_500
NAME = "boston-downtown"
GROUND = "trimmed_logs_begin_here"


@pytest.fixture(scope="module")
def whole(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box's folder, all of whose log the database GROUND took in."""
    folder = tmp_path_factory.mktemp("box")
    fill_box(folder, site(NAME), events=EVENTS, seed=1)
    postgres_server.create_database(GROUND)
    furnish(postgres_server.url(GROUND), [site(NAME)])
    take_in(postgres_server.url(GROUND), folder, NAME, after=0, upto=EVENTS)
    return folder


class Case:
    """A box and a cloud of this test's own; both may be trimmed and spoilt."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def trim(self, *, box: int = 0, cloud: int = 0) -> None:
        if box:
            trim_box(self.folder, NAME, upto=box)
        if cloud:
            trim_cloud(self.url, NAME, upto=cloud)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def audit(self, *, settled: bool = False) -> Report:
        return audit({NAME: self.folder / "facility.db"}, self.url, settled=settled)


@pytest.fixture
def case(whole: Path, postgres_server: Postgres, tmp_path: Path) -> Iterator[Case]:
    name = f"t{secrets.token_hex(8)}"
    shutil.copytree(whole, tmp_path / "box")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {GROUND}")
        yield Case(tmp_path / "box", postgres_server.url(name))
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def said(report: Report, words: str) -> bool:
    return any(words in sentence for sentence in report.unproved)


def test_of_whole_logs_everything_is_proved(case: Case) -> None:
    report = case.audit()
    assert (report.failures, report.unproved) == ((), ())
    assert len(report.closed) > 10


def test_what_a_box_let_go_of_is_judged_by_the_clouds_copy_and_that_is_said(case: Case) -> None:
    all_closed = case.audit().closed
    case.trim(box=500)
    report = case.audit()
    assert report.failures == ()
    assert report.closed == all_closed
    assert report.unproved == (f"{NAME}: of entries 1 to 500 there is only the cloud's copy",)


def test_what_the_cloud_let_go_of_is_judged_by_the_boxs_log(case: Case) -> None:
    all_closed = case.audit().closed
    case.trim(cloud=500)
    report = case.audit()
    assert (report.failures, report.closed) == ((), all_closed)
    assert report.unproved == (f"{NAME}: entries 1 to 500 are in the box alone",)


@pytest.mark.parametrize(("box", "cloud"), [(600, 400), (400, 600), (500, 500)])
def test_what_nobody_has_any_more_is_named_and_the_rest_is_judged(case: Case, box: int, cloud: int) -> None:
    case.trim(box=box, cloud=cloud)
    report = case.audit()
    assert report.failures == ()
    gone = min(box, cloud)
    assert said(report, f"entries 1 to {gone} are kept nowhere any more")
    assert said(report, f"before entry {gone + 1}, the first that is told of here, chargers were promised power")
    assert said(report, "stays began: their price is held against what was quoted")
    assert said(report, "charges follow from entries that are not kept")
    assert len(report.closed) > 0


def test_a_wrong_charge_of_a_stay_that_began_before_is_still_found(case: Case) -> None:
    case.trim(box=500, cloud=500)
    began = set(case.audit().closed)
    (session_id, *_) = next(
        row
        for row in case.sql("SELECT session_id FROM billing.charges WHERE seq > 500 ORDER BY seq")
        if row[0] not in began
    )
    case.sql(f"UPDATE billing.charges SET total_cents = total_cents + 7 WHERE session_id = '{session_id}'")
    (amount, lines) = case.audit().failures
    assert amount.startswith(f"{session_id}: charged")
    assert lines.startswith(f"{session_id}: lines sum to")
    case.sql(f"UPDATE billing.charges SET status = 'PAID', total_cents = 9999 WHERE session_id = '{session_id}'")
    case.sql("DELETE FROM billing.payments")
    assert f"{session_id}: is PAID with 0 of 9999 cents paid" in case.audit(settled=True).failures
    case.sql(f"DELETE FROM billing.charges WHERE session_id = '{session_id}'")
    assert case.audit().failures == (f"{session_id}: closed, but not charged",)


def test_a_charge_for_a_stay_that_no_log_tells_of_is_still_found(case: Case) -> None:
    case.trim(box=500, cloud=500)
    case.sql("UPDATE billing.charges SET session_id = 'nobody' WHERE seq = (SELECT max(seq) FROM billing.charges)")
    assert "nobody: charged, but no such session was closed" in case.audit().failures


def test_an_event_that_the_cloud_says_it_holds_and_does_not_is_missing(case: Case) -> None:
    case.trim(box=500, cloud=300)
    case.sql("DELETE FROM link.events WHERE seq = 700")
    assert case.audit().failures == (f"{NAME}: event 700 is missing in the cloud, which says that it holds {EVENTS}",)
    case.sql("DELETE FROM link.events WHERE seq > 900")
    assert f"{NAME}: event 700 is missing" in case.audit().failures[0]


def test_an_event_that_is_another_one_in_the_cloud_is_found_behind_the_trimmed_ones(case: Case) -> None:
    case.trim(box=500, cloud=300)
    case.sql("UPDATE link.events SET at_ms = at_ms + 1 WHERE seq = 600")
    (wrong,) = case.audit().failures
    assert wrong.startswith(f"{NAME}: event 600 is")


def test_entries_that_the_box_let_go_of_before_the_cloud_had_them_are_lost(case: Case) -> None:
    case.trim(box=500)
    case.sql("DELETE FROM link.events WHERE seq > 450")
    case.sql("UPDATE link.cursors SET upto = 450")
    assert f"{NAME}: entries 451 to 500 are neither in the cloud nor in the box any more" in case.audit().failures


def test_of_a_log_that_another_one_was_carried_over_into_the_charges_of_the_former_are_named(
    case: Case, tmp_path: Path
) -> None:
    open_store(case.folder, NAME, backup_folder=tmp_path / "none", now_ms=NINE_MS).close()
    copy = Case(tmp_path / "copy", case.url)
    shutil.copytree(case.folder, copy.folder)
    store = open_store(copy.folder, NAME, backup_folder=tmp_path / "none", now_ms=NINE_MS)
    head = store.head
    store.close()
    take_in(copy.url, copy.folder, NAME, after=0, upto=head)
    report = copy.audit()
    assert report.failures == ()
    assert said(report, "charges follow from a former log")
    assert said(report, "before entry 1, the first that is told of here, chargers were promised power")
