"""The drill: a cloud from an old backup in a second place, the facilities' logs carried into it, and what was lost.

Nothing outside is touched: the cloud restored here has no worker, so no card is charged and no mail is sent, and the
facilities' files are copies. What happened on site must all come back. What only headquarters did after the moment of
the backup (a customer registered, a price published) cannot, and is counted, table by table, when the database that
the backup is of still answers.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from provisioning.audit.report import audit
from provisioning.backup.programs import BackupError
from provisioning.backup.restore import restore_base
from provisioning.local.broker import Broker
from provisioning.local.postgres import Postgres
from provisioning.local.private import write_private
from provisioning.local.processes import Child
from provisioning.local.toml_text import toml

Say = Callable[[str], None]
UPLOAD_TIMEOUT_REAL_S = 1_800
_HEADQUARTERS = (
    "customers.customers",
    "customers.vehicles",
    "customers.payment_methods",
    "tariffs.tariffs",
    "subscriptions.subscriptions",
    "link.decisions",
    "billing.payments",
    "billing.refunds",
)
"""Tables that are not made from facilities' logs alone."""


@dataclass(frozen=True, slots=True)
class Wish:
    """``boxes``: each facility's file, such as a backup of it. ``at`` None: the end of the archive. ``password`` is
    that of the database the backup is of, ``living_url`` its address, None when it is gone."""

    backups: Path
    boxes: Mapping[str, Path]
    folder: Path
    password: str
    at: datetime | None = None
    living_url: str | None = None


@dataclass(frozen=True, slots=True)
class DrillReport:
    """``behind``: site events that the restored cloud lacked and got from the facilities. ``lost``: what should be
    there and is not, one sentence each. ``unproved``: what no log tells any more, so that nobody can say whether it is
    all there. ``not_restored``: rows of headquarters since the backup, by table."""

    restored_until: datetime | None
    behind: int
    events: int
    sessions: int
    lost: tuple[str, ...]
    unproved: tuple[str, ...]
    not_restored: Mapping[str, int]
    restore_real_s: float
    replay_real_s: float
    total_real_s: float


def drill(wish: Wish, say: Say) -> DrillReport:
    """Restore, replay, audit. Raises BackupError; leaves nothing running. The folder is the caller's to remove."""
    began = time.monotonic()
    wish.folder.mkdir(parents=True, exist_ok=True)
    copies = {name: _copied(name, file, wish.folder) for name, file in wish.boxes.items()}
    server, restored = restore_base(wish.backups, wish.folder / "postgres", at=wish.at, password=wish.password)
    try:
        restore_real_s = time.monotonic() - began
        say(f"The database is restored from {restored.source.name} until {restored.until}: {restore_real_s:.1f} s")
        held = _events(server.url())
        _replay(wish, server, copies)
        replay_real_s = time.monotonic() - began - restore_real_s
        events = _events(server.url())
        say(f"The facilities sent {events - held} events that the backup did not hold: {replay_real_s:.1f} s")
        found = audit(copies, server.url(), settled=False)
        return DrillReport(
            restored_until=restored.until,
            behind=events - held,
            events=events,
            sessions=len(found.closed),
            lost=found.failures,
            unproved=found.unproved,
            not_restored={} if wish.living_url is None else _not_restored(wish.living_url, server.url()),
            restore_real_s=restore_real_s,
            replay_real_s=replay_real_s,
            total_real_s=time.monotonic() - began,
        )
    finally:
        server.stop()


def _replay(wish: Wish, server: Postgres, copies: Mapping[str, Path]) -> None:
    with Broker(wish.folder / "broker", facility_ids=tuple(copies)) as broker:
        link = _child(wish.folder, "link", ["cloud", "link"], database=server.url(), broker=broker.url())
        link.start()
        uploads = [_upload(wish.folder, name, file, broker.url(name)) for name, file in copies.items()]
        try:
            for upload in uploads:
                upload.start()
            for upload in uploads:
                if not upload.wait(UPLOAD_TIMEOUT_REAL_S) or upload.exit_code != 0:
                    raise BackupError(f"a facility's log was not carried over: {upload.last_words()}")
        finally:
            for child in (*uploads, link):
                child.stop()


def _upload(folder: Path, facility_id: str, file: Path, broker_url: str) -> Child:
    table = {
        "facility_id": facility_id,
        "data_dir": str(file.parent),
        "broker_url": broker_url,
        "ocpp": {"port": 1},
        "api": {"port": 1, "token_file": "tokens"},
    }
    write_private(file.parent / "upload.toml", toml(table))
    arguments = ["upload", "--config", str(file.parent / "upload.toml"), "--within", str(UPLOAD_TIMEOUT_REAL_S)]
    return _child(folder, f"upload-{facility_id}", arguments)


def _child(folder: Path, name: str, arguments: list[str], *, database: str = "", broker: str = "") -> Child:
    ours = {"EASYPARK_DATABASE_URL": database, "EASYPARK_BROKER_URL": broker}
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("EASYPARK_", "STRIPE_"))}
    command = [sys.executable, "-P", "-m", "provisioning", *arguments]
    return Child(command, log=folder / f"{name}.log", environment={**plain, **ours})


def _copied(facility_id: str, file: Path, folder: Path) -> Path:
    if not file.is_file():
        raise BackupError(f"there is no file of {facility_id} at {file}: give a backup made by easypark backup edge")
    place = folder / "boxes" / facility_id
    place.mkdir(parents=True, exist_ok=True)
    for part in (file, *file.parent.glob(f"{file.name}-wal")):
        shutil.copy2(part, place / part.name.replace(file.name, "facility.db"))
    return place / "facility.db"


def _events(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT coalesce(sum(upto), 0) FROM link.cursors").fetchone()
        return int(row[0]) if row else 0


def _not_restored(living_url: str, restored_url: str) -> dict[str, int]:
    with psycopg.connect(living_url) as living, psycopg.connect(restored_url) as restored:
        missing = {name: _rows(living, name) - _rows(restored, name) for name in _HEADQUARTERS}
    return {name: rows for name, rows in missing.items() if rows}


def _rows(connection: psycopg.Connection, table: str) -> int:
    if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
        return 0
    counted = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    ).fetchone()
    return int(counted[0]) if counted else 0
