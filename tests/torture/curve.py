"""Real stations on real sockets before a real daemon, which is killed, and whose network fails, while all want power.

What every station would give is sampled all the time. Those that keep their word must stay within the budget together;
what a disobedient one takes beyond its word must be flagged. Each station's clock is off, and lived time runs fast.
"""

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hardware.simulator import profiles
from hardware.simulator.device import Behaviour
from hardware.simulator.electrics import Car
from hardware.simulator.journal import Journal
from hardware.simulator.memory import Fields, Memory
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.outlet import ChargingState
from hardware.simulator.profiles import Profile, Running, parse_profile
from hardware.simulator.stations import Login, SimulatedStation
from provisioning.audit.edge_log import read
from provisioning.audit.power_book import PowerBook
from provisioning.local.ports import HOST
from shared.clock import SECOND_MS, Clock, Timeline
from shared.events import LimitBreached, LimitRoundedUp, parse_event
from shared.facilities import Facility, Station
from tests.benchmarks.box import PASSWORD, RATINGS_W, Box, account, fill, full_size
from tests.torture.promptness import limits_after_s
from tests.torture.proxy import Proxy, Weather
from tests.torture.use import used_pct

OFFSET_MS = 25 * SECOND_MS
"""How far off a station's clock may be here; the site counts on 30 s."""
SAMPLE_REAL_S = 0.05
VOLTS = 240
_CAST = {
    1: Behaviour.SLOW,
    2: Behaviour.REJECTS,
    3: Behaviour.IGNORES,
    4: Behaviour.FORGETS,
    5: Behaviour.AMPS_ONLY,
    17: Behaviour.SLOW,
    18: Behaviour.FORGETS,
    19: Behaviour.IGNORES,
}
ROUNDING_V = {6: VOLTS, 7: 3 * VOLTS, 20: VOLTS}
"""Stations that make of a limit the next whole ampere, on so many volts in all."""
KNOWN_TO_ROUND = (6, 20)
_APART = (Behaviour.REJECTS, Behaviour.IGNORES, Behaviour.FORGETS, Behaviour.SLOW)
_WEATHERS = (Weather.CUT, Weather.HALF_OPEN, Weather.SLOW, Weather.LOSSY)


@dataclass(frozen=True, slots=True)
class Sample:
    """At an instant lived: what all would give in truth, what they would if each kept its word, and what of that those
    give that can be told."""

    at_ms: int
    total_w: float
    kept_w: float
    obeying_w: float


@dataclass
class Watched:
    """A station with what it acknowledged."""

    station: SimulatedStation
    clock: Clock
    behaviour: Behaviour
    rounding_v: int = 0
    known_to_round: bool = False
    agreed: tuple[Profile, ...] = ()
    paused: bool = False

    def __post_init__(self) -> None:
        commands = self.station._commands
        really = commands.set_charging_profile

        async def told(request: Fields) -> Fields:
            profile = parse_profile(request["evse_id"], request["charging_profile"], self.station.device.supply, 0)
            if self.rounding_v:
                for period in request["charging_profile"]["charging_schedule"][0]["charging_schedule_period"]:
                    period["limit"] = math.ceil(period["limit"] / self.rounding_v) * self.rounding_v
            answer = await really(request)
            if answer["status"] == "Accepted":
                self.agreed = profiles.install(self.agreed, profile)
            return answer

        commands.set_charging_profile = told  # type: ignore[method-assign]

    def powers_w(self) -> tuple[float, float]:
        """What it would give now, and the part of that which it may by what it acknowledged."""
        now_ms = self.clock.now_ms()
        device = self.station.device
        device.settle(now_ms)
        outlet = device.outlets[1]
        self._forget(outlet.state, now_ms)
        given_w = outlet.given_w
        strays = self.behaviour in (Behaviour.IGNORES, Behaviour.FORGETS) or (
            self.rounding_v and not self.known_to_round
        )
        if not strays or outlet.transaction is None:
            return given_w, given_w
        running = Running(outlet.transaction.transaction_id, outlet.transaction.started_ms)
        limit_w = profiles.limit_w(self.agreed, 1, running, now_ms)
        return given_w, given_w if limit_w is None else min(given_w, limit_w)

    def _forget(self, state: ChargingState, now_ms: int) -> None:
        """One that forgets does so when its car goes on after a pause."""
        resumed = self.paused and state is ChargingState.CHARGING
        self.paused = state is ChargingState.SUSPENDED_EVSE
        if resumed and self.behaviour is Behaviour.FORGETS:
            self.station.device.hold((), now_ms)


