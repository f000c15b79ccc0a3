"""One facility of the world: its lanes with their queues, its charging stations, its pay machine, and the traffic."""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hardware.simulator.device import Behaviour
from hardware.simulator.journal import Journal
from hardware.simulator.lane import Car, Passage, Reaction, SimulatedLane
from hardware.simulator.memory import Memory
from hardware.simulator.meter import live_in
from hardware.simulator.ocpp_client import VERSION
from hardware.simulator.population import Settings, Visit, visits
from hardware.simulator.stations import Login, SimulatedStation
from hardware.simulator.world.config import SiteConfig
from hardware.simulator.world.driver import Driver, visit_of
from hardware.simulator.world.pay_machine import Paid, PayMachine
from shared.clock import MINUTE_MS, SECOND_MS, Clock, from_datetime, to_local
from shared.facilities import LaneDirection

log = logging.getLogger(__name__)

LATE_MS = 10 * MINUTE_MS
"""A visit that was due longer ago than this when the world comes up is skipped."""
WATCH_MS = 15 * SECOND_MS
REPORT_MS = 10 * MINUTE_MS
WATCH_REAL_S_MIN = 0.1


class Site:
    """A facility and its drivers. ``run`` until cancelled; ``wind_down`` first lets cars in the lanes get through."""

    def __init__(self, config: SiteConfig, journal: Journal, clock: Clock) -> None:
        self.clock = clock
        self.facility = config.facility
        self._config = config
        self._journal = journal
        self._queues: dict[LaneDirection, asyncio.Queue[SimulatedLane]] = {d: asyncio.Queue() for d in LaneDirection}
        self._driving = 0
        self._stopping = False
        self._lanes_clear = asyncio.Event()
        self._lanes_clear.set()
        self._pay_machine = PayMachine(config.api_url, config.api_token_file)
        self._drivers: dict[str, Driver] = {}
        self._peak_w = 0.0
        self.stations = {
            station.station_id: SimulatedStation(
                station,
                Login(
                    config.ocpp_url,
                    config.passwords[station.station_id],
                    config.versions.get(station.station_id, VERSION),
                ),
                clock,
                Memory(journal, f"station/{self.facility.facility_id}/{station.station_id}"),
                config.behaviours.get(station.station_id, Behaviour.OBEYS),
            )
            for station in self.facility.stations
        }
        self._outlets = {
            evse.space_id: (self.stations[station.station_id], evse.evse_id)
            for station in self.facility.stations
            for evse in station.evses
        }

    async def run(self, seed: str, traffic: Settings, starts_at_ms: int) -> None:
        """Bring the facility to life: stations, cars that were there, cars that come from ``starts_at_ms`` on."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pay_machine)
            for wiring in self._config.lanes:
                lane = await stack.enter_async_context(SimulatedLane(wiring, wire=self._config.wire, clock=self.clock))
                configured = self.facility.lane(wiring.lane_id)
                if configured is not None:
                    self._queues[configured.direction].put_nowait(lane)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for station in self.stations.values():
                tasks.create_task(station.run())
            for _, kept in self._journal.under(f"car/{self.facility.facility_id}/"):
                self._start(tasks, Driver(visit_of(kept["visit"]), self, kept))
            tasks.create_task(self._traffic(tasks, seed, traffic, starts_at_ms))
            tasks.create_task(self._watch())
            building = self.facility.power.building
            if self._config.meter is not None and building is not None:
                tasks.create_task(live_in(building, self._config.meter, self.facility.zone, self.clock))

    async def wind_down(self, patience_real_s: float) -> None:
        """Let no more cars into the lanes and wait for those in them, as long as patience lasts."""
        self._stopping = True
        try:
            async with asyncio.timeout(patience_real_s):
                await self._lanes_clear.wait()
        except TimeoutError:
            log.warning("stopped with cars in the lanes", extra={"cars": self._driving})

    async def _traffic(self, tasks: asyncio.TaskGroup, seed: str, traffic: Settings, starts_at_ms: int) -> None:
        facility_id, zone = self.facility.facility_id, self.facility.zone
        seen = f"seen/{facility_id}"
        kept: int | None = self._journal.get(seen)
        day_ms = midnight_ms(self.clock.now_ms(), zone)
        while True:
            for visit in visits(seed, facility_id, day_ms, zone, traffic):
                late_ms = self.clock.now_ms() - LATE_MS
                if visit.arrives_at_ms < max(late_ms, starts_at_ms) or visit.arrives_at_ms <= (kept or 0):
                    continue
                await asyncio.sleep(self.clock.real_s_until(visit.arrives_at_ms))
                self._journal.put(seen, visit.arrives_at_ms)
                self._arrive(tasks, visit)
            day_ms = midnight_ms(day_ms, zone, days=1)

    def _arrive(self, tasks: asyncio.TaskGroup, visit: Visit) -> None:
        if any(driver.visit.plate == visit.plate for driver in self._drivers.values()):
            log.info("still here from an earlier visit", extra={"plate": visit.plate})
            return
        self._start(tasks, Driver(visit, self))

    def _start(self, tasks: asyncio.TaskGroup, driver: Driver) -> None:
        visit_id = driver.visit.visit_id
        self._drivers[visit_id] = driver
        tasks.create_task(driver.live()).add_done_callback(lambda _: self._drivers.pop(visit_id))

    async def _watch(self) -> None:
        """Keep the books of what is really drawn, whatever the stations report."""
        key = f"truth/{self.facility.facility_id}"
        self._peak_w = (self._journal.get(key) or {}).get("peak_drawn_w", 0.0)
        report_ms = self.clock.now_ms()
        while True:
            drawn_w = self.drawn_w
            if drawn_w > self._peak_w:
                self._peak_w = drawn_w
                self._journal.put(key, {"peak_drawn_w": drawn_w, "at_ms": self.clock.now_ms()})
            if self.clock.now_ms() >= report_ms:
                report_ms += REPORT_MS
                self._report(drawn_w)
            await asyncio.sleep(max(WATCH_REAL_S_MIN, self.clock.real_s(WATCH_MS)))

    def _report(self, drawn_w: float) -> None:
        stages = [driver.stage for driver in self._drivers.values()]
        counts = {stage.lower(): stages.count(stage) for stage in sorted(set(stages))}
        online = sum(station.device.online for station in self.stations.values())
        about = {"facility_id": self.facility.facility_id, "at_ms": self.clock.now_ms(), "stations_online": online}
        log.info("site", extra=about | {"drawn_w": round(drawn_w), "peak_drawn_w": round(self._peak_w)} | counts)

    @property
    def drawn_w(self) -> float:
        """What all chargers of the facility draw now."""
        return sum(station.device.drawn_w for station in self.stations.values())

    # What drivers do here (``driver.Place``).

    async def drive(self, direction: LaneDirection, car: Car, on_refusal: Reaction | None) -> Passage:
        """Queue for the first free lane and drive through it. Never returns once the world is stopping."""
        lane = await self._queues[direction].get()
        if self._stopping:
            await asyncio.Future()
        self._driving += 1
        self._lanes_clear.clear()
        try:
            return await lane.drive_through(car, on_refusal=on_refusal)
        finally:
            self._driving -= 1
            if self._driving == 0:
                self._lanes_clear.set()
            self._queues[direction].put_nowait(lane)

    def outlet_at(self, space_id: str) -> tuple[SimulatedStation, int] | None:
        """The charger at a space, as its station and EVSE; None when there is none."""
        return self._outlets.get(space_id)

    async def pay(self, plate: str, reference: str) -> Paid:
        """Pay at the machine."""
        return await self._pay_machine.pay(plate, reference)

    def journalise(self, visit_id: str, state: dict[str, Any] | None) -> None:
        """Remember how far a visit has come; None when it is over."""
        self._journal.put(f"car/{self.facility.facility_id}/{visit_id}", state)


def midnight_ms(at_ms: int, zone: str, *, days: int = 0) -> int:
    """The local midnight at or before an instant, or the one ``days`` later; local days have 23 to 25 hours."""
    day = to_local(at_ms, zone).date() + timedelta(days=days)
    return from_datetime(datetime.combine(day, time(), tzinfo=ZoneInfo(zone)))
