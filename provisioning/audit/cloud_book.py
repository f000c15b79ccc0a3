"""What the cloud's database holds, held against what the logs say it should hold."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import dict_row

from provisioning.audit.edge_log import SiteLog
from provisioning.audit.session_book import ClosedSession
from shared.events import Entry

Rows = list[dict[str, Any]]

_CHARGES = """
    SELECT c.charge_id, c.session_id, c.facility_id, c.customer_id, c.status, c.total_cents, c.log_id, c.seq,
        (SELECT coalesce(sum(amount_cents), 0) FROM billing.charge_lines l WHERE l.charge_id = c.charge_id) AS lines,
        (SELECT coalesce(sum(amount_cents), 0) FROM billing.payments p
            WHERE p.charge_id = c.charge_id AND p.status = 'SUCCEEDED') AS paid,
        (SELECT count(*) FROM notifications.deliveries d
            WHERE d.charge_id = c.charge_id AND d.kind = 'RECEIPT' AND d.status = 'SENT') AS receipts
    FROM billing.charges c
"""
_EVENTS = """
    SELECT seq, at_ms, type, body FROM link.events
    WHERE facility_id = %s AND log_id = %s AND seq > %s AND seq <= %s ORDER BY seq
"""
_BEYOND = "SELECT count(*) AS n FROM link.events WHERE facility_id = %s AND log_id = %s AND seq > %s"
_CURSOR = "SELECT base, upto FROM link.cursors WHERE facility_id = %s AND log_id = %s"


class CloudBook:
    """Compares; methods return what they found wrong, one sentence each. ``unproved`` are sentences on what there was
    nothing left to compare with."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.unproved: list[str] = []
        self._connection = connection

    def completed(self, log: SiteLog) -> SiteLog:
        """The log with the entries before its own that the cloud still has a copy of."""
        base, upto = self._kept(log)
        if not base < log.after <= upto:
            return log
        copied = self._rows(_EVENTS, log.facility.facility_id, log.log_id, base, log.after)
        earlier = [Entry(**row) for row in copied]
        if [e.seq for e in earlier] != list(range(base + 1, log.after + 1)):
            return log
        return log.model_copy(update={"entries": (*earlier, *log.entries), "after": base})

    def events(self, logs: Iterable[SiteLog], *, complete: bool) -> list[str]:
        """The cloud's events must be an exact prefix of each log but for what either side removed; all of it when
        ``complete``."""
        found: list[str] = []
        for log in logs:
            found += [f"{log.facility.facility_id}: {wrong}" for wrong in self._copy(log, complete=complete)]
        parked = self._rows("SELECT facility_id, seq, projection, error FROM link.parked ORDER BY facility_id, seq")
        return found + [
            f"{p['facility_id']}: event {p['seq']} parked by {p['projection']}: {p['error']}" for p in parked
        ]

    def _copy(self, log: SiteLog, *, complete: bool) -> Iterable[str]:
        """``base`` to ``upto`` is what the cloud says it keeps, ``log.after`` to ``log.head`` what the box does."""
        name, (base, upto) = log.facility.facility_id, self._kept(log)
        if upto < log.after:
            yield f"entries {upto + 1} to {log.after} are neither in the cloud nor in the box any more"
        if gone := min(base, log.after):
            self.unproved.append(f"{name}: entries 1 to {gone} are kept nowhere any more")
        if base < min(log.after, upto):
            last = min(log.after, upto)
            self.unproved.append(f"{name}: of entries {base + 1} to {last} there is only the cloud's copy")
        if base > log.after:
            self.unproved.append(f"{name}: entries {log.after + 1} to {min(base, log.head)} are in the box alone")
        held = self._rows(_EVENTS, name, log.log_id, base, upto)
        hole = next((n for n, row in zip(count(base + 1), held, strict=False) if row["seq"] != n), base + len(held) + 1)
        if hole <= upto:
            yield f"event {hole} is missing in the cloud, which says that it holds {upto}"
        mine = {e.seq: e for e in log.entries}
        for theirs in held:
            if theirs["seq"] in mine and mine[theirs["seq"]].model_dump() != theirs:
                yield f"event {theirs['seq']} is {theirs} in the cloud"
                break
        beyond = self._rows(_BEYOND, name, log.log_id, upto)[0]["n"]
        if beyond or upto > log.head:
            yield f"the cloud holds {max(upto, upto + beyond)} events, the log {log.head}"
        if complete and upto < log.head:
            yield f"the cloud lacks {log.head - upto} events"

    def _kept(self, log: SiteLog) -> tuple[int, int]:
        rows = self._rows(_CURSOR, log.facility.facility_id, log.log_id)
        return (rows[0]["base"], rows[0]["upto"]) if rows else (0, 0)

    def charges(
        self,
        logs: Collection[SiteLog],
        expected: Mapping[str, ClosedSession],
        quoted: Mapping[str, int],
        *,
        settled: bool = True,
    ) -> list[str]:
        """One charge per closed session, of the right amount; when ``settled`` (every job is done) also paid or open,
        its receipt sent once. ``quoted``: sessions that can only be held against what their drivers were told."""
        rows = {r["session_id"]: r for r in self._rows(_CHARGES)}
        self._pass_over(logs, rows, {*expected, *quoted})
        found = [f"{s}: charged, but no such session was closed" for s in rows.keys() - expected.keys() - quoted.keys()]
        found += [f"{s}: closed, but not charged" for s in (expected.keys() | quoted.keys()) - rows.keys()]
        for session_id in rows.keys() & expected.keys():
            found += _amounts(rows[session_id], session_id, expected[session_id].total_cents)
            found += _settlement(rows[session_id], expected[session_id]) if settled else []
        for session_id in rows.keys() & quoted.keys():
            found += _amounts(rows[session_id], session_id, quoted[session_id])
            found += _standing(rows[session_id], session_id) if settled else []
        return sorted(found)

    def _pass_over(self, logs: Collection[SiteLog], rows: dict[str, dict[str, Any]], judged: Collection[str]) -> None:
        """Take out the charges that follow from entries that are not here, and say how many they are."""
        begins = {(log.facility.facility_id, log.log_id): log.after for log in logs}
        partial = {log.facility.facility_id for log in logs if not log.whole}
        early: Counter[str] = Counter()
        former: Counter[str] = Counter()
        for session_id, row in list(rows.items()):
            after = begins.get((row["facility_id"], row["log_id"]))
            passed = early if after is not None and row["seq"] <= after else former if after is None else None
            if session_id in judged or passed is None or (passed is former and row["facility_id"] not in partial):
                continue
            passed[row["facility_id"]] += 1
            del rows[session_id]
        self.unproved += [f"{name}: {n} charges follow from entries that are not kept" for name, n in early.items()]
        self.unproved += [f"{name}: {n} charges follow from a former log" for name, n in former.items()]

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


