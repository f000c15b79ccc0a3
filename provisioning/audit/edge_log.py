"""A facility's log as its own box holds it, read without writing and without the daemon's code."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from shared.decisions import FacilityConfigured, TariffPublished, parse_decision
from shared.events import Entry
from shared.facilities import Facility
from shared.tariffs import Tariff


class SiteLog(BaseModel):
    """One facility's log and what it was told by headquarters."""

    model_config = ConfigDict(frozen=True)

    log_id: str
    facility: Facility
    tariffs: tuple[Tariff, ...]
    entries: tuple[Entry, ...]


class AuditError(Exception):
    """There is nothing to audit: a file or a configuration is missing. Says which."""


def read(path: Path) -> SiteLog:
    """Read a facility's file. Raises AuditError when it is missing or was never configured."""
    if not path.is_file():
        raise AuditError(f"no log at {path}")
    with sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True) as db:
        log_id = db.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()
        entries = tuple(_entries(db))
        bodies = [json.loads(body) for (body,) in db.execute("SELECT body FROM decisions ORDER BY position")]
    decisions = [parse_decision(body) for body in bodies]
    facility = next((d.facility for d in decisions if isinstance(d, FacilityConfigured)), None)
    if log_id is None or facility is None:
        raise AuditError(f"{path} has no log id or no configuration")
    tariffs = tuple(d.tariff for d in decisions if isinstance(d, TariffPublished))
    return SiteLog(log_id=log_id[0], facility=facility, tariffs=tariffs, entries=entries)


def _entries(db: sqlite3.Connection) -> Iterator[Entry]:
    for seq, at_ms, kind, body in db.execute("SELECT seq, at_ms, type, body FROM log ORDER BY seq"):
        yield Entry(seq=seq, at_ms=at_ms, type=kind, body=json.loads(body))
