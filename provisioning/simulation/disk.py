"""What one box has on disk: its log, a snapshot, the decisions it holds, and a log that it had before.

A model of ``edge/store.py``: ``append`` is one durable transaction, all of it or nothing. How SQLite keeps that promise
over a power cut is not simulated here. ``begun_anew`` is a model of ``edge/recovery.py`` for a file that is known to be
a copy; it leaves out damaged files and those that were rolled back unknown to the box.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy

from pydantic import TypeAdapter

from edge.rules import facility
from edge.rules.state import FacilityState
from provisioning.simulation.held import HeldDecisions
from shared.events import DataLost, DataRecovered, Entry, Event, entry
from shared.sync import SyncEntry

SNAPSHOT_EVERY = 500
BATCH_ENTRIES_MAX = 500

_states: TypeAdapter[FacilityState] = TypeAdapter(FacilityState)


class Disk:
    """Everything here outlives the daemon. ``former``: the disk with the log that was closed for this one, and that
    goes up first."""

    def __init__(self, facility_id: str, log_id: str) -> None:
        self.log_id = log_id
        self._facility_id = facility_id
        self.entries: list[Entry] = []
        self.decisions = HeldDecisions(facility_id)
        self.former: Disk | None = None
        self._sync: list[SyncEntry] = []
        self._ground: bytes | None = None
        self._snapshot: tuple[int, bytes] | None = None

    @property
    def head(self) -> int:
        """The newest durable position."""
        return len(self.entries)

    def sending(self, held_whole: Collection[str]) -> "Disk":
        """The one whose log goes up now: the oldest that the cloud has not said it holds."""
        former = None if self.former is None else self.former.sending(held_whole)
        return self if former is None or former.log_id in held_whole else former

    def kept(self) -> dict[str, int]:
        """The logs of before, and up to where."""
        former = self.former
        return {} if former is None else {former.log_id: former.head, **former.kept()}

    def copy(self) -> "Disk":
        """All of it, as a copy of the file has it."""
        return deepcopy(self)

    def begun_anew(self, log_id: str, now_ms: int) -> "Disk":
        """What a box makes of this when it finds that it is a copy: the log is closed, for it may have gone on
        elsewhere, and a new one begins with the state that it came to."""
        state = self.rebuild()
        state.head, state.log_id = 0, log_id
        anew = Disk(self._facility_id, log_id)
        anew.former, anew.decisions = self, self.decisions
        anew._ground = _states.dump_json(state)
        told: tuple[Event, ...] = (
            DataRecovered(former_log_id=self.log_id, reason="COPY", source="the file as it was", upto=self.head),
            DataLost(former_log_id=self.log_id, after=self.head, upto=None),
        )
        anew.append([entry(n, now_ms, event) for n, event in enumerate(told, 1)])
        return anew

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction."""
        self.entries += entries

    def sync_entries(self, after: int) -> tuple[SyncEntry, ...]:
        """The next entries as they travel."""
        for written in self.entries[len(self._sync) :]:
            body = {"at_ms": written.at_ms, "type": written.type, "body": written.body}
            self._sync.append(SyncEntry(position=written.seq, body=body))
        return tuple(self._sync[after : after + BATCH_ENTRIES_MAX])

    def save_snapshot_if_due(self, state: FacilityState) -> None:
        """Write the state out, now and then. Call when it is what the log tells."""
        if state.head - (self._snapshot[0] if self._snapshot else 0) >= SNAPSHOT_EVERY:
            self._snapshot = (state.head, _states.dump_json(state))

    def rebuild(self) -> FacilityState:
        """The state from the snapshot and the tail, as a starting daemon makes it."""
        state = self._begun() if self._snapshot is None else _states.validate_json(self._snapshot[1])
        for written in self.entries[state.head :]:
            facility.apply(state, written)
        return state

    def replay(self) -> FacilityState:
        """The state from the first entry on, without any later snapshot."""
        state = self._begun()
        for written in self.entries:
            facility.apply(state, written)
        return state

    def _begun(self) -> FacilityState:
        return facility.new_state(self.log_id) if self._ground is None else _states.validate_json(self._ground)
