"""SQL scripts as migration steps: ours, and those that the job queue's library ships for its own tables.

Our steps name the library's step up to which they go, so that a newer library changes nothing by itself: its further
steps are taken by a further step of ours.
"""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager


def run(sql: str) -> None:
    """Run a script of any number of statements in the migration's transaction. It goes to the driver as it is, since
    colons and percent signs in it are no parameters."""
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("a migration runs on a live connection, not into a script")
    with driver.cursor() as cursor:
        cursor.execute(sql)


def queue_steps(*, after: str = "", upto: str) -> list[str]:
    """The SQL of the queue library's steps after ``after`` up to ``upto``, which are their names, in order.

    Raises ValueError when the library has no step ``upto``.
    """
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    if upto not in {file.stem for file in files}:
        raise ValueError(f"the queue's library has no step {upto!r}; its last is {files[-1].stem!r}")
    return [file.read_text(encoding="utf-8") for file in files if after < file.stem <= upto]
