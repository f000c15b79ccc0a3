"""What one box has on disk: its log, snapshots, the decisions it holds, and a log that it had before.

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

SNAPSHOT_EVERY = 200
SNAPSHOTS_KEPT = 2
BATCH_ENTRIES_MAX = 500

_states: TypeAdapter[FacilityState] = TypeAdapter(FacilityState)


class Disk:
    """Everything here outlives the daemon. ``entries`` are those after ``base``, up to where retention removed them.
    ``former``: the disk with the log that was closed for this one, and that goes up first; it is ``drained`` when
    nothing of it is to be sent."""

    def __init__(self, facility_id: str, log_id: str) -> None:
        self.log_id = log_id
        self._facility_id = facility_id
        self.base = 0
        self.entries: list[Entry] = []
        self.drained = False
        self.decisions = HeldDecisions(facility_id)
        self.former: Disk | None = None
        self._sync: list[SyncEntry] = []
        self._ground: bytes | None = None
        self._snapshots: list[tuple[int, bytes]] = []
        self._removed: list[Entry] = []

    @property
    def head(self) -> int:
        """The newest durable position."""
        return self.base + len(self.entries)

    def sending(self, held_whole: Collection[str]) -> "Disk":
        """The one whose log goes up now: the oldest that the cloud has not said it holds."""
        if self.former is None:
            return self
        former = self.former.sending(held_whole)
        return self if former.log_id in held_whole else former

    def kept(self) -> dict[str, int]:
        """The logs of before, and up to where."""
        former = self.former
        return {} if former is None else {former.log_id: former.head, **former.kept()}

    def copy(self) -> "Disk":
        """All of it, as a copy of the file has it. What is written never changes, so both hold the same entries."""
        return deepcopy(self, {id(written): written for written in self._sync})

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
        """The next entries as they travel. Raises ValueError when they are not kept any more."""
        if after < self.base:
            raise ValueError(f"{self.log_id}: entries {after + 1} to {self.base} are not kept any more")
        for written in self.entries[len(self._sync) :]:
            body = {"at_ms": written.at_ms, "type": written.type, "body": written.body}
            self._sync.append(SyncEntry(position=written.seq, body=body))
        return tuple(self._sync[after - self.base : after - self.base + BATCH_ENTRIES_MAX])

    def save_snapshot_if_due(self, state: FacilityState) -> None:
        """Write the state out, now and then. Call when it is what the log tells."""
        if state.head - (self._snapshots[-1][0] if self._snapshots else 0) >= SNAPSHOT_EVERY:
            self._snapshots = [*self._snapshots, (state.head, _states.dump_json(state))][-SNAPSHOTS_KEPT:]

    def old_entries(self) -> list[tuple[int, int]]:
        """Position and instant of the kept entries that every snapshot already tells. A log that began with a state
        has that for its first snapshot."""
        told = len(self._snapshots) >= (1 if self._ground is None else SNAPSHOTS_KEPT)
        upto = self._snapshots[0][0] if told else 0
        return [(e.seq, e.at_ms) for e in self.entries[: max(0, upto - self.base)]]

    def trim(self, upto: int) -> None:
        """Remove the entries up to and with ``upto``."""
        gone = upto - self.base
        self._removed += self.entries[:gone]
        self.base, self.entries, self._sync = upto, self.entries[gone:], self._sync[gone:]

    def trim_formers(self, older_than_ms: int | None) -> None:
        """Remove the former logs that need not be sent, whole, if nothing of them is younger."""
        former = self.former
        if former is not None:
            former.trim_formers(older_than_ms)
            old = older_than_ms is None or not former.entries or former.entries[-1].at_ms < older_than_ms
            if former.drained and old:
                self.former = former.former

    def rebuild(self) -> FacilityState:
        """The state from the snapshot and the tail, as a starting daemon makes it."""
        state = _states.validate_json(self._snapshots[-1][1]) if self._snapshots else self._begun()
        for written in self.entries[state.head - self.base :]:
            facility.apply(state, written)
        return state

    def replay(self) -> FacilityState:
        """The state from the first entry on, without any later snapshot: for the auditor, who has seen those too that
        are not kept any more."""
        state = self._begun()
        for written in (*self._removed, *self.entries):
            facility.apply(state, written)
        return state

    def _begun(self) -> FacilityState:
        return facility.new_state(self.log_id) if self._ground is None else _states.validate_json(self._ground)
