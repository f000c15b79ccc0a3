"""``easypark backup``, ``restore`` and ``drill``: their options, and what they tell."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from provisioning.local.accounts import forget
from provisioning.local.errors import SetupError

DATABASE_URL = "EASYPARK_DATABASE_URL"
DRILL_AGE_MINUTES = 15.0
"""How old the backup of a drill is at least: what we may lose of a cloud (its recovery point objective)."""


_DRILL_AGE_MAX_MINUTES = 366 * 24 * 60


Run = Callable[[argparse.Namespace], int]


def add(commands: Any, *, backup_edge: Run, restore_edge: Run) -> None:
    """Add the commands to the parser's. What needs the edge's own code is the caller's."""
    backup = commands.add_parser("backup", help="a verified backup of the cloud's database or of a facility's file")
    _add_backup(backup, backup_edge)
    _add_restore(commands.add_parser("restore", help="a backup back into an empty place"), restore_edge)
    drill = commands.add_parser("drill", help="restore an old backup in a second place and say what would be lost")
    drill.add_argument("--from", dest="source", type=Path, required=True, help="the folder of cloud backups")
    drill.add_argument("--box", action="append", required=True, metavar="ID=FILE", help="a facility and its file")
    drill.add_argument("--password-file", type=Path, required=True, help="holds the password of that database")
    drill.add_argument("--minutes", type=_minutes, default=DRILL_AGE_MINUTES, help="how old to restore (default: 15)")
    drill.add_argument("--report", type=Path, help="where to write the figures, as JSON")
    drill.set_defaults(run=_drill)


def _add_backup(parser: argparse.ArgumentParser, backup_edge: Run) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    cloud = kinds.add_parser("cloud", help=f"the database that {DATABASE_URL} names")
    cloud.add_argument("--to", type=Path, required=True, help="the folder of backups")
    cloud.add_argument("--method", choices=("base", "dump"), default="base", help="a copy of the server, or a dump")
    cloud.add_argument("--keep", type=_above_zero, default=7, help="how many to keep (default: 7)")
    cloud.set_defaults(run=_backup_cloud)
    log = kinds.add_parser("log", help="carry the server's log into the backups as it is written; runs until stopped")
    log.add_argument("--to", type=Path, required=True, help="the folder of backups")
    log.set_defaults(run=_backup_log)
    edge = kinds.add_parser("edge", help="a facility's file, beside its daemon or without it")
    edge.add_argument("--config", type=Path, required=True, help="the facility's TOML file")
    edge.add_argument("--to", type=Path, required=True, help="the folder of copies")
    edge.add_argument("--keep", type=_above_zero, default=2, help="how many to keep (default: 2)")
    edge.set_defaults(run=backup_edge)


def _add_restore(parser: argparse.ArgumentParser, restore_edge: Run) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    cloud = kinds.add_parser("cloud", help="a base backup with its log, into a folder with a PostgreSQL of its own")
    cloud.add_argument("--from", dest="source", type=Path, required=True, help="the folder of backups")
    cloud.add_argument("--into", type=Path, required=True, help="an empty folder")
    cloud.add_argument("--at", type=_moment, help="such as 2026-03-14T02:00:00-05:00 (default: the newest)")
    cloud.add_argument("--password-file", type=Path, required=True, help="holds the password of that database")
    cloud.set_defaults(run=_restore_cloud)
    dump = kinds.add_parser("dump", help=f"the newest dump, into the empty database that {DATABASE_URL} names")
    dump.add_argument("--from", dest="source", type=Path, required=True, help="the folder of backups")
    dump.set_defaults(run=_restore_dump)
    edge = kinds.add_parser("edge", help="a copy of a facility's file, onto a box that has none")
    edge.add_argument("--from", dest="source", type=Path, required=True, help="the copy")
    edge.add_argument("--config", type=Path, required=True, help="the facility's TOML file")
    edge.set_defaults(run=restore_edge)


def _above_zero(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 <= minutes <= _DRILL_AGE_MAX_MINUTES:
        raise argparse.ArgumentTypeError(f"must be from 0 to {_DRILL_AGE_MAX_MINUTES} (a year), got {text}")
    return minutes


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"say a moment such as 2026-03-14T02:00:00-05:00, got {text!r}") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"say in which time zone, such as {text}+00:00")
    return at