def _amounts(charge: dict[str, Any], session_id: str, due_cents: int) -> list[str]:
    total = charge["total_cents"]
    wrong = {
        f"charged {total} cents, is worth {due_cents}": total != due_cents,
        f"lines sum to {charge['lines']} of {total} cents": charge["lines"] != total,
    }
    return [f"{session_id}: {what}" for what, is_wrong in wrong.items() if is_wrong]


def _settlement(charge: dict[str, Any], session: ClosedSession) -> list[str]:
    total, paid = charge["total_cents"], int(charge["paid"])
    wrong = {
        f"paid {paid} of {total} cents: too much": paid > max(total, session.paid_on_site_cents),
        f"{charge['receipts']} receipts for a {charge['status']} charge": session.customer_id is not None
        and charge["receipts"] != (1 if charge["status"] == "PAID" else 0),
    }
    found = [f"{session.session_id}: {what}" for what, is_wrong in wrong.items() if is_wrong]
    return _standing(charge, session.session_id) + found


def _standing(charge: dict[str, Any], session_id: str) -> list[str]:
    total, paid = charge["total_cents"], int(charge["paid"])
    if (charge["status"] == "PAID") == (paid >= total):
        return []
    return [f"{session_id}: is {charge['status']} with {paid} of {total} cents paid"]
