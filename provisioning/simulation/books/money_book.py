"""Sessions, and what they should cost, from each facility's log; in the end the cloud's charges against them.

A box that is replaced may take along how a stay ended: what is charged is what the cloud has heard of. Of a stay that
is open in a copy the cloud may know more than the box that began with the copy, so its price is not reckoned.
"""

from collections import Counter
from dataclasses import dataclass

from provisioning.audit.session_book import ClosedSession, SessionBook
from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.books.told import ToldDecisions
from provisioning.simulation.happenings import Charged, Decided, Heard, Logged, Restored, Settled
from shared.decisions import TariffPublished
from shared.events import VehicleExited


@dataclass(slots=True)
class _Known:
    told: ToldDecisions
    sessions: SessionBook


class MoneyBook:
    reads = frozenset(
        {
            "ExitGranted",
            "LaneOpened",
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
        self._known = Lives(subject.facilities, self._nothing, self._parted)
        self._ended: dict[str, ClosedSession] = {}
        self._reopened: set[str] = set()
        self._published: dict[int, str] = {}
        self._lost: set[str] = set()
        self._quoted_by: dict[str, frozenset[str]] = {}

    def hears(self) -> Hearing:
        return {
            Logged: self._logged,
            Heard: self._heard,
            Decided: self._decided,
            Restored: self._restored,
            Settled: self._settled,
            **self._known.hears(),
        }

    def _nothing(self, facility_id: str) -> "_Known":
        return _Known(ToldDecisions(), SessionBook(self._subject.facilities[facility_id], ()))

    def _parted(self, before: "_Known", after: "_Known") -> None:
        self._ended |= before.sessions.closed
        self._reopened |= after.sessions.inside

    def _decided(self, told: Decided) -> None:
        if isinstance(told.decision, TariffPublished):
            self._published[told.version] = told.decision.key.removeprefix("tariff/")

    def _restored(self, told: Restored) -> None:
        """A price list that HQ lost in a restore: what was quoted by it cannot be charged by it."""
        self._lost |= {name for version, name in self._published.items() if version > told.version}

    def _heard(self, told: Heard) -> None:
        known = self._known[told.facility_id]
        if known.told.take(told):
            decided = known.told.now.values()
            known.sessions.learn(tuple(d.tariff for d in decided if isinstance(d, TariffPublished)))

    def _logged(self, told: Logged) -> None:
        book = self._known[told.facility_id].sessions
        if told.event is not None and told.entry.type in self.reads:
            book.take(told.event, told.entry.at_ms)
            if isinstance(told.event, VehicleExited):
                self._quoted_by[told.event.session_id] = frozenset(told.event.tariff_versions)
            while book.failures:
                self._subject.fail(book.failures.pop(0))

    def _settled(self, told: Settled) -> None:
        closed = self._ended | {name: s for known in self._known.all() for name, s in known.sessions.closed.items()}
        heard = {e.body["session_id"] for log in told.events.values() for e in log if e.type == VehicleExited.__name__}
        times = Counter(charge.session_id for charge in told.charges)
        for session_id in sorted(times.keys() | closed.keys()):
            if session_id not in closed:
                self._subject.fail(f"{session_id}: charged, but no such session was closed")
            elif times[session_id] != 1 and (session_id in heard or session_id not in self._ended):
                self._subject.fail(f"{session_id}: closed once, charged {times[session_id]} times")
        for charge in told.charges:
            if charge.session_id in closed and charge.session_id not in self._reopened:
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
