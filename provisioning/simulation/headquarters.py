"""The cloud: batches in by whole transactions, decisions out, crashes between any two steps, restores.

The rules are the cloud's own where they are pure; what its SQL does stands in ``tables``, ``stays``, ``bills`` and
``decision_log``, in plain Python.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from cloud.link.rules import check_without_gaps
from provisioning.simulation import bills, stays
from provisioning.simulation.decision_log import DecisionRows, DecisionWriters
from provisioning.simulation.happenings import Decided, Restored, Stored
from provisioning.simulation.stays import Source, Told
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.tables import Tables, Transaction
from shared.decisions import Decision, TariffPublished
from shared.events import Entry, Event, parse_event
from shared.facilities import Facility
from shared.sync import Ack, Batch, SyncEntry, receive
from shared.tariffs import Tariff

PROJECTED = frozenset(
    {
        "VehicleEntered",
        "VehicleExited",
        "PaymentTaken",
        "TransactionStarted",
        "TransactionAuthorized",
        "EnergyMetered",
        "ChargingStateChanged",
        "TransactionEnded",
    }
)
T = TypeVar("T")
FAR_OFF_MS = 1_000_000_000_000
Crash = Literal["before the commit", "after the commit"]


class Headquarters:
    """The database, and the processes that write to it. ``up`` False: nobody answers. ``era`` changes whenever all that
    was under way is gone. ``restored_to_ms``: the earliest instant that it was taken back to; far off when none was."""

    def __init__(self, around: Surroundings, facilities: Mapping[str, Facility]) -> None:
        self.tables = Tables(DecisionRows("hq-1"))
        self.up = True
        self.crash_at_next: Crash | None = None
        self.on_crash: Callable[[], None] = lambda: None
        self.on_decided: Callable[[], None] = lambda: None
        self.on_restored: list[Callable[[], None]] = []
        self.on_committed: Callable[[], None] = lambda: None
        self.writers = DecisionWriters(lambda: self.tables.decisions)
        self._around = around
        self._zones = {name: facility.zone for name, facility in facilities.items()}
        self._backups: list[tuple[int, Tables]] = []
        self.restored_to_ms = around.universe.now_ms + FAR_OFF_MS
        self._lives = 1
        self.era = 0

    # Events in.

    def ingest(self, facility_id: str, batch: Batch, answer: Callable[[Ack], None]) -> None:
        """Store what is new and all that follows from it, in one transaction; answer after its commit."""
        if not self.up:
            return
        self._around.counts["inputs"] += 1
        check_without_gaps(batch)
        transaction = Transaction(self.tables)
        fresh, upto = receive(transaction.held(batch.log_id), batch)
        entries = [_entry(e) for e in fresh]
        if entries:
            self.take(transaction, facility_id, batch.log_id, entries)
        transaction.move(batch.log_id, upto)
        if self._commit(transaction, crash=self._doom(entries)):
            self.on_committed()
            self._tell_stored(facility_id, batch.log_id, entries, upto)
            if self.up:
                answer(Ack(log_id=batch.log_id, upto=upto))

    def take(self, transaction: Transaction, facility_id: str, log_id: str, entries: list[Entry]) -> None:
        """Store entries, and what they mean for sessions and money."""
        transaction.store(log_id, entries)
        read = [Told(e.seq, e.at_ms, event) for e in entries if (event := _read(e)) is not None]
        self._project(transaction, Source(facility_id, log_id, self._zones[facility_id]), read)

    def retry_parked(self) -> None:
        """Try what was set aside again, as a process does that starts, and a person who asks for it."""
        for (source, seq), told in sorted(self.tables.all("parked").items(), key=lambda row: row[1].at_ms):
            transaction = Transaction(self.tables)
            transaction.put("parked", (source, seq), None)
            self._project(transaction, source, [told])
            transaction.commit()
        self.on_committed()

    def _project(self, transaction: Transaction, source: Source, read: list[Told]) -> None:
        told = stays.park_unknown(transaction, source, read)
        if told:
            stays.project(transaction, source, told)
            bills.project(transaction, source, told, self.tariffs())

    def tariffs(self) -> tuple[Tariff, ...]:
        """Every version that was published."""
        published: dict[str, Tariff] = self.tables.all("tariffs")
        return tuple(published[key] for key in sorted(published))

    def _doom(self, entries: Sequence[Entry]) -> Crash | None:
        """The crash that waits, if there is something to lose or to double."""
        crash = self.crash_at_next if entries else None
        if entries:
            self.crash_at_next = None
        return crash

    def _commit(self, transaction: Transaction, crash: Crash | None) -> bool:
        """Whether it was committed; a crash may come before or after."""
        if crash == "before the commit":
            self.crash()
            return False
        transaction.commit()
        if crash == "after the commit":
            self.crash()
        return True

    def _tell_stored(self, facility_id: str, log_id: str, entries: Sequence[Entry], upto: int) -> None:
        if entries:
            self._around.auditor.tell(Stored(facility_id, log_id, entries, upto))

    def transact(self, change: Callable[[Transaction], T]) -> T:
        """A whole transaction of somebody else; call while it is up."""
        transaction = Transaction(self.tables)
        changed = change(transaction)
        transaction.commit()
        self.on_committed()
        return changed

    # Decisions out.

    def decide(self, decision: Decision, commit_after_ms: int) -> None:
        """A clerk's transaction: begins now or when the counter is free, commits a while later."""
        if self.up:
            self.writers.begin(lambda version: self._written(version, decision, commit_after_ms))

    def _written(self, version: int, decision: Decision, commit_after_ms: int) -> None:
        self._around.universe.after(commit_after_ms, self._decided, self.era, version, decision)

    def _decided(self, era: int, version: int, decision: Decision) -> None:
        if era != self.era:
            return
        if isinstance(decision, TariffPublished):
            self.tables.rows.setdefault("tariffs", {})[decision.key] = decision.tariff
        self._around.counts["decisions"] += 1
        self._around.auditor.tell(Decided(version, decision))
        self.writers.commit(version, decision)
        self.on_decided()

    # Trouble.

    def crash(self) -> None:
        """Every process is gone, and every transaction that had not committed."""
        self.up = False
        self.era += 1
        self.writers.forget()
        self._around.counts["cloud restarts"] += 1
        self.on_crash()

    def back_up(self) -> None:
        """Keep a copy; the last three are kept."""
        self._backups = [*self._backups[-2:], (self._around.universe.now_ms, self.tables.backup())]

    def restore(self) -> bool:
        """Go back to the newest backup that can be read, under a new id of the log of decisions. False when there is
        none."""
        if not self._backups:
            return False
        self.era += 1
        self.writers.forget()
        if self._around.universe.chance(0.3):
            self._backups = self._backups[:1]
        backed_up_ms, backup = self._backups[-1]
        self.tables = backup.backup()
        self.restored_to_ms = min(self.restored_to_ms, backed_up_ms)
        self._lives += 1
        self.tables.decisions = replace(self.tables.decisions, log_id=self.new_log_id())
        self._around.auditor.tell(Restored(dict(self.tables.held), self.tables.decisions.version))
        for restored in self.on_restored:
            restored()
        return True

    def new_log_id(self) -> str:
        """The name of this life of the log of decisions."""
        return f"hq-{self._lives}"


def _entry(written: SyncEntry) -> Entry:
    return Entry(seq=written.position, **written.body)


def _read(entry: Entry) -> Event | None:
    return parse_event(entry) if entry.type in PROJECTED else None
