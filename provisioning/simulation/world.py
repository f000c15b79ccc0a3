"""The network as a whole: its facilities, its cloud, its people, and what is known of them outside."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.rules.state import FacilityState, TransactionState
from edge.rules.state_power import Promises
from provisioning.simulation import place
from provisioning.simulation.auditor import Auditor, Book, Subject
from provisioning.simulation.cloud_link import CloudLink
from provisioning.simulation.happenings import Settled
from provisioning.simulation.headquarters import Headquarters
from provisioning.simulation.paying.cashier import Cashier
from provisioning.simulation.paying.provider import Provider
from provisioning.simulation.paying.settled import cards_settled, charged
from provisioning.simulation.people import Person, people
from provisioning.simulation.scenario import DAY_MS, Scenario
from provisioning.simulation.site import Site
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import Universe
from shared.decisions import FacilityConfigured, TariffPublished


class World:
    """``faults`` counts what was done to it. ``healed``: no more faults, and no more drivers."""

    def __init__(self, seed: int, scenario: Scenario, books: Sequence[Callable[[Subject], Book]]) -> None:
        self.scenario = scenario
        self.universe = Universe(seed, 0)
        self.universe.now_ms = self.universe.random.choice(place.STARTS_MS)
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.healed = False
        settings = [place.facility(self.universe, number) for number in range(1, scenario.facilities + 1)]
        known = {f.facility_id: f for f in settings}
        self.auditor = Auditor(books, known, lambda: self.universe.now_ms)
        self.around = Surroundings(self.universe, self.auditor, self.counts)
        self.headquarters = Headquarters(self.around, known)
        self.sites = [Site(self.around, each) for each in settings]
        self.links = [self._join(site) for site in self.sites]
        self.people: list[Person] = people(self.universe)
        self.provider = Provider(self.around)
        self.cashier = Cashier(self.around, self.headquarters, self.provider)
        self.headquarters.tables.rows["cards"] = {p.customer_id: "card-1" for p in self.people if p.right_id}
        self._wire_headquarters()
        self._publish_beginnings()

    @property
    def length_ms(self) -> int:
        """How long the troubled part lasts."""
        return round(self.scenario.days * DAY_MS)

    def any_site(self) -> Site:
        """One of them, by chance."""
        return self.universe.random.choice(self.sites)

    def mean_ms(self, hours: float) -> float:
        """Something that comes every so many hours, at the story's pace."""
        return hours * 3_600_000 / self.scenario.pace

    def _join(self, site: Site) -> CloudLink:
        link = CloudLink(self.around, self.headquarters, site)
        site.link.to_events = link.hear_events
        site.link.to_acks = link.hear_ack
        site.link.says_online = link.hear_presence
        return link

    def _wire_headquarters(self) -> None:
        def decided() -> None:
            for link in self.links:
                link.pump()

        def start_over() -> None:
            self.headquarters.retry_parked()
            for link in self.links:
                link.begin()

        def crashed() -> None:
            self.universe.after(self.universe.between(1_000, 300_000), came_back)

        def came_back() -> None:
            self.headquarters.up = True
            start_over()
            self.cashier.start_over()

        self.headquarters.on_decided = decided
        self.headquarters.on_restored.append(start_over)
        self.headquarters.on_crash = crashed

    def _publish_beginnings(self) -> None:
        parking = place.parking_tariff(self.universe, 1, place.FROM_EVER_MS)
        charging = place.charging_tariff(self.universe, 1, place.FROM_EVER_MS)
        for decision in (TariffPublished(tariff=parking), TariffPublished(tariff=charging)):
            self.headquarters.decide(decision, 1)
        for site in self.sites:
            self.headquarters.decide(FacilityConfigured(facility=site.settings), 1)

    def last_look(self, waiting: list[str]) -> None:
        """All tables, for the auditor, when everything had its time."""
        tables = self.headquarters.tables
        charges = charged(tables)
        transfers = {
            name: sum(p.amount_cents for p in booked.postings) for name, booked in tables.all("transfers").items()
        }
        self.counts["charges"] = len(charges)
        self.counts["late or unbilled transactions"] = len(tables.all("findings"))
        decisions = {site.facility_id: site.box.disk.decisions.decisions() for site in self.sites}
        rebuilt = {site.facility_id: _same(site) for site in self.sites}
        self.auditor.tell(cards_settled(tables))
        self.auditor.tell(
            Settled(
                events=tables.events,
                held=tables.held,
                charges=charges,
                transfers=transfers,
                decisions=decisions,
                rebuilt=rebuilt,
                waiting=waiting,
            )
        )
        kept = Counter(entry.type for entries in tables.events.values() for entry in entries)
        self._count(tables.gone + kept)

    def _count(self, kinds: Counter[str]) -> None:
        self.counts["entries"] = kinds["VehicleEntered"]
        self.counts["sessions"] = kinds["VehicleExited"]
        self.counts["charging transactions"] = kinds["TransactionStarted"]
        self.counts["refused at the entry"] = kinds["EntryRefused"]
        self.counts["limits sent"] = kinds["LimitSent"]


def _same(site: Site) -> bool:
    """Whether the booked part of the living state is what the log tells from its first entry, and from its newest
    snapshot on."""
    disk = site.box.disk
    return all(_same_as(site.box.state, told) for told in (disk.replay(), disk.rebuild()))


def _same_as(living: FacilityState, told: FacilityState) -> bool:
    booked = (
        "head",
        "requests",
        "sessions",
        "session_of_plate",
        "session_of_space",
        "held_spaces",
        "ended",
        "caps",
        "orders",
        "stations",
    )
    grants = [{k: lane.grant for k, lane in state.lanes.items() if lane.grant} for state in (living, told)]
    same = all(getattr(living, name) == getattr(told, name) for name in booked)
    same = same and _running(living) == _running(told) and _promised(living) == _promised(told)
    return same and grants[0] == grants[1]


def _running(state: FacilityState) -> dict[str, TransactionState]:
    """The transactions without what is sensed of them."""
    return {key: replace(x, above=0, above_ms=0) for key, x in state.transactions.items()}


def _promised(state: FacilityState) -> dict[str, Promises]:
    """The promises that were made, without what is sensed of them: who only asks for those of an EVSE makes an empty
    row."""
    booked = {key: replace(x, judged_ms=0) for key, x in state.promises.items()}
    return {key: x for key, x in booked.items() if replace(x, turned_ms=0) != Promises()}
