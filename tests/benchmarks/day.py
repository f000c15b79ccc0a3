"""The log of a busy facility, lived through by the real rules: a seed draws what happens, the rules what it means.

Cars draw all that they are allowed, and no more of them charge at once than the budget has power for.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.rules import facility as rules
from edge.rules.inputs import Due, LimitSetpoint, Matches, PaymentOffered, QuoteAsked
from shared.clock import MINUTE_MS
from shared.events import EnergyMetered, Entry, VehicleEntered, entry
from shared.facilities import SpaceKind
from shared.rights import Right
from tests.benchmarks.box import account, full_size
from tests.benchmarks.figures import BenchmarkError
from tests.edge.rules.site import Site

ARRIVALS_PER_MINUTE = 0.5
PLUGGED_MAX = 20
"""The chargers that are taken first: together they may draw 376 of 400 kW."""
CHARGING_PCT, ACCOUNT_PCT = 30, 40
"""Of the cars that come: those that charge (all with an account), and the others with an account. The rest pay."""
ROUNDS_MAX = 100
STAY_MINUTES, CHARGE_MINUTES = (20, 240), (15, 90)


@dataclass(slots=True)
class Car:
    """``plug`` is the station it is plugged in at, empty for none; ``full_ms`` is 0 for a car that does not charge."""

    number: int
    plate: str
    leaves_ms: int
    plug: str = ""
    full_ms: int = 0
    seq_no: int = 0
    register_wh: int = 0


@dataclass
class Day:
    """One facility from its opening on. Every station takes every limit. ``reading_every_s`` divides 60; readings
    within a minute are booked and folded as the rules would, without asking the rules what follows from each."""

    log_id: str
    seed: int = 7
    arrivals_per_minute: float = ARRIVALS_PER_MINUTE
    reading_every_s: int = 60
    regular_spaces: int = 200
    site: Site = field(init=False)
    _cars: list[Car] = field(default_factory=list)
    _limits_w: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self.site = Site(full_size(self.regular_spaces), state=rules.new_state(self.log_id))

    def entries(self, count: int) -> Iterator[Entry]:
        """The first ``count`` entries of the log."""
        return itertools.islice(itertools.chain.from_iterable(self.minutes()), count)

    def minutes(self) -> Iterator[list[Entry]]:
        """The log minute by minute, for ever; ``site.state`` is what all of it so far tells."""
        self.site.connect(*(station.station_id for station in self.site.facility.stations))
        written = 0
        while True:
            self._minute()
            lived = zip(self.site.events, self.site.event_times, strict=True)
            entries = [entry(written + n, at_ms, event) for n, (event, at_ms) in enumerate(lived, 1)]
            written += len(entries)
            self.site.events.clear()
            self.site.event_times.clear()
            self.site.answered.clear()
            yield entries

    def _minute(self) -> None:
        for second in range(1, 61):
            if second % 10 == 0:
                self.site.wait(10)
                self._obey()
            if second % self.reading_every_s == 0 and second < 60:
                self._read_meters()
        for car in [c for c in self._cars if c.plug]:
            self._charge(car)
        if self._draw.random() < self.arrivals_per_minute:
            self._arrive()
        for car in [c for c in self._cars if not c.plug and self.site.now_ms >= c.leaves_ms]:
            self._leave(car)

    def _arrive(self) -> None:
        self._count += 1
        now_ms, kind = self.site.now_ms, self._draw.randrange(100)
        car = Car(self._count, f"EV{self._count}", now_ms + self._draw.randint(*STAY_MINUTES) * MINUTE_MS)
        charges = kind < CHARGING_PCT and sum(c.full_ms > 0 for c in self._cars) < PLUGGED_MAX
        rights = (_account(car.number, is_ev=charges),) if kind < CHARGING_PCT + ACCOUNT_PCT else ()
        self.site.drive_through("in-1", car.plate, *rights)
        came_in = self.site.events[-1]
        if not isinstance(came_in, VehicleEntered):
            return
        self._cars.append(car)
        if came_in.space_kind is SpaceKind.EV:
            car.full_ms = now_ms + self._draw.randint(*CHARGE_MINUTES) * MINUTE_MS
            self._plug_in(car, came_in.space_id.replace("ev-", "cs-"), Matches(rights=rights))

    def _plug_in(self, car: Car, station_id: str, matches: Matches) -> None:
        car.plug = station_id
        self._tell(car, "Started", id_token=f"TOKEN-c{car.number}", matches=matches)

    def _charge(self, car: Car) -> None:
        if self.site.now_ms >= max(car.full_ms, car.leaves_ms):
            self._tell(car, "Ended", stopped_reason="EVDisconnected")
            car.plug = ""
        elif self.site.now_ms >= car.full_ms:
            self._tell(car, "Updated", charging_state="SuspendedEV", power_w=0)
        else:
            power_w = self._limits_w.get(car.plug, 0)
            car.register_wh += power_w // 60
            self._tell(car, "Updated", charging_state="Charging", power_w=power_w)

    def _read_meters(self) -> None:
        for car in self._cars:
            if not car.plug:
                continue
            reading = EnergyMetered(
                station_id=car.plug,
                evse_id=1,
                transaction_id=f"tx-{car.number}",
                seq_no=car.seq_no,
                metered_at_ms=self.site.now_ms,
                register_wh=car.register_wh,
                power_w=0 if self.site.now_ms >= car.full_ms else self._limits_w.get(car.plug, 0),
            )
            car.seq_no += 1
            rules.apply(self.site.state, entry(self.site.state.head + 1, self.site.now_ms, reading))
            self.site.events.append(reading)
            self.site.event_times.append(self.site.now_ms)

    def _tell(self, car: Car, kind: str, **more: object) -> None:
        told = {"transaction_id": f"tx-{car.number}", "register_wh": car.register_wh, **more}
        self.site.transaction(car.plug, kind, car.seq_no, **told)
        car.seq_no += 1
        self._obey()

    def _leave(self, car: Car) -> None:
        due = self.site.give(QuoteAsked(plate=car.plate))
        if not isinstance(due, Due) or due.session_id is None:
            raise BenchmarkError(f"{car.plate} is not inside: {due}")
        session = self.site.state.sessions[due.session_id]
        if session.right.customer_id is None and due.due_cents:
            paid = (due.session_id, due.due_cents, "CARD", f"slip-{car.number}", "machine-1", due.priced_until_ms)
            self.site.give(PaymentOffered(*paid))
        self.site.drive_through("out-1", car.plate)
        self._cars.remove(car)

    def _obey(self) -> None:
        """Every station accepts its limits, and its car draws what it is given."""
        for _ in range(ROUNDS_MAX):
            setpoints, self.site.setpoints = self.site.setpoints, []
            for limit in setpoints:
                if isinstance(limit, LimitSetpoint):
                    self._limits_w[limit.station_id] = limit.limit_w
                    self.site.reply(limit, "ACCEPTED")
            if not self.site.setpoints:
                return
        raise BenchmarkError(f"limits do not settle: after {ROUNDS_MAX} rounds of answers there are new ones")


def _account(number: int, *, is_ev: bool) -> Right:
    holder = account(number)
    vehicles = tuple(v.model_copy(update={"is_ev": is_ev}) for v in holder.vehicles)
    return holder.model_copy(update={"vehicles": vehicles})
