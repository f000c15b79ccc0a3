"""A facility's log as its own box holds it, read without writing and without the daemon's code."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from shared.decisions import FacilityConfigured, TariffPublished, parse_decision
from shared.events import DataRecovered, Entry
from shared.facilities import Facility
from shared.tariffs import Tariff

_RECOVERED = DataRecovered.model_fields["type"].default


class SiteLog(BaseModel):
    """One facility's log and what it was told by headquarters. ``after`` is the position before its first entry here:
    0 for a log that nothing was removed from."""

    model_config = ConfigDict(frozen=True)

    log_id: str
    facility: Facility
    tariffs: tuple[Tariff, ...]
    entries: tuple[Entry, ...]
    after: int = 0

    @property
    def head(self) -> int:
        """The newest position."""
        return self.after + len(self.entries)

    @property
    def whole(self) -> bool:
        """Whether it tells of everything from the beginning on: nothing was removed, and no state carried over from
        another log."""
        return self.after == 0 and all(e.type != _RECOVERED for e in self.entries)

    def tells_of(self, made: str) -> bool:
        """Whether the entry that brought something into being, whose id was made from its position, is here."""
        log_id, _, seq = made.rpartition("-")
        return log_id == self.log_id and seq.isdecimal() and int(seq) > self.after


class AuditError(Exception):
    """There is nothing to audit: a file or a configuration is missing. Says which."""


def read(path: Path) -> SiteLog:
    """Read a facility's file. Raises AuditError when it is missing or was never configured."""
    if not path.is_file():
        raise AuditError(f"no log at {path}")
    with sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True) as db:
        log_id, after = _meta(db, "log_id"), _meta(db, "base")
        entries = tuple(_entries(db))
        bodies = [json.loads(body) for (body,) in db.execute("SELECT body FROM decisions ORDER BY position")]
    decisions = [parse_decision(body) for body in bodies]
    facility = next((d.facility for d in decisions if isinstance(d, FacilityConfigured)), None)
    if log_id is None or facility is None:
        raise AuditError(f"{path} has no log id or no configuration")
    tariffs = tuple(d.tariff for d in decisions if isinstance(d, TariffPublished))
    return SiteLog(log_id=log_id, facility=facility, tariffs=tariffs, entries=entries, after=int(after or 0))


def _meta(db: sqlite3.Connection, name: str) -> Any:
    return (db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone() or (None,))[0]


def _entries(db: sqlite3.Connection) -> Iterator[Entry]:
    for seq, at_ms, kind, body in db.execute("SELECT seq, at_ms, type, body FROM log ORDER BY seq"):
        yield Entry(seq=seq, at_ms=at_ms, type=kind, body=json.loads(body))
