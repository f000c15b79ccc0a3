"""Bugs of rights."""

from provisioning.simulation.held import HeldDecisions
from provisioning.simulation.planting import Bug, Replace
from shared.rights import Right


def _revocation_ignored(replace: Replace) -> None:
    def not_at_all(_held: HeldDecisions, _right_id: str) -> None:
        return None

    replace(HeldDecisions, "_unindex", not_at_all)


def _expiry_ignored(replace: Replace) -> None:
    def for_ever(right: Right, facility_id: str, now_ms: int) -> bool:
        return right.from_ms <= now_ms and (not right.facility_ids or facility_id in right.facility_ids)

    replace(Right, "valid_at", for_ever)


REVOCATION_IGNORED = Bug("revocation-ignored", "a right that was taken back is still found", _revocation_ignored)
EXPIRY_IGNORED = Bug("expiry-ignored", "a right holds after its end", _expiry_ignored)
