"""The decisions that one facility holds: the newest of each key, found by plate and by token.

A model of the tables behind ``edge/decisions.py`` in plain dictionaries; each call is one transaction. It leaves out
decisions of unknown types.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.rules.inputs import NO_MATCHES, Knowledge, Matches
from shared.decisions import (
    Decision,
    FacilityConfigured,
    PlateBlocked,
    RightAssigned,
    RightRevoked,
    TariffPublished,
)
from shared.rights import Right


@dataclass(frozen=True, slots=True)
class _Row:
    log_id: str
    position: int
    decision: Decision


class HeldDecisions:
    """What survives a crash of the box, with the cursor of the decisions' log."""

    def __init__(self, facility_id: str) -> None:
        self._facility_id = facility_id
        self._rows: dict[str, _Row] = {}
        self._rights_of: dict[str, dict[str, Right]] = {}
        self._log_id = ""
        self._complete = ""
        self._upto = 0

    def held(self, log_id: str) -> int:
        """Up to where that log is held; 0 for another than the last."""
        return self._upto if log_id == self._log_id else 0

    def apply(self, log_id: str, told: Iterable[tuple[int, Decision]], upto: int, *, complete: bool) -> bool:
        """Take decisions with their positions, and the cursor. True when the configuration or a tariff changed."""
        changed = [self._take(_Row(log_id, position, decision)) for position, decision in told]
        if complete and self._complete != log_id:
            changed.append(self._forget_other_logs(log_id))
            self._complete = log_id
        self._log_id, self._upto = log_id, upto
        return any(changed)

    def decisions(self) -> Mapping[str, Decision]:
        """All, by key."""
        return {key: row.decision for key, row in self._rows.items()}

    def knowledge(self) -> Knowledge:
        """The configuration and every tariff."""
        own = self._rows.get(f"facility/{self._facility_id}")
        found = [self._rows[key].decision for key in sorted(self._rows)]
        return Knowledge(
            facility=own.decision.facility if own and isinstance(own.decision, FacilityConfigured) else None,
            tariffs=tuple(d.tariff for d in found if isinstance(d, TariffPublished)),
        )

    def matches(self, name: str) -> Matches:
        """The rights that name a plate or a token, and the block of that plate."""
        blocked = self._rows.get(f"block/{name}")
        rights = self._rights_of.get(name.casefold(), {})
        if blocked is None and not rights:
            return NO_MATCHES
        return Matches(
            rights=tuple(rights[right_id] for right_id in sorted(rights)),
            block=blocked.decision if blocked and isinstance(blocked.decision, PlateBlocked) else None,
        )

    def _take(self, row: _Row) -> bool:
        decision = row.decision
        held = self._rows.get(decision.key)
        if held is not None and held.log_id == row.log_id and held.position >= row.position:
            return False
        self._rows[decision.key] = row
        if isinstance(decision, RightAssigned | RightRevoked):
            self._index(decision)
        return isinstance(decision, FacilityConfigured | TariffPublished)

    def _index(self, decision: RightAssigned | RightRevoked) -> None:
        right_id = decision.right.right_id if isinstance(decision, RightAssigned) else decision.right_id
        self._unindex(right_id)
        if isinstance(decision, RightAssigned):
            for name in (*(v.plate for v in decision.right.vehicles), *decision.right.tokens):
                self._rights_of.setdefault(name.casefold(), {})[right_id] = decision.right

    def _unindex(self, right_id: str) -> None:
        for rights in self._rights_of.values():
            rights.pop(right_id, None)

    def _forget_other_logs(self, log_id: str) -> bool:
        old = [key for key, row in self._rows.items() if row.log_id != log_id]
        for key in old:
            if key.startswith("right/"):
                self._unindex(key.removeprefix("right/"))
            del self._rows[key]
        return bool(old)
