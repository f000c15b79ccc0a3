"""A backup back into a PostgreSQL of its own, to a chosen moment, as a cloud that the facilities can talk to.

A restored database gets a new decision log: facilities keep what a later decision told them until they have heard the
new log to its head, and positions of two lives are never mixed up. Their events need nothing: the cursors are part of
the backup, so each facility sends again from where the backup ends.
"""

import os
import secrets
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from provisioning.backup.cloud import WAL, bases, dumps, verify_base
from provisioning.backup.programs import BackupError, run
from provisioning.local.accounts import account_below_root
from provisioning.local.errors import SetupError
from provisioning.local.postgres import Postgres, WrongPasswordError
from provisioning.local.private import write_private

RECOVERY_TIMEOUT_REAL_S = 3_600.0
_POLL_REAL_S = 0.1
_GOING_REAL_S = 10.0
_UNFINISHED = "unfinished"
"""A file of this name in a folder: what lies there is a restore that was cut short, and the next one begins anew."""
_ENDED_BEFORE = "recovery ended before configured recovery target was reached"
"""What the server says when nothing was committed between the end of the archive and the chosen moment: then all of
the archive is what was there at that moment."""


@dataclass(frozen=True, slots=True)
class Restored:
    """``until`` is the newest commit that came back; None when the server does not know (a dump)."""

    source: Path
    until: datetime | None
    decision_log_id: str
    took_real_s: float


def restore_base(backups: Path, folder: Path, *, at: datetime | None, password: str) -> tuple[Postgres, Restored]:
    """Bring the newest base backup from before ``at`` back into ``folder``, replay the log to ``at`` (None: to its
    end), and leave the server running. ``password`` is that of the server the backup is of. Raises BackupError; what
    lies in the folder then is removed by the next attempt.
    """
    began = time.monotonic()
    source = _newest_base(backups, at)
    verify_base(source)
    folder = folder.absolute()  # the account that PostgreSQL runs as looks from another folder
    server = Postgres(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _copy(source, folder, server.data)
        write_private(folder / "password", password)
        until = _recover(server, backups / WAL, at)
        log_id = begin_decision_log(server.url())
        (folder / _UNFINISHED).unlink()
    except BaseException as error:
        server.stop()
        if isinstance(error, OSError):  # that of a whole folder has many, and no words of its own
            said = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
            raise BackupError(f"{source} cannot be brought back into {folder}: {said}") from error
        raise
    return server, Restored(source, until, log_id, time.monotonic() - began)


def restore_dump(backups: Path, database_url: str) -> Restored:
    """Bring the newest dump back into an empty database. Raises BackupError."""
    began = time.monotonic()
    found = dumps(backups)
    if not found:
        raise BackupError(f"there is no dump in {backups}: make one with easypark backup cloud --method dump")
    try:
        with psycopg.connect(database_url) as connection:
            if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'link'").fetchone():
                raise BackupError("the database is not empty: restore into a new one, nothing here is ever overwritten")
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[-1]
        raise BackupError(f"the database to restore into cannot be used ({said}): make an empty one first") from error
    target = ["--exit-on-error", "--no-owner", "--single-transaction", "--dbname", "", str(found[-1])]
    target[-2] = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"] or "postgres"  # type: ignore[assignment]
    run("pg_restore", target, database_url=database_url, what="the dump cannot be restored")
    return Restored(found[-1], None, begin_decision_log(database_url), time.monotonic() - began)


def begin_decision_log(database_url: str) -> str:
    """Name a new life of the decision log. Raises psycopg.Error."""
    log_id = f"hq-{secrets.token_hex(16)}"
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE link.decision_log SET log_id = %s", [log_id])
    return log_id


def _newest_base(backups: Path, at: datetime | None) -> Path:
    found = [path for begun, path in bases(backups) if at is None or begun <= at]
    if not found:
        when = "" if at is None else f" from before {at.isoformat()}"
        raise BackupError(f"there is no base backup{when} in {backups}: make one with easypark backup cloud")
    return found[-1]


def _copy(source: Path, folder: Path, data: Path) -> None:
    """The files of a base backup as a server's data that its account owns."""
    unfinished = folder / _UNFINISHED
    if data.exists() and not unfinished.exists():
        raise BackupError(f"{folder} holds a database already: restore into a new folder, nothing is ever overwritten")
    unfinished.touch()
    account = account_below_root()
    draft = data.with_name("data.new")
    for left in (data, draft):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(source, draft, symlinks=True)
    draft.chmod(0o700)
    if account is not None:
        for path in (draft, *draft.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    draft.rename(data)


def _recover(server: Postgres, wal: Path, at: datetime | None) -> datetime | None:
    """Start the server and wait until it takes writes; the moment of the last commit that came back."""
    _ask_for_recovery(server.data, wal, at)
    try:
        server.spawn()
        server.wait_until_ready(RECOVERY_TIMEOUT_REAL_S)
        return _await_promotion(server)
    except WrongPasswordError as error:
        raise BackupError(
            "the password is not the one of the database that the backup is of: name the file that holds that one"
        ) from error
    except (SetupError, psycopg.OperationalError) as error:
        server.process.wait(_GOING_REAL_S)  # it answers for a moment before it gives up
        if at is not None and _ENDED_BEFORE in server.process.words():
            return _recover(server, wal, None)
        said = server.process.last_words()
        raise BackupError(f"PostgreSQL cannot recover the backup: '{said}' (log: {server.process.log})") from error


def _ask_for_recovery(data: Path, wal: Path, at: datetime | None) -> None:
    """Write the settings of a recovery. The archive's newest segment is still being written and has its own name."""
    readable = _readable(wal, data)
    fetch = f'cp "{readable}/%f" "%p" 2>/dev/null || cp "{readable}/%f.partial" "%p"'
    lines = [f"restore_command = '{fetch}'", "recovery_target_action = 'promote'", "archive_mode = off"]
    lines.append(f"recovery_target_time = '{'' if at is None else at.astimezone(UTC).isoformat()}'")
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("\n".join([*lines, ""]))
    signal_file = data / "recovery.signal"
    signal_file.touch()
    account = account_below_root()
    if account is not None:
        os.chown(signal_file, account.uid, account.gid)


def _readable(wal: Path, data: Path) -> Path:
    """The archive where the server's account can read it: a copy beside its data when that account is not ours."""
    account = account_below_root()
    wal.mkdir(parents=True, exist_ok=True)
    if account is None:
        return wal.resolve()
    place = data.with_name("wal")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(wal, place)
    for path in (place, *place.rglob("*")):
        os.chown(path, account.uid, account.gid)
    return place


def _await_promotion(server: Postgres) -> datetime | None:
    """Wait until the server takes writes; the moment of the last commit that came back."""
    give_up = time.monotonic() + RECOVERY_TIMEOUT_REAL_S
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()").fetchone()
            if row is not None and not row[0]:
                return row[1].astimezone(UTC) if row[1] is not None else None
            if time.monotonic() > give_up:
                raise BackupError(f"the database did not finish its recovery in {RECOVERY_TIMEOUT_REAL_S:.0f} s")
            time.sleep(_POLL_REAL_S)
