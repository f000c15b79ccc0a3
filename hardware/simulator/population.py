"""Who comes, when, for how long and how much they charge: drawn from a seed, so that it can be asked again.

The shapes come from real data (``tables.json``, see ``derive_tables.py``). What the data cannot show is assumed, and is
all in ``Settings`` and the tables of this module marked ASSUMED: short errands (half-hourly net counts do not see
them), evenings and nights (the counters stop at 16:30), and who is a customer.

Nothing here reads a clock or draws from anything but ``random.Random`` seeded with a text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hardware.simulator.customers import SIZES, PlannedCustomer, customers, pick, seeded
from shared.clock import HOUR_MS, MINUTE_MS, to_local
from shared.facilities import Size
from shared.rights import RightKind, Vehicle

TABLES = Path(__file__).with_name("tables.json")


class Reading(StrEnum):
    """How well the camera reads a plate at first sight; from the second look on it reads it well."""

    CLEAR = "CLEAR"
    UNCLEAR = "UNCLEAR"
    UNREAD = "UNREAD"


# ASSUMED: arrivals per hour of cars that only run an errand, and of everybody outside the counters' hours.
ERRANDS = (1, 1, 1, 1, 2, 6, 14, 36, 52, 60, 66, 74, 84, 80, 74, 72, 76, 82, 74, 58, 40, 26, 12, 4)
UNSEEN = {0: 0.002, 1: 0.001, 2: 0.001, 3: 0.001, 4: 0.002, 5: 0.01, 6: 0.03}
UNSEEN_EVENING = {16: 0.02, 17: 0.035, 18: 0.04, 19: 0.03, 20: 0.02, 21: 0.01, 22: 0.006, 23: 0.003}
ERRAND_MIN = (12.0, 40.0, 150.0)
"""Shortest, most usual and longest errand, in minutes."""
FAST_KWH = (12.0, 26.0, 50.0)
"""Least, most usual and most energy of an EV driver on an errand who came to charge (no real data: the garage of the
tables has no fast chargers)."""
EV_MODELS = ((40_000, 50_000), (58_000, 100_000), (77_000, 150_000), (82_000, 170_000), (98_000, 220_000))
"""Battery in Wh and the most the car takes in W."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much and what kind of traffic; shares lie between 0 and 1, and all of it is ASSUMED.

    Customers are dealt out among ``facility_ids`` in turn, so that no car is asked to be in two places.
    """

    facility_ids: tuple[str, ...]
    vehicles_per_day: int = 640
    customers: int = 320
    ev_share: float = 0.15
    ev_customer_share: float = 0.95
    regular_customer_share: float = 0.35
    errand_share: float = 0.6
    fast_charge_share: float = 0.5
    unclear_share: float = 0.02
    unread_share: float = 0.01

    def __post_init__(self) -> None:
        if not self.facility_ids:
            raise ValueError("facility_ids must name at least one facility")
        if self.vehicles_per_day < 1 or self.customers < 2 * len(self.facility_ids):
            raise ValueError("vehicles_per_day must be at least 1 and customers at least 2 per facility")
        wrong = [name for name in self.__slots__ if name.endswith("_share") and not 0 <= getattr(self, name) <= 1]
        if wrong or self.unclear_share + self.unread_share > 1:
            raise ValueError(f"shares lie between 0 and 1: {', '.join(wrong) or 'unclear_share + unread_share'}")


@dataclass(frozen=True, slots=True)
class Visit:
    """One car's plan for one stay. ``kind`` TICKET pays at the machine. Energies and powers are the car's own, 0 for
    one that is no EV; ``energy_wh`` is what it would like to take, which the stay may cut short."""

    visit_id: str
    facility_id: str
    plate: str
    is_ev: bool
    size: Size
    kind: RightKind
    id_token: str
    arrives_at_ms: int
    stay_ms: int
    energy_wh: int = 0
    battery_wh: int = 0
    max_power_w: int = 0
    entry_reading: Reading = Reading.CLEAR
    exit_reading: Reading = Reading.CLEAR

    @property
    def wants_charge(self) -> bool:
        """Whether the driver will plug in if sent to a charger."""
        return self.energy_wh > 0


@cache
def tables() -> dict[str, Any]:
    """The tables derived from real data."""
    loaded: dict[str, Any] = json.loads(TABLES.read_text())
    return loaded


def visits(seed: str, facility_id: str, day_start_ms: int, zone: str, settings: Settings) -> list[Visit]:
    """The visits of one local day in the order of their arrivals. The same arguments give the same visits.

    ``day_start_ms`` is local midnight in ``zone``. A registered car comes back the same day only after it has left.
    Raises ValueError when ``facility_id`` is not one of the settings' facilities.
    """
    if facility_id not in settings.facility_ids:
        raise ValueError(f"{facility_id} is not one of {', '.join(settings.facility_ids)}")
    day = to_local(day_start_ms, zone)
    date = day.date().isoformat()
    random = seeded(seed, facility_id, date)
    volume: float = tables()["regular"]["volume"][day.weekday()]
    count = round(settings.vehicles_per_day * volume * random.uniform(0.97, 1.03))
    evs = round(count * settings.ev_share)
    plans = [_plan(random, day.weekday(), settings, is_ev=number < evs) for number in range(count)]
    plans.sort(key=lambda plan: plan.minute)
    fleet = _Fleet(customers(seed, settings.customers), facility_id, settings.facility_ids)
    readings = {Reading.UNCLEAR: settings.unclear_share, Reading.UNREAD: settings.unread_share}
    readings[Reading.CLEAR] = 1 - sum(readings.values())
    result = []
    for number, plan in enumerate(plans):
        arrives_at_ms = day_start_ms + round(plan.minute * MINUTE_MS)
        planned = _visit(random, f"{facility_id}-{date}-{number:04d}", arrives_at_ms, plan, fleet)
        looks = pick(random, readings), pick(random, readings)
        result.append(replace(planned, entry_reading=looks[0], exit_reading=looks[1]))
    return result


@dataclass(frozen=True, slots=True)
class _Plan:
    minute: float
    stay_min: float
    is_ev: bool
    is_customer: bool
    energy_kwh: float


def _plan(random: Random, weekday: int, settings: Settings, *, is_ev: bool) -> _Plan:
    is_customer = random.random() < (settings.ev_customer_share if is_ev else settings.regular_customer_share)
    if random.random() < settings.errand_share:
        hours: Sequence[float] = ERRANDS
        stay_min = random.triangular(ERRAND_MIN[0], ERRAND_MIN[2], ERRAND_MIN[1])
    elif is_ev:
        hours, stay_min = _ev_hours(weekday), 0.0
    else:
        hours = _regular_hours(weekday)
        bound = random.choice(("stay_min_fifo", "stay_min_lifo"))
        stay_min = _draw(random, tables()["regular"][bound])
    energy_kwh = 0.0
    if is_ev:
        came_to_charge = stay_min > 0 and random.random() < settings.fast_charge_share
        stay_min, energy_kwh = _ev_stay_and_energy(random, stay_min)
        if came_to_charge:
            energy_kwh = random.triangular(FAST_KWH[0], FAST_KWH[2], FAST_KWH[1])
    minute = 60 * (random.choices(range(24), weights=hours)[0] + random.random())
    return _Plan(minute, stay_min, is_ev, is_customer, energy_kwh)


def _ev_hours(weekday: int) -> list[float]:
    hours: list[float] = tables()["ev"]["arrivals"]["workday" if weekday < 5 else "weekend"]
    return hours


def _regular_hours(weekday: int) -> list[float]:
    measured: list[float] = tables()["regular"]["arrivals"][weekday]
    assumed = UNSEEN | UNSEEN_EVENING
    return [share + assumed.get(hour, 0.0) for hour, share in enumerate(measured)]


def _ev_stay_and_energy(random: Random, stay_min: float) -> tuple[float, float]:
    """A stay (given, or drawn when 0) and an energy that go together: both from the same band of stays."""
    bands = tables()["ev"]["bands"]
    if stay_min:
        band = next((b for b in bands if stay_min <= b["stay_min"][-1]), bands[-1])
        return stay_min, _draw(random, band["energy_kwh"])
    band = random.choice(bands)
    return _draw(random, band["stay_min"]), _draw(random, band["energy_kwh"])


def _draw(random: Random, quantiles: Sequence[float]) -> float:
    """A value of the distribution that evenly spaced quantiles describe, linear between them."""
    place = random.random() * (len(quantiles) - 1)
    low = int(place)
    return quantiles[low] + (place - low) * (quantiles[low + 1] - quantiles[low])


class _Fleet:
    """The registered cars of one facility and until when each is away from it."""

    def __init__(self, registered: list[PlannedCustomer], facility_id: str, facility_ids: tuple[str, ...]) -> None:
        self.facility_id = facility_id
        mine = [c for c in registered if facility_ids[c.index % len(facility_ids)] == facility_id]
        self._cars = {is_ev: [(c, v) for c in mine for v in c.vehicles if v.is_ev is is_ev] for is_ev in (False, True)}
        self._busy_until_ms: dict[str, int] = {}

    def take(
        self, random: Random, *, is_ev: bool, from_ms: int, until_ms: int
    ) -> tuple[PlannedCustomer, Vehicle] | None:
        """A car that is free to come, None when all are taken. It is kept for an hour beyond its stay, since it may
        wait at a lane."""
        free = [pair for pair in self._cars[is_ev] if self._busy_until_ms.get(pair[1].plate, 0) <= from_ms]
        if not free:
            return None
        customer, vehicle = random.choice(free)
        self._busy_until_ms[vehicle.plate] = until_ms + HOUR_MS
        return customer, vehicle


def _visit(random: Random, visit_id: str, arrives_at_ms: int, plan: _Plan, fleet: _Fleet) -> Visit:
    stay_ms = round(plan.stay_min * MINUTE_MS)
    found = None
    if plan.is_customer:
        found = fleet.take(random, is_ev=plan.is_ev, from_ms=arrives_at_ms, until_ms=arrives_at_ms + stay_ms)
    customer, vehicle = found or (None, Vehicle(plate=_ticket_plate(random), size=pick(random, SIZES)))
    battery_wh, max_power_w = random.choice(EV_MODELS) if plan.is_ev else (0, 0)
    return Visit(
        visit_id=visit_id,
        facility_id=fleet.facility_id,
        plate=vehicle.plate,
        is_ev=plan.is_ev,
        size=vehicle.size,
        kind=customer.kind if customer else RightKind.TICKET,
        id_token=customer.id_token if customer else "",
        arrives_at_ms=arrives_at_ms,
        stay_ms=stay_ms,
        energy_wh=round(min(plan.energy_kwh * 1000, 0.8 * battery_wh)),
        battery_wh=battery_wh,
        max_power_w=max_power_w,
    )


def _ticket_plate(random: Random) -> str:
    return f"{random.randint(1, 9999):04d}{''.join(random.choices('ABCDEFGHJKLMNPRSTUVWXYZ', k=3))}"
