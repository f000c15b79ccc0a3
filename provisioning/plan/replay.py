"""Lives sessions of the past again under a budget: every period the policy shares, cars take what they get.

Cars are ideal: each takes what it may until it has what it took in life, and leaves when it left. One that finds no
charger free waits for one, first come, first served; it leaves when it left all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.rules.allocation import Request
from edge.rules.policies import Policy
from provisioning.plan.sessions import PERIOD_MIN, Session
from shared.clock import MINUTE_MS

PERIOD_MS = PERIOD_MIN * MINUTE_MS
PERIODS_AN_HOUR = 60 // PERIOD_MIN
MET_PCT = 99.9
"""Of its energy, what a car must have got for its demand to count as met."""


@dataclass(frozen=True, slots=True)
class Site:
    """What is planned. ``departures``: whether drivers tell when they leave and how much they need."""

    budget_w: int
    chargers: int
    rating_w: int
    minimum_w: int
    departures: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. ``waits_min`` are those for a free charger; ``paused_min`` those on a charger without energy
    that was wanted. ``drawn_w`` is the site's power by period, from ``first`` on."""

    wanted_wh: float
    delivered_wh: float
    sessions: int
    met: int
    peak_w: float
    waits_min: tuple[int, ...]
    paused_min: tuple[int, ...]
    first: int
    drawn_w: tuple[float, ...]

    @property
    def delivered_pct(self) -> float:
        return 100 * self.delivered_wh / self.wanted_wh if self.wanted_wh else 100.0

    @property
    def met_pct(self) -> float:
        return 100 * self.met / self.sessions


@dataclass(slots=True)
class _Car:
    name: str
    session: Session
    left_wh: float
    waited: int = 0
    paused: int = 0
    is_paused: bool = True
    turned_ms: int | None = None


@dataclass(slots=True)
class _Garage:
    site: Site
    policy: Policy
    line: list[_Car] = field(default_factory=list)
    plugged: list[_Car] = field(default_factory=list)
    drawn_w: list[float] = field(default_factory=list)

    def live(self, period: int) -> None:
        """One period: those whose time is up leave, the line moves up, the rest share."""
        self.plugged = [car for car in self.plugged if car.session.departure > period]
        self.line = [car for car in self.line if car.session.departure > period]
        free = self.site.chargers - len(self.plugged)
        self.plugged += self.line[:free]
        del self.line[:free]
        for car in self.line:
            car.waited += 1
        asking = [car for car in self.plugged if car.left_wh > 0]
        shares_w = self.policy([self._request(car) for car in asking], (self.site.budget_w,), period * PERIOD_MS)
        self.drawn_w.append(sum(self._charge(car, shares_w[car.name], period) for car in asking))

    def _request(self, car: _Car) -> Request:
        told = self.site.departures
        return Request(
            name=car.name,
            wanted_w=min(self.site.rating_w, int(car.left_wh * PERIODS_AN_HOUR) + 1),
            minimum_w=self.site.minimum_w,
            since_ms=(car.session.arrival + car.waited) * PERIOD_MS,
            energy_wh=int(car.left_wh) if told else None,
            departure_ms=car.session.departure * PERIOD_MS if told else None,
            delivered_wh=int(car.session.energy_wh - car.left_wh),
            turned_ms=car.turned_ms,
            paused=car.is_paused,
        )

    def _charge(self, car: _Car, share_w: int, period: int) -> float:
        taken_wh = min(car.left_wh, share_w / PERIODS_AN_HOUR)
        car.left_wh -= taken_wh
        car.paused += share_w == 0
        if car.is_paused is not (share_w == 0):
            car.is_paused, car.turned_ms = share_w == 0, period * PERIOD_MS
        return taken_wh * PERIODS_AN_HOUR


def replay(sessions: Sequence[Session], site: Site, policy: Policy) -> Outcome:
    """Live the sessions, which are in order of arrival, under one policy."""
    cars = [_Car(f"car-{i:06}", session, session.energy_wh) for i, session in enumerate(sessions)]
    garage = _Garage(site, policy)
    coming = cars[::-1]
    first = period = sessions[0].arrival
    while coming or garage.line or garage.plugged:
        while coming and coming[-1].session.arrival <= period:
            garage.line.append(coming.pop())
        garage.live(period)
        period += 1
    wanted_wh = sum(s.energy_wh for s in sessions)
    return Outcome(
        wanted_wh=wanted_wh,
        delivered_wh=wanted_wh - sum(car.left_wh for car in cars),
        sessions=len(cars),
        met=sum(car.left_wh <= car.session.energy_wh * (1 - MET_PCT / 100) for car in cars),
        peak_w=max(garage.drawn_w),
        waits_min=tuple(car.waited * PERIOD_MIN for car in cars),
        paused_min=tuple(car.paused * PERIOD_MIN for car in cars),
        first=first,
        drawn_w=tuple(garage.drawn_w),
    )
