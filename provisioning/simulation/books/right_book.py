"""Who was let in, and who was let charge: only under rights that the facility knew to hold."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.books.told import ToldDecisions
from provisioning.simulation.happenings import Heard, Logged
from shared.decisions import PlateBlocked, RightAssigned
from shared.events import EntryGranted, TransactionAuthorized, TransactionStarted, VehicleEntered
from shared.rights import RightRef

LEEWAY_MS = 15_000
"""A plate is judged by what was known when it was read, and is used for some seconds."""


class RightBook:
    reads = frozenset({"EntryGranted", "VehicleEntered", "TransactionStarted", "TransactionAuthorized"})

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._told: Lives[ToldDecisions] = Lives(subject.facilities, lambda _: ToldDecisions())
        self._changed_ms: dict[tuple[str, str], int] = {}
        self._entered_under: dict[str, str | None] = {}

    def hears(self) -> Hearing:
        return {Logged: self._logged, Heard: self._heard, **self._told.hears()}

    def _heard(self, told: Heard) -> None:
        for key in self._told[told.facility_id].take(told):
            self._changed_ms[told.facility_id, key] = self._subject.now_ms()

    def _logged(self, told: Logged) -> None:
        event, here, at_ms = told.event, told.facility_id, told.entry.at_ms
        match event:
            case EntryGranted():
                self._check(here, event.right, at_ms, f"{event.plate} was let in", plate=event.plate)
                block = f"block/{event.plate}"
                if isinstance(self._told[here].now.get(block), PlateBlocked) and self._settled(here, block):
                    self._subject.fail(f"{here}: {event.plate} was let in and is blocked")
            case VehicleEntered():
                self._entered_under[event.session_id] = event.right.right_id
            case TransactionStarted() | TransactionAuthorized() if event.right is not None:
                if event.right.right_id != self._entered_under.get(event.session_id or ""):
                    self._check(here, event.right, at_ms, f"{event.id_token} charges")

    def _check(self, here: str, used: RightRef, at_ms: int, what: str, plate: str | None = None) -> None:
        key = f"right/{used.right_id}"
        if used.right_id is None or not self._settled(here, key):
            return
        told = self._told[here].now.get(key)
        right = told.right if isinstance(told, RightAssigned) else None
        if right is None:
            self._subject.fail(f"{here}: {what} under {used.right_id}, which was revoked")
        elif at_ms < right.from_ms or (right.until_ms is not None and at_ms >= right.until_ms):
            self._subject.fail(f"{here}: {what} under {used.right_id}, which does not hold at that time")
        elif right.facility_ids and here not in right.facility_ids:
            self._subject.fail(f"{here}: {what} under {used.right_id}, which does not hold here")
        elif plate is not None and plate not in [v.plate for v in right.vehicles]:
            self._subject.fail(f"{here}: {what} under {used.right_id}, which does not name it")

    def _settled(self, here: str, key: str) -> bool:
        return self._subject.now_ms() - self._changed_ms.get((here, key), 0) > LEEWAY_MS