def _database_url() -> str:
    url = os.environ.get(DATABASE_URL, "").strip()
    if not url:
        raise SetupError(
            f"{DATABASE_URL} is not set: it says which database, postgresql://user:password@host:port/name"
        )
    return url


def _password(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SetupError(f"cannot read the password file {file}: {error.strerror}") from error


def _backup_cloud(options: argparse.Namespace) -> int:
    from provisioning.backup.cloud import take_base, take_dump  # noqa: PLC0415 - start-up time

    take = take_base if options.method == "base" else take_dump
    taken = take(_database_url(), options.to, keep=options.keep)
    print(f"{taken.path}: {taken.bytes:,} bytes, taken and verified in {taken.took_real_s:.1f} s")
    return 0


def _backup_log(options: argparse.Namespace) -> int:
    """Becomes PostgreSQL's own program, so that whatever ends this process ends the carrying."""
    from provisioning.backup.cloud import log_archiver  # noqa: PLC0415 - start-up time

    archiver = log_archiver(_database_url(), options.to)
    os.execve(archiver.command[0], archiver.command, archiver.environment)  # noqa: S606 - the command is ours


def _restore_cloud(options: argparse.Namespace) -> int:
    from provisioning.backup.restore import restore_base  # noqa: PLC0415 - start-up time

    password = _password(options.password_file)
    server, restored = restore_base(options.source, options.into, at=options.at, password=password)
    server.stop()
    print(
        f"{server.data} holds {restored.source.name} until {restored.until or 'its end'}, restored in"
        f" {restored.took_real_s:.1f} s; start a PostgreSQL on it and point {DATABASE_URL} there:"
        f" the facilities then send what is missing. Decisions go on as log {restored.decision_log_id}"
    )
    return 0


def _restore_dump(options: argparse.Namespace) -> int:
    from provisioning.backup.restore import restore_dump  # noqa: PLC0415 - start-up time

    restored = restore_dump(options.source, _database_url())
    print(f"restored {restored.source.name} in {restored.took_real_s:.1f} s; decisions: {restored.decision_log_id}")
    return 0


def _drill(options: argparse.Namespace) -> int:
    from provisioning.backup.drill import Wish, drill  # noqa: PLC0415 - start-up time

    boxes, password = _boxes(options.box), _password(options.password_file)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a copy of the whole cloud must not be left behind
    folder = Path(tempfile.mkdtemp(prefix="easypark-drill-"))
    try:
        folder.chmod(0o755)  # the account that PostgreSQL runs as must enter it
        wish = Wish(
            backups=options.source,
            boxes=boxes,
            folder=folder,
            password=password,
            at=datetime.now(UTC) - timedelta(minutes=options.minutes),
            living_url=os.environ.get(DATABASE_URL) or None,
        )
        report = drill(wish, lambda text: print(text, flush=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        forget(folder / "postgres")
    if options.report:
        _write(options.report, json.dumps(asdict(report), indent=1, default=str))
    for sentence in report.lost:
        print(f"LOST  {sentence}", file=sys.stderr)
    for sentence in report.unproved:
        print(f"NOT PROVED  {sentence}", file=sys.stderr)
    for table, rows in report.not_restored.items():
        print(f"{rows} rows of {table} are newer than the backup: only headquarters knew them")
    lost = f"{len(report.lost)} things are lost" if report.lost else "Nothing that happened on site is lost"
    print(
        f"{lost}{', as far as the logs that are kept tell' if report.unproved else ''}:"
        f" {report.events:,} events, {report.sessions:,} sessions; {report.total_real_s / 60:.1f} minutes"
    )
    return 1 if report.lost else 0


def _boxes(texts: list[str]) -> dict[str, Path]:
    boxes: dict[str, Path] = {}
    for text in texts:
        name, _, file = text.partition("=")
        if not name or not file:
            raise SetupError(f"--box says ID=FILE, such as boston-downtown=/backups/facility.db, got {text!r}")
        if name in boxes:
            raise SetupError(f"--box names {name} twice: give one file of it")
        boxes[name] = Path(file)
    return boxes


def _write(file: Path, text: str) -> None:
    """The drill is over by now, so its outcome is told even when it cannot be kept."""
    try:
        file.write_text(text)
    except OSError as error:
        print(f"easypark: the report cannot be written to {file} ({error.strerror})", file=sys.stderr)