@dataclass
class Curve:
    """``run`` lives for some real seconds; ``samples`` are the curve, the instants what went wrong."""

    folder: Path
    seed: int
    real_s: float
    speed: float = 20.0
    say: Callable[[str], None] = print
    samples: list[Sample] = field(default_factory=list)
    kills_ms: list[int] = field(default_factory=list)
    weather_ms: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._timeline = Timeline(time.time(), round(time.time() * SECOND_MS), self.speed)
        self._clock = Clock(self._timeline, time.time)
        self.site = _site()

    def run(self) -> dict[str, object]:
        """Live through it; the summary, with what must not have happened under ``audit``."""
        install_fast_validators()
        drivers = [account(n) for n in range(1, len(RATINGS_W) + 1)]
        fill(self.folder, self.site, drivers, parked=drivers)
        box = Box(self.folder, self.site.facility_id)
        config = self.folder / "edge.toml"
        config.write_text(f'timeline = "{self._timeline}"\n{config.read_text()}')
        with box, Proxy(box.port, seed=self.seed) as proxy:
            asyncio.run(self._live(box, proxy))
        return self._conclude(box)

    async def _live(self, box: Box, proxy: Proxy) -> None:
        fleet = [self._station(number, doc, proxy.port) for number, doc in enumerate(self.site.stations, 1)]
        ends_real_s = time.monotonic() + self.real_s
        async with asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(one.station.run()) for one in fleet]
            lives.append(tasks.create_task(self._sample(fleet)))
            lives += [tasks.create_task(self._drive(n, one)) for n, one in enumerate(fleet, 1)]
            await self._go_wrong(box, proxy, ends_real_s)
            for life in lives:
                life.cancel()

    def _station(self, number: int, doc: Station, port: int) -> Watched:
        offset_ms = self._random.choice((-OFFSET_MS, 0, OFFSET_MS))
        own = Timeline(self._timeline.origin_real_s, self._timeline.origin_ms + offset_ms, self.speed)
        clock = Clock(own, time.time)
        memory = Memory(Journal(self.folder / f"{doc.station_id}.journal"), "station")
        behaviour = _CAST.get(number, Behaviour.OBEYS)
        station = SimulatedStation(doc, Login(f"ws://{HOST}:{port}", PASSWORD), clock, memory, behaviour)
        return Watched(station, clock, behaviour, ROUNDING_V.get(number, 0), number in KNOWN_TO_ROUND)

    async def _drive(self, number: int, one: Watched) -> None:
        """Cars come to a station one after the other, each with the token of the customer whose car stands inside."""
        chance = Random(self.seed * 1_000 + number)  # noqa: S311 - as above
        while True:
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            one.station.plug_in(1, Car(100_000, 20_000, 90_000, 150_000))
            status = await one.station.authorize(1, f"TOKEN-c{number}")
            while status != "Accepted":
                await asyncio.sleep(2.0)
                status = await one.station.authorize(1, f"TOKEN-c{number}")
            await asyncio.sleep(chance.uniform(15.0, 40.0))
            one.station.unplug(1)

    async def _sample(self, fleet: list[Watched]) -> None:
        while True:
            powers_w = [one.powers_w() for one in fleet]
            total_w, kept_w = (sum(column) for column in zip(*powers_w, strict=True))
            obeying_w = sum(w for (_, w), one in zip(powers_w, fleet, strict=True) if one.behaviour not in _APART)
            self.samples.append(Sample(self._clock.now_ms(), total_w, kept_w, obeying_w))
            await asyncio.sleep(SAMPLE_REAL_S)

    async def _go_wrong(self, box: Box, proxy: Proxy, ends_real_s: float) -> None:
        """After a calm beginning: a kill, bad weather, a kill ..., each followed by a while of peace."""
        await asyncio.sleep(self.real_s / 3)
        while time.monotonic() < ends_real_s:
            if len(self.kills_ms) <= len(self.weather_ms):
                self.kills_ms.append(self._clock.now_ms())
                os.kill(box.pid, signal.SIGKILL)
                await asyncio.sleep(self._random.uniform(0.0, 3.0))
                await asyncio.to_thread(box.__enter__)
            else:
                self.weather_ms.append(self._clock.now_ms())
                proxy.set(self._random.choice(_WEATHERS))
                await asyncio.sleep(self._random.uniform(1.0, 5.0))
                proxy.set(Weather.FAIR)
            await asyncio.sleep(self._random.uniform(4.0, 8.0))

    def _conclude(self, box: Box) -> dict[str, object]:
        log = read(box.file)
        book = PowerBook(self.site)
        flagged_ms, rounding = dict[str, int](), set[str]()
        for written in log.entries:
            event = parse_event(written)
            if event is not None:
                book.take(event, written.at_ms)
            if isinstance(event, LimitBreached):
                flagged_ms.setdefault(event.station_id, written.at_ms)
            elif isinstance(event, LimitRoundedUp):
                rounding.add(event.station_id)
        budget_w = self.site.power.budget_w
        obeying = [s.station_id for n, s in enumerate(self.site.stations, 1) if n not in _CAST]
        kept_w = max(s.kept_w for s in self.samples)
        calm = [(s.at_ms, s.obeying_w) for s in self.samples if self.kills_ms and s.at_ms < self.kills_ms[0]]
        apart = [s.station_id for n, s in enumerate(self.site.stations, 1) if _CAST.get(n) in _APART]
        found = [f"{kept_w:.0f} W of {budget_w} W by stations that keep their word"] if kept_w > budget_w + 1 else []
        found += [f"the auditor finds {book.over_w_max} W too much"] if book.over_w_max > 0 else []
        return {
            "samples": len(self.samples),
            "kills": len(self.kills_ms),
            "bad_weather": len(self.weather_ms),
            "kept_max_w": round(kept_w),
            "total_max_w": round(max(s.total_w for s in self.samples)),
            "used_pct": used_pct(self.site, log.entries, calm[len(calm) // 3 :], apart) if calm else None,
            "flagged": sorted(flagged_ms),
            "taken_to_round_up": sorted(rounding),
            "limit_accepted_after_lived_s": limits_after_s(log.entries, obeying),
            "audit": found,
        }


def _site() -> Facility:
    base = full_size()
    stations = list(base.stations)
    for number in KNOWN_TO_ROUND:
        evse = stations[number - 1].evses[0].model_copy(update={"rounds_up": True, "voltage_v": VOLTS, "phases": ""})
        stations[number - 1] = stations[number - 1].model_copy(update={"evses": (evse,)})
    return base.model_copy(update={"stations": tuple(stations)})
