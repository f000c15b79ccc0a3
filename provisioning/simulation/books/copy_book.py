"""The cloud's events are an exact prefix of each facility's log, whatever happened; in the end, all of it, but for what
a box took along that was replaced. No box removes what the cloud never said that it holds; what it removed, a cloud
that was put back may lack, and then it holds nothing after that either."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import (
    Acknowledged,
    Believed,
    Logged,
    LoggedAside,
    Removed,
    Replaced,
    Restored,
    Settled,
    Stored,
)
from shared.events import Entry


class CopyBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._logs: dict[str, list[Entry]] = {}
        self._held: dict[str, int] = {}
        self._acknowledged_upto: dict[str, int] = {}
        self._facility_of: dict[str, str] = {}
        self._kept_upto: dict[str, int] = {}
        self._removed_upto: dict[str, int] = {}

    def hears(self) -> Hearing:
        return {
            Logged: self._logged,
            LoggedAside: self._logged,
            Stored: self._stored,
            Acknowledged: self._acknowledged,
            Believed: self._believed,
            Removed: self._removed,
            Replaced: self._replaced,
            Restored: self._restored,
            Settled: self._settled,
        }

    def _logged(self, told: Logged | LoggedAside) -> None:
        log = self._logs.setdefault(told.log_id, [])
        self._facility_of[told.log_id] = told.facility_id
        if told.entry.seq != len(log) + 1:
            self._subject.fail(f"{told.log_id}: entry {told.entry.seq} was written at place {len(log) + 1}")
        log.append(told.entry)

    def _stored(self, told: Stored) -> None:
        held = self._held.get(told.log_id, 0)
        written = self._logs.get(told.log_id, [])[held : held + len(told.entries)]
        for mine, theirs in zip(written, told.entries, strict=False):
            if not _same(mine, theirs):
                self._subject.fail(
                    f"{told.log_id}: entry {mine.seq} is entry {theirs.seq} ({theirs.type}) in the cloud"
                )
                break
        self._held[told.log_id] = held + len(told.entries)
        if len(written) < len(told.entries):
            self._subject.fail(
                f"{told.log_id}: the cloud holds {self._held[told.log_id]} entries, more than were written"
            )
        if told.upto != self._held[told.log_id]:
            self._subject.fail(
                f"{told.log_id}: the cloud's cursor is at {told.upto} of {self._held[told.log_id]} entries"
            )

    def _acknowledged(self, told: Acknowledged) -> None:
        if told.upto > self._held.get(told.log_id, 0):
            self._subject.fail(f"{told.log_id}: {told.upto} acknowledged, {self._held.get(told.log_id, 0)} committed")
        self._acknowledged_upto[told.log_id] = max(told.upto, self._acknowledged_upto.get(told.log_id, 0))

    def _believed(self, told: Believed) -> None:
        if told.upto > self._acknowledged_upto.get(told.log_id, 0):
            self._subject.fail(f"{told.log_id}: {told.upto} counted as delivered, which nobody acknowledged")

    def _removed(self, told: Removed) -> None:
        log_id = told.log_id
        if told.upto > self._acknowledged_upto.get(log_id, 0) and not self._has_gap(log_id):
            self._subject.fail(f"{log_id}: up to {told.upto} removed, which nobody acknowledged")
        self._removed_upto[log_id] = told.upto

    def _has_gap(self, log_id: str) -> bool:
        """Whether entries are neither in the cloud nor in the box."""
        return self._held.get(log_id, 0) < self._removed_upto.get(log_id, 0)

    def _restored(self, told: Restored) -> None:
        self._held = dict(told.held)

    def _replaced(self, told: Replaced) -> None:
        of_facility = (x for x in self._logs if self._facility_of[x] == told.facility_id)
        self._kept_upto |= {log_id: told.kept.get(log_id, 0) for log_id in of_facility}

    def _settled(self, told: Settled) -> None:
        for log_id, log in self._logs.items():
            kept, held = told.events.get(log_id, ()), told.held.get(log_id, 0)
            least = 0 if self._has_gap(log_id) else self._kept_upto.get(log_id, len(log))
            if not least <= held <= len(log):
                self._subject.fail(f"{log_id}: of {len(log)} entries the cloud holds {held} in the end")
            for mine, theirs in zip(log[held - len(kept) : held], kept, strict=False):
                if not _same(mine, theirs):
                    self._subject.fail(f"{log_id}: entry {mine.seq} is {theirs.seq} ({theirs.type}) in the end")
                    break


def _same(mine: Entry, theirs: Entry) -> bool:
    """As ``==`` has it, which takes thrice as long."""
    return (mine.seq, mine.at_ms, mine.type, mine.body) == (theirs.seq, theirs.at_ms, theirs.type, theirs.body)
