"""What can still be read of a damaged file, brought into a sound one.

SQLite keeps no checksums of its pages, so what can be read is also looked at: an entry or a decision that is no JSON
is as good as unreadable.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from os import SEEK_END
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from edge.database import has_no_room
from edge.decisions import DecisionBook
from edge.logbook import INSERT_ENTRY
from shared.sync import SyncEntry

_HEADER_BYTES = 100
_PIECE = 500
_BARREN_PIECES_MAX = 20
"""So many pieces of the log without anything readable in them, and nothing more is looked for."""
Row = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries that are not there: those after ``after`` up to ``upto``; None: nobody knows how far the log went."""

    after: int
    upto: int | None


def lengthen(path: Path) -> None:
    """Make up by zeros what was cut off a file's end: SQLite reads nothing of one that is shorter than it says to be.

    How long that is counts only where the header was written by a version that keeps it (two counters then agree).
    """
    with suppress(OSError), path.open("r+b") as file:
        header = file.read(_HEADER_BYTES)
        if header.startswith(b"SQLite format 3\0") and header[24:28] == header[92:96]:
            page_bytes = int.from_bytes(header[16:18]) * int.from_bytes(header[28:32])
            if file.seek(0, SEEK_END) < page_bytes:
                file.truncate(page_bytes)


def log_id_of(path: Path) -> str | None:
    """Which log a damaged file holds, None when that cannot be read."""
    with suppress(sqlite3.Error), closing(_open(path)) as old:
        row = old.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()
        return None if row is None else str(row[0])
    return None


def salvage_decisions(path: Path, db: Database, facility_id: str) -> None:
    """Take over what headquarters decided, so that the gates know their plates until it says it again."""
    rows: list[tuple[str, int, str]] = []
    with suppress(sqlite3.Error), closing(_open(path)) as old:
        found = old.execute("SELECT log_id, position, body FROM decisions")
        rows.extend(row for row in found if isinstance(row[0], str) and isinstance(row[1], int))
    book = DecisionBook(db, facility_id)
    for log_id, of_log in groupby(sorted(rows), key=lambda row: row[0]):
        decided = [(position, decoded) for _, position, body in of_log if (decoded := _decoded(body)) is not None]
        with db.atomic():
            book.apply(log_id, [SyncEntry(position=p, body=body) for p, body in decided], 0, complete=False)


def salvage_log(path: Path, db: Database) -> list[Gap]:
    """Append to the log of ``db`` what of the damaged file continues it; returns what is missing then.

    Where entries in between cannot be read, the part after them is kept if a snapshot tells what came before it,
    else the part before them. Raises sqlite3.Error when ``db`` has no room for it.
    """
    (head,) = db.execute("SELECT max(seq) FROM log").fetchone()
    base = _base(db.conn)
    try:
        with closing(_open(path)) as old:
            if head is None:
                base = _set_base(db, max(base, _base(old)))
            last = _last(old)
            with db.atomic():
                for piece in _pieces(old, head or base, last):
                    db.conn.executemany(INSERT_ENTRY, piece)
            _take_snapshots(old, db)
    except sqlite3.Error as error:
        if has_no_room(error):
            raise
        last = None
    return _keep_one_run(db, base, last)


def _take_snapshots(old: sqlite3.Connection, db: Database) -> None:
    with suppress(sqlite3.Error):
        for seq, fingerprint, state in old.execute("SELECT seq, fingerprint, state FROM snapshot").fetchall():
            if _decoded(state) is not None:
                db.execute("INSERT OR IGNORE INTO snapshot VALUES (?, ?, ?)", (seq, fingerprint, state))


def _keep_one_run(db: Database, base: int, last: int | None) -> list[Gap]:
    runs: list[tuple[int, int]] = db.execute(
        "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM log)"
        " GROUP BY run ORDER BY 1"
    ).fetchall()
    first_end = runs[0][1] if runs and runs[0][0] == base + 1 else base
    end = runs[-1][1] if runs else base
    begin = runs[-1][0] - 1 if runs and end != first_end else base
    (told,) = db.execute("SELECT count(*) FROM snapshot WHERE seq BETWEEN ? AND ?", (begin, end)).fetchone()
    gaps = [] if last == end else [Gap(end, last)]
    if begin == base:
        kept = (base, end)
    elif told:
        kept, gaps = (begin, end), [Gap(first_end, begin), *gaps]
    else:
        kept, gaps = (base, first_end), [Gap(first_end, last)]
    with db.atomic():
        db.execute("DELETE FROM log WHERE seq <= ? OR seq > ?", kept)
        db.execute("DELETE FROM snapshot WHERE seq < ? OR seq > ?", kept)
        _set_base(db, kept[0])
    return gaps


def _set_base(db: Database, base: int) -> int:
    if base > 0:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('base', ?)", (str(base),))
    return base


def _base(db: sqlite3.Connection) -> int:
    (base,) = db.execute("SELECT value FROM meta WHERE name = 'base'").fetchone() or (0,)
    return int(base)


def _last(old: sqlite3.Connection) -> int | None:
    """The newest position there is, None when that cannot be read."""
    try:
        (last,) = old.execute("SELECT max(seq) FROM log").fetchone()
    except sqlite3.Error:
        return None
    return None if last is None else int(last)


def _pieces(old: sqlite3.Connection, after: int, last: int | None) -> Iterator[list[Row]]:
    barren = 0
    while barren < _BARREN_PIECES_MAX and (last is None or after < last):
        piece = [row for row in _between(old, after + 1, after + _PIECE) if _sound(row)]
        barren = 0 if piece else barren + 1
        yield piece
        after += _PIECE


def _between(old: sqlite3.Connection, low: int, high: int) -> list[Row]:
    """Entries of a stretch, halved as long as something in it cannot be read."""
    try:
        return old.execute(
            "SELECT seq, at_ms, type, body FROM log WHERE seq BETWEEN ? AND ? ORDER BY seq", (low, high)
        ).fetchall()
    except sqlite3.Error:
        if low == high:
            return []
        middle = (low + high) // 2
        return [*_between(old, low, middle), *_between(old, middle + 1, high)]


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _sound(row: Row) -> bool:
    """A page of zeros reads as rows of nothing."""
    _, at_ms, kind, body = row
    return isinstance(at_ms, int) and isinstance(kind, str) and _decoded(body) is not None


def _decoded(text: Any) -> dict[str, Any] | None:
    try:
        decoded = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None
