"""The database's shape, in numbered steps that are never edited once released (Alembic).

There is no ini file: ``upgrade`` is the only way in, so that ``easypark cloud migrate``, the demo and the tests all do
the same. A step is one file in ``versions``; a test holds the migrated database against the tables in the code.
"""

import logging
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

LOCK = 4_127_906_113
"""PostgreSQL advisory lock: the processes that migrate one database do so one after the other."""

_HERE = Path(__file__).parent

NEWEST = max(step.stem[:4] for step in (_HERE / "versions").glob("[0-9]*.py"))
"""The number of the newest step that this code knows; files and revisions are named by their number."""


def upgrade(database_url: str) -> None:
    """Bring a database to the newest step. May be called by several processes at once, and when there is nothing to do.

    All missing steps happen in one transaction: a step that fails leaves the database as it was. Raises
    sqlalchemy.exc.OperationalError when the server cannot be reached.
    """
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it tells of each plug-in of its own
    from alembic import command  # noqa: PLC0415 - start-up time of those who only ask for the version
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


async def version(conn: AsyncConnection) -> str:
    """The number of the last step done; empty for a database that was never migrated."""
    if await conn.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
        return ""
    return str(await conn.scalar(text("SELECT max(version_num) FROM alembic_version")) or "")
