"""What HQ settled is, in the end, what every facility holds: the newest of each key, and nothing else."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import Decided, Restored, Settled
from shared.decisions import Decision


class DecisionBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._decided: list[Decided] = []

    def hears(self) -> Hearing:
        return {Decided: self._decided.append, Restored: self._restored, Settled: self._settled}

    def _restored(self, told: Restored) -> None:
        self._decided[:] = [d for d in self._decided if d.version <= told.version]

    def _settled(self, told: Settled) -> None:
        newest: dict[str, Decision] = {}
        for decided in sorted(self._decided, key=lambda d: d.version):
            newest[decided.decision.key] = decided.decision
        for facility_id, held in told.decisions.items():
            for key in sorted(newest.keys() | held.keys()):
                if newest.get(key) != held.get(key):
                    self._subject.fail(
                        f"{facility_id}: holds {held.get(key)!r} for {key}, HQ settled {newest.get(key)!r}"
                    )
        for facility_id, same in told.rebuilt.items():
            if not same:
                self._subject.fail(f"{facility_id}: its state is not what its log tells")
        for what in told.waiting:
            self._subject.fail(f"never settled: {what}")
