"""No arm is told to come down on a car, and none to go up for a car whose grant is not written."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import ArmTold, Logged
from shared.devices import Arm

_BEGINS = ("EntryGranted", "ExitGranted")
_ENDS = ("VehicleEntered", "VehicleExited", "EntryAbandoned", "ExitAbandoned")


class ArmBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._granted: set[tuple[str, str]] = set()

    def hears(self) -> Hearing:
        return {Logged: self._logged, ArmTold: self._told}

    def _logged(self, told: Logged) -> None:
        kind = told.entry.type
        if kind in _BEGINS:
            self._granted.add((told.facility_id, told.entry.body["lane_id"]))
        elif kind in _ENDS:
            self._granted.discard((told.facility_id, told.entry.body["lane_id"]))

    def _told(self, told: ArmTold) -> None:
        where = f"{told.facility_id} {told.lane_id}"
        if told.arm is Arm.LOWERED and told.under:
            self._subject.fail(f"{where}: the arm was told to come down on a car")
        if told.arm is Arm.RAISED and not told.under and (told.facility_id, told.lane_id) not in self._granted:
            self._subject.fail(f"{where}: the arm went up for nobody who was let through")
