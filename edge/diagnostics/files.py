"""What the box's own files and configuration tell of it. Reads only; from any thread."""

import importlib.metadata
import json
import platform
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge import database
from edge.backup import backups
from edge.config import Config
from edge.database import FILE_NAME
from shared.broker_url import BrokerUrl

CHECK_REAL_S = 5.0
"""A large file is looked at for so long and no longer: lanes wait for the same disk."""
EVENTS_TOLD = 1_000
FILES_TOLD = 200
PACKAGES = ("easyparkplus", "ocpp", "websockets", "paho-mqtt", "pydantic", "fastapi", "uvicorn", "pyserial", "gpiozero")
_STEPS = 20_000


def versions() -> dict[str, Any]:
    """What runs here."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def configuration(config: Config) -> dict[str, Any]:
    """The configuration file's settings; of the broker only where it is."""
    return {**asdict(config), "broker_url": str(BrokerUrl.parse(config.broker_url))}


def disk(config: Config) -> dict[str, Any]:
    """The room there is, and what lies in the data folder and among the copies."""
    used = shutil.disk_usage(config.data_dir)
    inside = sorted(path for path in config.data_dir.rglob("*") if path.is_file())
    files = {**_sizes(inside, config.data_dir), **_sizes(backups(config.backup_folder), config.backup_folder)}
    return {"total_bytes": used.total, "free_bytes": used.free, "files": dict(list(files.items())[:FILES_TOLD])}


def _sizes(paths: list[Path], folder: Path) -> dict[str, int]:
    return {_named(path, folder): path.stat().st_size for path in paths if path.is_file()}


def _named(path: Path, folder: Path) -> str:
    """A file may have a name that is no text."""
    return path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode()


def store(config: Config) -> dict[str, Any]:
    """How the facility's file is: what it says of itself, and whether its pages are sound as far as that was looked."""
    path = config.data_dir / FILE_NAME
    with closing(database.open_for_reading(path)) as db:
        meta = dict(db.execute("SELECT name, value FROM meta"))
        first, last = db.execute("SELECT min(seq), max(seq) FROM log").fetchone()
        snapshots = [seq for (seq,) in db.execute("SELECT seq FROM snapshot ORDER BY seq")]
        found = {"meta": meta, "first_seq": first, "last_seq": last, "snapshots": snapshots}
        return {**found, "quick_check": _quick_check(db.conn)}


def _quick_check(connection: sqlite3.Connection) -> str:
    give_up = time.monotonic() + CHECK_REAL_S
    connection.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(20)").fetchone()
    except sqlite3.OperationalError as error:
        return f"not finished in {CHECK_REAL_S:g} s" if "interrupt" in str(error) else str(error)
    return str(verdict)


def events(config: Config) -> list[dict[str, Any]]:
    """The newest entries of the log, oldest first."""
    with closing(database.open_for_reading(config.data_dir / FILE_NAME)) as db:
        query = "SELECT seq, at_ms, type, body FROM log ORDER BY seq DESC LIMIT ?"
        rows = db.execute(query, (EVENTS_TOLD,)).fetchall()
    return [
        {"seq": seq, "at_ms": at_ms, "type": kind, "body": json.loads(body)}
        for seq, at_ms, kind, body in reversed(rows)
    ]
