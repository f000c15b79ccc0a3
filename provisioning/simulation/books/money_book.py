"""Sessions, and what they should cost, from each facility's log; in the end the cloud's charges against them."""

from collections import Counter

from provisioning.audit.session_book import ClosedSession, SessionBook
from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.told import ToldDecisions
from provisioning.simulation.happenings import Charged, Decided, Heard, Logged, Restored, Settled
from shared.decisions import TariffPublished
from shared.events import VehicleExited


class MoneyBook:
    reads = frozenset(
        {
            "VehicleEntered",
            "VehicleExited",
            "PaymentTaken",
            "TransactionStarted",
            "TransactionAuthorized",
            "EnergyMetered",
            "TransactionEnded",
        }
    )

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._told = {name: ToldDecisions() for name in subject.facilities}
        self._published: dict[int, str] = {}
        self._lost: set[str] = set()
        self._quoted_by: dict[str, frozenset[str]] = {}
        self._books = {name: SessionBook(facility, ()) for name, facility in subject.facilities.items()}

    def hears(self) -> Hearing:
        return {
            Logged: self._logged,
            Heard: self._heard,
            Decided: self._decided,
            Restored: self._restored,
            Settled: self._settled,
        }

    def _decided(self, told: Decided) -> None:
        if isinstance(told.decision, TariffPublished):
            self._published[told.version] = told.decision.key.removeprefix("tariff/")

    def _restored(self, told: Restored) -> None:
        """A price list that HQ lost in a restore: what was quoted by it cannot be charged by it."""
        self._lost |= {name for version, name in self._published.items() if version > told.version}

    def _heard(self, told: Heard) -> None:
        if self._told[told.facility_id].take(told):
            known = self._told[told.facility_id].now.values()
            self._books[told.facility_id].learn(tuple(d.tariff for d in known if isinstance(d, TariffPublished)))

    def _logged(self, told: Logged) -> None:
        book = self._books[told.facility_id]
        if told.event is not None and told.entry.type in self.reads:
            book.take(told.event, told.entry.at_ms)
            if isinstance(told.event, VehicleExited):
                self._quoted_by[told.event.session_id] = frozenset(told.event.tariff_versions)
            while book.failures:
                self._subject.fail(book.failures.pop(0))

    def _settled(self, told: Settled) -> None:
        closed = {s.session_id: s for book in self._books.values() for s in book.closed.values()}
        times = Counter(charge.session_id for charge in told.charges)
        for session_id in sorted(times.keys() | closed.keys()):
            if session_id not in closed:
                self._subject.fail(f"{session_id}: charged, but no such session was closed")
            elif times[session_id] != 1:
                self._subject.fail(f"{session_id}: closed once, charged {times[session_id]} times")
        for charge in told.charges:
            if charge.session_id in closed:
                self._compare(charge, closed[charge.session_id])
        for transfer, sum_cents in told.transfers.items():
            if sum_cents:
                self._subject.fail(f"transfer {transfer} sums to {sum_cents} cents")

    def _compare(self, charge: Charged, session: ClosedSession) -> None:
        lost = self._quoted_by[charge.session_id] & self._lost
        if charge.total_cents != session.total_cents and not lost:
            self._subject.fail(
                f"{charge.session_id}: charged {charge.total_cents}, was quoted {session.total_cents} cents"
            )
        if charge.paid_cents != session.paid_on_site_cents:
            self._subject.fail(
                f"{charge.session_id}: {charge.paid_cents} cents booked of {session.paid_on_site_cents} paid on site"
            )
        if charge.is_paid != (charge.paid_cents >= charge.total_cents):
            self._subject.fail(f"{charge.session_id}: {charge.paid_cents} of {charge.total_cents} paid, marked wrongly")
