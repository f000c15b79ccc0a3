"""Reads what a demo did: from each facility's own log (SQLite, read-only) and from the cloud's database."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg

_MONEY = """
SELECT
    (SELECT count(*) FROM billing.charges) AS charges,
    (SELECT coalesce(sum(total_cents), 0) FROM billing.charges) AS charged_cents,
    (SELECT coalesce(sum(amount_cents), 0) FROM billing.payments WHERE status = 'SUCCEEDED') AS received_cents,
    (SELECT coalesce(sum(amount_cents), 0) FROM billing.refunds WHERE status = 'SUCCEEDED') AS refunded_cents,
    (SELECT coalesce(sum(amount_cents), 0) FROM billing.postings WHERE account = 'RECEIVABLE') AS open_cents,
    (SELECT coalesce(-sum(amount_cents), 0) FROM billing.postings WHERE account = 'CUSTOMER_CREDIT') AS credit_cents
"""
_RECEIPTS = """
SELECT d.sent_at_ms - c.exited_ms
FROM notifications.deliveries AS d JOIN billing.charges AS c USING (charge_id)
WHERE d.kind = 'RECEIPT' AND d.status = 'SENT'
"""
_EVENTS = "SELECT count(*) FROM link.events WHERE facility_id = %s AND log_id = %s"
_HELD = "SELECT upto FROM link.cursors WHERE facility_id = %s AND log_id = %s"
_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
_CARDS = "SELECT count(DISTINCT customer_id) FROM customers.payment_methods WHERE customer_id = ANY(%s)"
_TOLD = """
SELECT count(*) FROM link.decision_cursors AS d JOIN link.decision_log AS l USING (log_id)
WHERE d.facility_id = ANY(%s) AND d.upto >= l.version
"""


@dataclass(frozen=True, slots=True)
class LogHead:
    """The newest position of one facility's log, and which life of it this is."""

    log_id: str
    position: int


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """What the cloud's books say. ``received_cents`` is all that was taken, ``credit_cents`` what of it was too much;
    ``receipt_delays_ms`` are lived, from the session's end to the sent receipt."""

    charges: int
    charged_cents: int
    received_cents: int
    refunded_cents: int
    open_cents: int
    credit_cents: int
    receipt_delays_ms: tuple[int, ...]


def log_head(file: Path) -> LogHead:
    """How far a facility's log has come. Raises sqlite3.Error when it cannot be read."""
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as db:
        (log_id,) = db.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()
        (position,) = db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
    return LogHead(str(log_id), int(position))


class Cloud:
    """One reading connection to the cloud's database."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _number(self, query: str, *parameters: object) -> int:
        row = self._connection.execute(query.encode(), parameters).fetchone()
        return int(row[0]) if row is not None else 0

    def has_told(self, facility_ids: Sequence[str]) -> bool:
        """Whether each facility confirmed that it holds every decision there is."""
        return self._number(_TOLD, list(facility_ids)) == len(facility_ids)

    def cards_of(self, customer_ids: Sequence[str]) -> int:
        """How many of these customers have a saved card."""
        return self._number(_CARDS, list(customer_ids))

    def log_id(self) -> str:
        """The id of the log of decisions: another database has another one. Empty before the first migration."""
        try:
            row = self._connection.execute("SELECT log_id FROM link.decision_log").fetchone()
        except psycopg.errors.UndefinedTable:
            return ""
        return "" if row is None else str(row[0])

    def events_of(self, facility_id: str, log_id: str) -> int:
        """How many entries of a log are here."""
        return self._number(_EVENTS, facility_id, log_id)

    def holds(self, heads: Mapping[str, LogHead]) -> bool:
        """Whether every entry of the logs, up to these heads, is here."""
        return all(self._number(_HELD, name, head.log_id) >= head.position for name, head in heads.items())

    def jobs(self) -> int:
        """How many jobs wait or run."""
        return self._number(_JOBS)

    def money(self) -> MoneyFigures:
        """The books as they stand."""
        row = self._connection.execute(_MONEY).fetchone()
        delays = self._connection.execute(_RECEIPTS).fetchall()
        if row is None:
            raise RuntimeError("a query of sums gives one row")
        charges, charged, received, refunded, still_open, credit = map(int, row)
        return MoneyFigures(
            charges=charges,
            charged_cents=charged,
            received_cents=received,
            refunded_cents=refunded,
            open_cents=still_open,
            credit_cents=credit,
            receipt_delays_ms=tuple(int(ms) for (ms,) in delays),
        )
