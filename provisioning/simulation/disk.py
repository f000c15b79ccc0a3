"""What one box has on disk: its log, a snapshot, the decisions it holds.

A model of ``edge/store.py``: ``append`` is one durable transaction, all of it or nothing. How SQLite keeps that promise
over a power cut is not simulated here.
"""

from collections.abc import Sequence

from pydantic import TypeAdapter

from edge.rules import facility
from edge.rules.state import FacilityState
from provisioning.simulation.held import HeldDecisions
from shared.events import Entry
from shared.sync import SyncEntry

SNAPSHOT_EVERY = 500
BATCH_ENTRIES_MAX = 500

_states: TypeAdapter[FacilityState] = TypeAdapter(FacilityState)


class Disk:
    """Everything here outlives the daemon."""

    def __init__(self, facility_id: str, log_id: str) -> None:
        self.log_id = log_id
        self.entries: list[Entry] = []
        self.decisions = HeldDecisions(facility_id)
        self._sync: list[SyncEntry] = []
        self._snapshot: tuple[int, bytes] | None = None

    @property
    def head(self) -> int:
        """The newest durable position."""
        return len(self.entries)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction."""
        self.entries += entries

    def sync_entries(self, after: int) -> tuple[SyncEntry, ...]:
        """The next entries as they travel."""
        for entry in self.entries[len(self._sync) :]:
            body = {"at_ms": entry.at_ms, "type": entry.type, "body": entry.body}
            self._sync.append(SyncEntry(position=entry.seq, body=body))
        return tuple(self._sync[after : after + BATCH_ENTRIES_MAX])

    def save_snapshot_if_due(self, state: FacilityState) -> None:
        """Write the state out, now and then. Call when it is what the log tells."""
        if state.head - (self._snapshot[0] if self._snapshot else 0) >= SNAPSHOT_EVERY:
            self._snapshot = (state.head, _states.dump_json(state))

    def rebuild(self) -> FacilityState:
        """The state from the snapshot and the tail, as a starting daemon makes it."""
        state = facility.new_state(self.log_id) if self._snapshot is None else _states.validate_json(self._snapshot[1])
        for entry in self.entries[state.head :]:
            facility.apply(state, entry)
        return state

    def replay(self) -> FacilityState:
        """The state from the first entry on, without any snapshot."""
        state = facility.new_state(self.log_id)
        for entry in self.entries:
            facility.apply(state, entry)
        return state
