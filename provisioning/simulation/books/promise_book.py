"""The budget, told from each facility's log: what could have been drawn at worst, and whether what left was written."""

from provisioning.audit.power_book import PowerBook
from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.happenings import LimitTold, Logged
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
        self._begun: set[str] = set()
        self._books = Lives(subject.facilities, self._book)
        self._sent: dict[str, dict[int, int]] = {name: {} for name in subject.facilities}

    def hears(self) -> Hearing:
        return {Logged: self._logged, LimitTold: self._told, **self._books.hears()}

    def _book(self, facility_id: str) -> PowerBook:
        """A box after the first finds stations that were told something by the one before it."""
        first = facility_id not in self._begun
        self._begun.add(facility_id)
        return PowerBook(self._subject.facilities[facility_id], from_start=first)

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
