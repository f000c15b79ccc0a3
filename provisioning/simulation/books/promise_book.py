"""The budget, told from each facility's log: what could have been drawn at worst, and whether what left was written."""

from provisioning.audit.power_book import PowerBook
from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import LimitTold, Logged, Replaced
from shared.events import LimitSent


class PromiseBook:
    reads = frozenset(
        {
            "LimitSent",
            "LimitAnswered",
            "TransactionStarted",
            "TransactionAuthorized",
            "TransactionEnded",
            "ClockStepped",
            "StationTimed",
        }
    )

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._books = {name: PowerBook(facility) for name, facility in subject.facilities.items()}
        self._sent: dict[str, dict[int, int]] = {name: {} for name in subject.facilities}

    def hears(self) -> Hearing:
        return {Logged: self._logged, LimitTold: self._told, Replaced: self._replaced}

    def _replaced(self, told: Replaced) -> None:
        """The next box finds stations that were told something by the one before it, of which no copy tells."""
        facility = self._subject.facilities[told.facility_id]
        self._books[told.facility_id] = PowerBook(facility, from_start=False)

    def _logged(self, told: Logged) -> None:
        if told.event is None or told.entry.type not in self.reads:
            return
        book = self._books[told.facility_id]
        book.take(told.event, told.entry.at_ms)
        if book.worst_w_max > book.budget_w:
            self._subject.fail(
                f"{told.facility_id}: entry {told.entry.seq} makes it {book.worst_w_max} of {book.budget_w} W"
            )
            book.worst_w_max = 0
        if isinstance(told.event, LimitSent):
            self._sent[told.facility_id][told.event.request_id] = told.event.limit_w

    def _told(self, told: LimitTold) -> None:
        if told.limit_w > self._sent[told.facility_id].get(told.request_id, -1):
            self._subject.fail(f"{told.facility_id}: limit {told.request_id} left before it was written")
