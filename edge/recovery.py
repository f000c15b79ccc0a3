"""Opening the store so that the lanes can work whatever happened to its file.

Three things are found at the start: the file is damaged; it is an older copy (a backup put back, a folder copied);
the cloud said that it holds more of the log than the file. In each the log may have gone on elsewhere, and two
different entries must never have one position. So the log is closed and a new one begun, which carries over the
state: cars inside can leave, promises to chargers are kept, and a stay is billed once, under the id that it has.
What the closed log still holds goes to the cloud under its own name, before anything of the new one.
"""

import json
import logging
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from edge import database
from edge.backup import BackupError, backups, verify
from edge.database import FILE_NAME, DamagedError, StoreError
from edge.logbook import CLOUD_UPTO, COPIED_AT_MS, FILE_NUMBER, Snapshot
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.salvage import Gap, lengthen, log_id_of, salvage_decisions, salvage_log
from edge.store import Store, new_log_id
from shared.clock import to_utc
from shared.events import DaemonStarted, DataLost, DataRecovered, Entry, Event, entry

SUSPECT = "suspect"
"""A file of this name in the data folder: damage was met, so the next start looks at every page."""
_REBUILT = "rebuilt"
_SET_ASIDE = "set-aside"
_NOTHING = Path()
"""In place of a copy: take nothing, when what there is cannot be used."""
_STARTED = DaemonStarted.model_fields["type"].default
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """Why a log cannot go on, and what is known of it. ``own_after``: this box wrote the entries after it, while the
    cloud holds others at their positions."""

    reason: str
    source: str
    gaps: list[Gap] = field(default_factory=list)
    set_aside: str = ""
    own_after: int | None = None


def suspect_damage(folder: Path) -> None:
    """Let the next start look at every page of the file."""
    (folder / SUSPECT).touch()


def open_store(folder: Path, facility_id: str, *, backup_folder: Path, now_ms: int) -> Store:
    """The facility's store, recovered if need be. Raises StoreError for what no recovery helps against."""
    if (folder / _REBUILT / FILE_NAME).exists():
        _swap(folder)
    suspect = folder / SUSPECT
    try:
        _refuse_emptied(folder / FILE_NAME, backup_folder)
        store = Store(folder, facility_id, check_whole=suspect.exists())
    except DamagedError as error:
        _log.error("the store is damaged and is rebuilt: %s", error.__cause__ or error)
        try:
            _rebuild(folder, facility_id, backups(backup_folder), now_ms)
        except (OSError, sqlite3.Error) as cause:
            raise StoreError(
                f"{folder / FILE_NAME} is damaged and cannot be rebuilt ({cause}): make room on its disk, as much again"
                " as the newest copy takes, then start again"
            ) from cause
        store = Store(folder, facility_id)
    try:
        found = _found_in(store)
        if found is not None:
            _begin_anew(store, facility_id, found, now_ms)
        store.log.set_meta(FILE_NUMBER, _file_number(store.path))
    except BaseException:
        store.close()
        raise
    suspect.unlink(missing_ok=True)
    return store


def _refuse_emptied(path: Path, backup_folder: Path) -> None:
    """SQLite takes a file without a byte for a new one. Where there are copies it held something once."""
    if path.is_file() and path.stat().st_size == 0 and backups(backup_folder):
        raise DamagedError(f"{path} is empty, and there are copies of it")


def _found_in(store: Store) -> _Found | None:
    cloud_upto = int(store.log.meta(CLOUD_UPTO) or 0)
    if cloud_upto > store.head:
        own_after = max(store.base, (store.newest_of(_STARTED) or store.head + 1) - 1)
        return _Found("OUTRUN", "the file as it was", [Gap(own_after, cloud_upto)], own_after=own_after)
    known_as = store.log.meta(FILE_NUMBER)
    if store.log.meta(COPIED_AT_MS) is not None or known_as not in (None, _file_number(store.path)):
        return _Found("COPY", "the file as it was", [Gap(store.head, None)])
    return None


def _file_number(path: Path) -> str:
    return str(path.stat().st_ino)


# A new log in place of one that cannot go on.


