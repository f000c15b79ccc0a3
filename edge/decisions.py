"""The decisions of headquarters as this facility holds them: newest per key, with indexes from plates and tokens.

A decision that this version cannot read is kept under ``unread/`` and read again at every start, so that an update
of the daemon loses nothing.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlite_utils import Database

from edge.rules.inputs import Knowledge, Matches
from shared.decisions import (
    Decision,
    FacilityConfigured,
    PlateBlocked,
    RightAssigned,
    RightRevoked,
    TariffPublished,
    parse_decision,
)
from shared.rights import Right
from shared.sync import SyncEntry

_UNREAD = "unread/"
_log = logging.getLogger(__name__)


class DecisionBook:
    """The tables of decisions, over one connection; ``apply`` and ``reread`` need one that writes."""

    def __init__(self, db: Database, facility_id: str) -> None:
        self._db = db
        self._facility_id = facility_id

    def held(self, log_id: str) -> int:
        """The position up to which that log of decisions is held; 0 for another log than the last."""
        return int(self._meta("decisions_upto") or 0) if self._meta("decisions_log_id") == log_id else 0

    def apply(self, log_id: str, entries: Sequence[SyncEntry], upto: int, *, complete: bool) -> bool:
        """Take entries of a log of decisions and remember ``upto``; call within a transaction.

        ``complete``: ``upto`` is the sender's head. When a new log (a new cloud database) is complete for the first
        time, what only the old one had decided ends; until then it holds, so that no right is missing on the way.
        Returns whether the facility's configuration or a tariff changed.
        """
        changed = [self._take(log_id, entry.position, entry.body) for entry in entries]
        if complete and self._meta("decisions_complete") != log_id:
            changed.append(self._forget_other_logs(log_id))
            self._set_meta("decisions_complete", log_id)
        self._set_meta("decisions_log_id", log_id)
        self._set_meta("decisions_upto", str(upto))
        return any(changed)

    def reread(self) -> None:
        """Try again what an earlier version could not read."""
        rows = self._db.execute(
            "SELECT key, log_id, position, body FROM decisions WHERE key >= 'unread/' AND key < 'unread0'"
            " ORDER BY position"
        ).fetchall()
        for key, log_id, position, body in rows:
            if _read(position, json.loads(body)) is not None:
                with self._db.atomic():
                    self._db.execute("DELETE FROM decisions WHERE key = ?", (key,))
                    self._take(log_id, position, json.loads(body))

    def knowledge(self) -> Knowledge:
        """This facility's configuration and every tariff version it heard of."""
        found = self._db.execute(
            "SELECT body FROM decisions WHERE key = ? OR (key >= 'tariff/' AND key < 'tariff0') ORDER BY key",
            (f"facility/{self._facility_id}",),
        ).fetchall()
        decisions = [parse_decision(json.loads(body)) for (body,) in found]
        return Knowledge(
            facility=next((d.facility for d in decisions if isinstance(d, FacilityConfigured)), None),
            tariffs=tuple(d.tariff for d in decisions if isinstance(d, TariffPublished)),
        )

    def unread(self) -> int:
        """How many decisions could not be read."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM decisions WHERE key >= 'unread/' AND key < 'unread0'"
        ).fetchone()
        return int(count)

    def matches_for_plate(self, plate: str) -> Matches:
        """Every right that names the plate, valid or not, and its block if there is one."""
        blocked = self._db.execute("SELECT body FROM decisions WHERE key = ?", (f"block/{plate}",)).fetchone()
        block = None if blocked is None else parse_decision(json.loads(blocked[0]))
        return Matches(
            rights=self._rights("right_plates", "plate", plate),
            block=block if isinstance(block, PlateBlocked) else None,
        )

    def matches_for_token(self, token: str) -> Matches:
        """Every right that names the token, valid or not."""
        return Matches(rights=self._rights("right_tokens", "token", token.casefold()))

    def _rights(self, index: str, column: str, name: str) -> tuple[Right, ...]:
        rows = self._db.execute(
            f"SELECT d.body FROM {index} AS i JOIN decisions AS d ON d.key = 'right/' || i.right_id"  # noqa: S608 - ours
            f" WHERE i.{column} = ? ORDER BY i.right_id",
            (name,),
        ).fetchall()
        decisions = (parse_decision(json.loads(body)) for (body,) in rows)
        return tuple(d.right for d in decisions if isinstance(d, RightAssigned))

    def _take(self, log_id: str, position: int, body: dict[str, Any]) -> bool:
        decision = _read(position, body)
        key = f"{_UNREAD}{log_id}/{position}" if decision is None else decision.key
        held = self._db.execute("SELECT log_id, position FROM decisions WHERE key = ?", (key,)).fetchone()
        if held is not None and held[0] == log_id and held[1] >= position:
            return False
        self._db.execute(
            "INSERT OR REPLACE INTO decisions (key, log_id, position, type, body) VALUES (?, ?, ?, ?, ?)",
            (key, log_id, position, str(body.get("type", "")), json.dumps(body, ensure_ascii=False)),
        )
        if isinstance(decision, RightAssigned | RightRevoked):
            self._index(decision)
        return isinstance(decision, FacilityConfigured | TariffPublished)

    def _index(self, decision: RightAssigned | RightRevoked) -> None:
        right_id = decision.right.right_id if isinstance(decision, RightAssigned) else decision.right_id
        self._db.execute("DELETE FROM right_plates WHERE right_id = ?", (right_id,))
        self._db.execute("DELETE FROM right_tokens WHERE right_id = ?", (right_id,))
        if isinstance(decision, RightAssigned):
            plates = {(v.plate, right_id) for v in decision.right.vehicles}
            tokens = {(t.casefold(), right_id) for t in decision.right.tokens}
            self._db.conn.executemany("INSERT INTO right_plates VALUES (?, ?)", plates)
            self._db.conn.executemany("INSERT INTO right_tokens VALUES (?, ?)", tokens)

    def _forget_other_logs(self, log_id: str) -> bool:
        for index in ("right_plates", "right_tokens"):
            self._db.execute(
                f"DELETE FROM {index} WHERE right_id IN (SELECT substr(key, 7) FROM decisions"  # noqa: S608 - ours
                " WHERE log_id <> ? AND key >= 'right/' AND key < 'right0')",
                (log_id,),
            )
        return bool(self._db.execute("DELETE FROM decisions WHERE log_id <> ?", (log_id,)).rowcount > 0)

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set_meta(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _read(position: int, body: dict[str, Any]) -> Decision | None:
    try:
        decision = parse_decision(body)
    except ValidationError as error:
        _log.error("decision cannot be read, kept for later", extra={"position": position, "problem": str(error)})
        return None
    if decision is None:
        _log.warning(
            "decision of an unknown type, kept for later", extra={"position": position, "type": body.get("type")}
        )
    return decision
