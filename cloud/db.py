"""The one PostgreSQL: tables of every context on one ``metadata``, one transaction per request, job or batch.

Contexts keep their tables in a schema of their own and refer to each other by id only. Instants are BIGINT columns
named ``*_ms``: milliseconds since the epoch, UTC. Nothing here commits halfway: ``transaction`` is the boundary.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import psycopg
from fastapi import Depends, Request
from sqlalchemy import MetaData, Table, TextClause, bindparam, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

SCHEMAS = ("link", "facilities", "customers", "tariffs", "subscriptions", "sessions", "billing", "notifications")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

CONNECT_TIMEOUT_REAL_S = 5
"""Real seconds until an unreachable server is an error."""

_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""A half-open connection (the server's machine vanished) is found within 30 real seconds instead of hours."""


def conninfo(url: str) -> str:
    """The address in libpq's form, for connections outside SQLAlchemy (LISTEN, the job queue). Holds the password."""
    return psycopg.conninfo.make_conninfo(url, connect_timeout=CONNECT_TIMEOUT_REAL_S, **_KEEPALIVE)


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine on psycopg 3 for ``postgresql://user:password@host:port/database``. Opens nothing yet."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_REAL_S, **_KEEPALIVE},
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed when the block ends, rolled back when it raises."""
    async with engine.begin() as conn:
        yield conn


def insert_rows(table: Table, more: str = "") -> TextClause:
    """An INSERT of any number of rows at once, which are one parameter, the JSON list ``rows``; so the statement is
    constant. What a row does not name is NULL. ``more`` follows the statement: what to do on a conflict."""
    name = table.fullname
    sql = f"INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, :rows) {more}"  # noqa: S608 - ours
    return text(sql).bindparams(bindparam("rows", type_=JSONB))


async def connection(request: Request) -> AsyncIterator[AsyncConnection]:
    """One transaction for one HTTP request."""
    engine: AsyncEngine = request.app.state.engine
    async with transaction(engine) as conn:
        yield conn


Connection = Annotated[AsyncConnection, Depends(connection, scope="function")]
"""What a route asks for. ``scope="function"``: the commit happens before the answer is sent, so a client that was told
of success can rely on it, and a commit that fails is an error to the client."""