def _begin_anew(store: Store, facility_id: str, found: _Found, now_ms: int) -> None:
    rebuilder = Rebuilder(FACILITY_RULES)
    state, _ = rebuilder.rebuild(store)
    former, log_id = store.log_id, new_log_id(facility_id)
    own_after = store.head if found.own_after is None else found.own_after
    own = [_renumbered(e, former, log_id, own_after) for e in store.all_entries(after=own_after)]
    told: list[Event] = [
        DataRecovered(
            former_log_id=former, reason=found.reason, source=found.source, upto=own_after, set_aside=found.set_aside
        ),
        *(DataLost(former_log_id=former, after=gap.after, upto=gap.upto) for gap in found.gaps),
    ]
    state.head, state.log_id = len(own), log_id
    snapshot = Snapshot(len(own), rebuilder.fingerprint, _renamed(rebuilder.dump(state), former, log_id, own_after))
    entries = [*own, *(entry(n, now_ms, event) for n, event in enumerate(told, len(own) + 1))]
    store.begin_anew(log_id, snapshot, entries)
    for event in told:
        _log.error("log %s is closed: %s", former, event.model_dump_json())


def _renumbered(written: Entry, former: str, log_id: str, after: int) -> Entry:
    body = json.loads(_renamed(json.dumps(written.body), former, log_id, after))
    return written.model_copy(update={"seq": written.seq - after, "body": body})


def _renamed(text: str, former: str, log_id: str, after: int) -> str:
    """Ids that were made from the positions after ``after``, by those positions in the new log."""

    def rename(found: re.Match[str]) -> str:
        position = int(found[1])
        return f'"{log_id}-{position - after}"' if position > after else found[0]

    return re.sub(rf'"{re.escape(former)}-(\d+)"', rename, text)


# A sound file in place of a damaged one.


def _rebuild(folder: Path, facility_id: str, copies: list[Path], now_ms: int) -> None:
    """Build beside the damaged file and put in its place. The newest good copy is the ground, else nothing is. A disk
    that is full is no reason to take less: then nothing is replaced. Raises StoreError, OSError and sqlite3.Error."""
    set_aside = f"facility-damaged-{to_utc(now_ms):%Y%m%dT%H%M%S}.db"
    building = folder / "rebuilding"
    lengthen(folder / FILE_NAME)
    former = log_id_of(folder / FILE_NAME)
    for source in [*copies, *([] if former is None else [None]), _NOTHING]:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            gaps = _ground(building / FILE_NAME, folder / FILE_NAME, facility_id, source)
            with closing(Store(building, facility_id, check_whole=True)) as store:
                _begin_anew(store, facility_id, _Found("DAMAGED", _name(source), gaps, set_aside), now_ms)
            break
        except (StoreError, BackupError) as error:
            if isinstance(error.__cause__, sqlite3.Error) and database.has_no_room(error.__cause__):
                raise
            _log.warning("the store cannot be rebuilt from %s: %s", _name(source), error)
    else:
        raise StoreError(f"{folder / FILE_NAME} is damaged and nothing could be built in its place: see the log")
    (building / _SET_ASIDE).write_text(set_aside)
    building.rename(folder / _REBUILT)
    _swap(folder)


def _ground(path: Path, damaged: Path, facility_id: str, source: Path | None) -> list[Gap]:
    """A sound file at ``path``: a copy if there is one, and what the damaged file still holds beyond it."""
    if source is not None and source != _NOTHING:
        verify(source)
        shutil.copyfile(source, path)
    former = log_id_of(damaged)
    with closing(database.open_for_writing(path)) as db:
        held = db.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()
        if held is None:
            log_id = former or new_log_id(facility_id)
            db.conn.executemany("INSERT INTO meta VALUES (?, ?)", [("facility_id", facility_id), ("log_id", log_id)])
            salvage_decisions(damaged, db, facility_id)
        if former is None or source == _NOTHING or (held is not None and held[0] != former):
            (head,) = db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
            return [Gap(head, None)]
        return salvage_log(damaged, db)


def _name(source: Path | None) -> str:
    if source == _NOTHING:
        return "nothing"
    return "what could be read of the damaged file" if source is None else f"copy {source.name}"


def _swap(folder: Path) -> None:
    """Set the damaged file aside and put the rebuilt one in its place; may be done again after a crash in between."""
    rebuilt = folder / _REBUILT
    set_aside = (rebuilt / _SET_ASIDE).read_text()
    for suffix in ("", "-wal", "-shm"):
        damaged = folder / f"{FILE_NAME}{suffix}"
        if damaged.exists():
            damaged.rename(folder / f"{set_aside}{suffix}")
    (rebuilt / FILE_NAME).rename(folder / FILE_NAME)
    database.make_durable(folder)
    shutil.rmtree(rebuilt)
