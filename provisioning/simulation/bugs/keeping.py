"""Bugs of what is let go of."""

from collections.abc import Iterable

from edge.rules.retention import removable
from provisioning.simulation import keeping
from provisioning.simulation.disk import Disk
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from provisioning.simulation.tables import Tables


def _by_age_alone(replace: Replace) -> None:
    def old(entries: Iterable[tuple[int, int]], *, acked: int, older_than_ms: int | None) -> int | None:
        kept = list(entries)
        return removable(kept, acked=max([acked, *(seq for seq, _ in kept)]), older_than_ms=older_than_ms)

    replace(keeping, "removable", old)


def _cursor_by_what_is_kept(replace: Replace) -> None:
    let_go = Tables.let_go

    def cursors_too(tables: Tables, before_ms: int) -> None:
        let_go(tables, before_ms)
        for log_id, entries in tables.events.items():
            if not entries:
                tables.held.pop(log_id, None)

    replace(Tables, "let_go", cursors_too)


def _state_forgotten(replace: Replace) -> None:
    def however_new(disk: Disk) -> list[tuple[int, int]]:
        return [(entry.seq, entry.at_ms) for entry in disk.entries]

    replace(Disk, "old_entries", however_new)


OFTEN = Scenario(facilities=2, days=0.5, pace=12)
BY_AGE_ALONE = Bug("by-age-alone", "a box removes what is old, whether the cloud holds it or not", _by_age_alone, OFTEN)
CURSOR_BY_WHAT_IS_KEPT = Bug(
    "cursor-by-what-is-kept",
    "the cloud knows how far it holds a log by the entries that it still has",
    _cursor_by_what_is_kept,
    OFTEN,
)
STATE_FORGOTTEN = Bug("state-forgotten", "a box removes entries that no snapshot tells", _state_forgotten, OFTEN)
