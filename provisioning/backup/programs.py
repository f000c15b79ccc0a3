"""PostgreSQL's own programs for backups, run to their end. The password reaches them by the environment, never by the
command line, which every account of a machine can read."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from provisioning.local.binaries import postgres_binaries
from provisioning.local.errors import SetupError

_OPTIONS = (("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"), ("password", "PGPASSWORD"))


class BackupError(SetupError):
    """A backup or a restore did not come about; one line that says what is wrong and how to mend it."""


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs. Raises SetupError."""
    return str(postgres_binaries(None) / name)


def environment(database_url: str) -> dict[str, str]:
    """Where libpq's programs connect to. Raises BackupError for what is no address of a database."""
    try:
        told = conninfo_to_dict(database_url)
    except ProgrammingError as error:
        raise BackupError(
            f"the database's address cannot be read ({str(error).strip()}): postgresql://user:password@host:port/name"
        ) from error
    given = {variable: str(told[option]) for option, variable in _OPTIONS if told.get(option)}
    return {**os.environ, **given, "PGDATABASE": str(told.get("dbname") or "postgres"), "PGAPPNAME": "easypark backup"}


def run(program: str, arguments: Sequence[str], *, database_url: str | None = None, what: str) -> str:
    """Run a program to its end; returns what it printed. Raises BackupError with its own words when it fails."""
    done = subprocess.run(  # noqa: S603 - the commands are ours
        [binary(program), *arguments],
        env=None if database_url is None else environment(database_url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise BackupError(f"{what}: {program} says '{(said or ['nothing'])[0].strip()}'")
    return done.stdout


def size_bytes(folder: Path) -> int:
    """What the files below a folder, or the one file, hold."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
