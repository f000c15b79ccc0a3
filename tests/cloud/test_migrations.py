"""The migrated database is the one that the code's tables describe, however many processes migrate it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from cloud import db, migrations
from cloud.migrations import scripts
from provisioning.local.postgres import Postgres
from tests.cloud.tables import all_tables

EMPTY = "migrations_begin_here"


@pytest.fixture
def empty_url(postgres_server: Postgres) -> str:
    """A database without anything in it."""
    with create_engine(_driver(postgres_server.url("postgres")), isolation_level="AUTOCOMMIT").connect() as admin:
        admin.execute(text(f"DROP DATABASE IF EXISTS {EMPTY} WITH (FORCE)"))
    postgres_server.create_database(EMPTY)
    return postgres_server.url(EMPTY)


def _driver(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leaves out the schema of the job queue and of Alembic itself."""
    return kind != "schema" or name in db.SCHEMAS


def _differences(connection: Connection) -> list[object]:
    options = {"include_schemas": True, "include_name": _ours, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), all_tables()))


def test_the_migrated_database_is_what_the_tables_in_the_code_say(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    with create_engine(_driver(empty_url)).connect() as connection:
        assert _differences(connection) == []


def test_a_difference_between_the_database_and_the_code_is_noticed(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    with create_engine(_driver(empty_url)).connect() as connection:
        connection.execute(text("ALTER TABLE link.events DROP COLUMN type"))
        assert len(_differences(connection)) == 1


def test_several_processes_may_migrate_at_once_and_again(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrations.upgrade, [empty_url] * 4))
    migrations.upgrade(empty_url)
    with create_engine(_driver(empty_url)).connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == migrations.NEWEST
        assert connection.scalar(text("SELECT count(*) FROM link.decision_log")) == 1


def test_two_databases_never_share_a_decision_log(empty_url: str, postgres_server: Postgres) -> None:
    log_ids = set()
    for _ in range(2):
        with create_engine(_driver(postgres_server.url("postgres")), isolation_level="AUTOCOMMIT").connect() as admin:
            admin.execute(text(f"DROP DATABASE IF EXISTS {EMPTY} WITH (FORCE)"))
        postgres_server.create_database(EMPTY)
        migrations.upgrade(empty_url)
        with create_engine(_driver(empty_url)).connect() as connection:
            log_ids.add(connection.scalar(text("SELECT log_id FROM link.decision_log")))
    assert len(log_ids) == 2


def test_a_step_that_fails_leaves_the_database_as_it_was(empty_url: str) -> None:
    with create_engine(_driver(empty_url)).begin() as connection:
        connection.execute(text("CREATE SCHEMA billing"))
    with pytest.raises(Exception, match="billing"):
        migrations.upgrade(empty_url)
    with create_engine(_driver(empty_url)).connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('link.events')")) is None
        assert connection.scalar(text("SELECT to_regclass('public.alembic_version')")) is None


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OperationalError):
        migrations.upgrade("postgresql://nobody:nothing@127.0.0.1:1/none")


def test_a_newer_queue_library_changes_nothing_until_a_step_of_ours_says_so() -> None:
    first, last = "00.00.00_01_initial", "00.05.00_01_drop_started_at_column"
    assert len(scripts.queue_steps(upto=first)) == 1
    assert len(scripts.queue_steps(after=first, upto=last)) == 1
    with pytest.raises(ValueError, match="no step '99'"):
        scripts.queue_steps(upto="99")
