"""A database with every context's tables for each cloud test, cloned from one template per test session."""

import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import db, migrations
from provisioning.local.postgres import Postgres
from tests.cloud.serving import Api, serving

TEMPLATE = "cloud_template"


@pytest.fixture(scope="session")
def cloud_template(postgres_server: Postgres) -> str:
    """The name of a database with all tables and no rows. Waiting for the disk is off: tests do not cut the power."""
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        admin.execute("SELECT pg_reload_conf()")
    postgres_server.create_database(TEMPLATE)
    migrations.upgrade(postgres_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(postgres_server: Postgres, cloud_template: str) -> Iterator[str]:
    """The address of a database of this test's own, with all tables and no rows."""
    name = f"t{secrets.token_hex(8)}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {cloud_template} STRATEGY FILE_COPY")
        yield postgres_server.url(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on this test's database."""
    engine = db.create_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def conn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction on this test's database, committed when the test ends well."""
    async with db.transaction(engine) as conn:
        yield conn


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The whole HTTP application on this test's database."""
    async with serving(database_url) as api:
        yield api
