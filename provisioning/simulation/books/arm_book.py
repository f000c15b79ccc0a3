"""No arm is told to come down on a car, and none to go up for a car whose grant is not written, but for one that a
person has opened, until it comes down."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.happenings import ArmTold, Logged
from shared.devices import Arm

_BEGINS = ("EntryGranted", "ExitGranted")
_BY_HAND = "LaneOpened"
_ENDS = ("VehicleEntered", "VehicleExited", "EntryAbandoned", "ExitAbandoned")


class ArmBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._granted: Lives[set[str]] = Lives(subject.facilities, lambda _: set())
        self._opened: dict[str, set[str]] = {name: set() for name in subject.facilities}

    def hears(self) -> Hearing:
        return {Logged: self._logged, ArmTold: self._told, **self._granted.hears()}

    def _logged(self, told: Logged) -> None:
        kind = told.entry.type
        if kind in _BEGINS:
            self._granted[told.facility_id].add(told.entry.body["lane_id"])
        elif kind == _BY_HAND:
            self._opened[told.facility_id].add(told.entry.body["lane_id"])
        elif kind in _ENDS:
            self._granted[told.facility_id].discard(told.entry.body["lane_id"])

    def _told(self, told: ArmTold) -> None:
        where = f"{told.facility_id} {told.lane_id}"
        if told.arm is Arm.LOWERED and told.under:
            self._subject.fail(f"{where}: the arm was told to come down on a car")
        allowed = self._granted[told.facility_id] | self._opened[told.facility_id]
        if told.arm is Arm.RAISED and not told.under and told.lane_id not in allowed:
            self._subject.fail(f"{where}: the arm went up for nobody who was let through")
        if told.arm is Arm.LOWERED:
            self._opened[told.facility_id].discard(told.lane_id)
