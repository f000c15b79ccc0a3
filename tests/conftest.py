"""What many tests share: the event loop's flavour, and a real PostgreSQL per test process with a database per test."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from provisioning.local.postgres import Postgres


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running PostgreSQL, removed at the end; started by the first test that asks. Its folder can be entered by all,
    unlike pytest's own, so that root's tests keep nothing outside of it, even when they are killed."""
    with TemporaryDirectory(prefix="easypark-test-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "pg")
        server.start()
        yield server
        server.remove()


@pytest.fixture
def database_url(postgres_server: Postgres) -> Iterator[str]:
    """The address of an empty database of this test's own: ``postgresql://user:password@127.0.0.1:port/name``."""
    name = f"t{secrets.token_hex(8)}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
