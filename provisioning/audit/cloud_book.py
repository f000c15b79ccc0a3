"""What the cloud's database holds, held against what the logs say it should hold."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from provisioning.audit.edge_log import SiteLog
from provisioning.audit.session_book import ClosedSession

Rows = list[dict[str, Any]]

_CHARGES = """
    SELECT c.charge_id, c.session_id, c.customer_id, c.status, c.total_cents,
        (SELECT coalesce(sum(amount_cents), 0) FROM billing.charge_lines l WHERE l.charge_id = c.charge_id) AS lines,
        (SELECT coalesce(sum(amount_cents), 0) FROM billing.payments p
            WHERE p.charge_id = c.charge_id AND p.status = 'SUCCEEDED') AS paid,
        (SELECT count(*) FROM notifications.deliveries d
            WHERE d.charge_id = c.charge_id AND d.kind = 'RECEIPT' AND d.status = 'SENT') AS receipts
    FROM billing.charges c
"""


class CloudBook:
    """Compares; each method returns what it found wrong, one sentence each."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def events(self, logs: Iterable[SiteLog], *, complete: bool) -> list[str]:
        """The cloud's events must be an exact prefix of each log, all of it when ``complete``."""
        found: list[str] = []
        for log in logs:
            facility_id = log.facility.facility_id
            held = self._rows(
                "SELECT seq, at_ms, type, body FROM link.events WHERE facility_id = %s AND log_id = %s ORDER BY seq",
                facility_id,
                log.log_id,
            )
            for mine, theirs in zip(log.entries, held, strict=False):
                if mine.model_dump() != theirs:
                    found.append(f"{facility_id}: event {mine.seq} is {theirs} in the cloud")
                    break
            if len(held) > len(log.entries):
                found.append(f"{facility_id}: the cloud holds {len(held)} events, the log {len(log.entries)}")
            if complete and len(held) < len(log.entries):
                found.append(f"{facility_id}: the cloud lacks {len(log.entries) - len(held)} events")
        parked = self._rows("SELECT facility_id, seq, projection, error FROM link.parked ORDER BY facility_id, seq")
        return found + [
            f"{p['facility_id']}: event {p['seq']} parked by {p['projection']}: {p['error']}" for p in parked
        ]

    def charges(self, expected: dict[str, ClosedSession], *, settled: bool = True) -> list[str]:
        """One charge per closed session, of the right amount; when ``settled`` (every job is done) also paid or open,
        its receipt sent once."""
        rows = {r["session_id"]: r for r in self._rows(_CHARGES)}
        found = [f"{s}: charged, but no such session was closed" for s in rows.keys() - expected.keys()]
        found += [f"{s}: closed, but not charged" for s in expected.keys() - rows.keys()]
        for session_id in rows.keys() & expected.keys():
            found += _amounts(rows[session_id], expected[session_id])
            found += _settlement(rows[session_id], expected[session_id]) if settled else []
        return sorted(found)

    def postings(self) -> list[str]:
        """Every transfer sums to zero."""
        uneven = self._rows(
            "SELECT transfer_id, sum(amount_cents) AS sum FROM billing.postings"
            " GROUP BY 1 HAVING sum(amount_cents) <> 0"
        )
        return [f"transfer {r['transfer_id']} sums to {r['sum']} cents" for r in uneven]

    def _rows(self, query: str, *values: object) -> Rows:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()


def _amounts(charge: dict[str, Any], session: ClosedSession) -> list[str]:
    total = charge["total_cents"]
    wrong = {
        f"charged {total} cents, is worth {session.total_cents}": total != session.total_cents,
        f"lines sum to {charge['lines']} of {total} cents": charge["lines"] != total,
    }
    return [f"{session.session_id}: {what}" for what, is_wrong in wrong.items() if is_wrong]


def _settlement(charge: dict[str, Any], session: ClosedSession) -> list[str]:
    total, paid = charge["total_cents"], int(charge["paid"])
    wrong = {
        f"is {charge['status']} with {paid} of {total} cents paid": (charge["status"] == "PAID") != (paid >= total),
        f"paid {paid} of {total} cents: too much": paid > max(total, session.paid_on_site_cents),
        f"{charge['receipts']} receipts for a {charge['status']} charge": session.customer_id is not None
        and charge["receipts"] != (1 if charge["status"] == "PAID" else 0),
    }
    return [f"{session.session_id}: {what}" for what, is_wrong in wrong.items() if is_wrong]
