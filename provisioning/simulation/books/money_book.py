"""Sessions, and what they should cost, from each facility's log; in the end the cloud's charges against them.

A box that is replaced may take along how a stay ended, and what it removed a cloud that was put back may lack: what is
charged is what the cloud has heard of, from its beginning to its end. Of a stay that is open in a copy the cloud may
know more than the box that began with the copy, so its price is not reckoned.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.audit.session_book import ClosedSession, SessionBook
from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.books.told import ToldDecisions
from provisioning.simulation.happenings import Charged, Decided, Heard, Logged, LoggedAside, Restored, Settled
from shared.decisions import TariffPublished
from shared.events import VehicleEntered, VehicleExited


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
        self._exited_aside: set[str] = set()
        self._published: dict[int, str] = {}
        self._lost: set[str] = set()
        self._quoted_by: dict[str, frozenset[str]] = {}
        self._exits: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self._entries: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        """Where it stands that a session ended, and that it began, by log and position."""

    def hears(self) -> Hearing:
        return {
            Logged: self._logged,
            LoggedAside: self._logged_aside,
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
        if any(key.startswith("tariff/") for key in known.told.take(told)):
            decided = known.told.now.values()
            known.sessions.learn(tuple(d.tariff for d in decided if isinstance(d, TariffPublished)))

    def _logged(self, told: Logged) -> None:
        book = self._known[told.facility_id].sessions
        if told.event is not None and told.entry.type in self.reads:
            book.take(told.event, told.entry.at_ms)
            if isinstance(told.event, VehicleExited):
                self._quoted_by[told.event.session_id] = frozenset(told.event.tariff_versions)
                self._exits[told.event.session_id].append((told.log_id, told.entry.seq))
            if isinstance(told.event, VehicleEntered):
                self._entries[told.event.session_id].append((told.log_id, told.entry.seq))
            while book.failures:
                self._subject.fail(book.failures.pop(0))

    def _logged_aside(self, told: LoggedAside) -> None:
        """An old box that lives on may take it that a car is out which it was letting out when it was replaced. What
        that stay cost only it knows."""
        if told.entry.type == VehicleExited.__name__:
            session_id = told.entry.body["session_id"]
            self._exited_aside.add(session_id)
            self._exits[session_id].append((told.log_id, told.entry.seq))

    def _settled(self, told: Settled) -> None:
        closed = self._ended | {name: s for known in self._known.all() for name, s in known.sessions.closed.items()}
        heard = self._heard_of(self._exits, told) & self._heard_of(self._entries, told)
        times = Counter(charge.session_id for charge in told.charges)
        for session_id in sorted(times.keys() | closed.keys()):
            if session_id not in closed and session_id not in self._exited_aside:
                self._subject.fail(f"{session_id}: charged, but no such session was closed")
            elif times[session_id] != (session_id in heard):
                self._subject.fail(f"{session_id}: closed once, charged {times[session_id]} times")
        for charge in told.charges:
            if charge.session_id in closed and charge.session_id not in self._reopened | self._exited_aside:
                self._compare(charge, closed[charge.session_id])
        for transfer, sum_cents in told.transfers.items():
            if sum_cents:
                self._subject.fail(f"transfer {transfer} sums to {sum_cents} cents")

    def _heard_of(self, places: Mapping[str, list[tuple[str, int]]], told: Settled) -> set[str]:
        """The sessions of which the cloud holds one of these places."""
        return {name for name, found in places.items() if any(seq <= told.held.get(x, 0) for x, seq in found)}

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
        paid_cents = charge.paid_cents + charge.by_card_cents
        if charge.is_paid != (paid_cents >= charge.total_cents):
            self._subject.fail(f"{charge.session_id}: {paid_cents} of {charge.total_cents} paid, marked wrongly")
