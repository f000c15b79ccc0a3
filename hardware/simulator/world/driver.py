"""One driver's visit, from the queue at the entry to the way out. People see lights and displays, not rules: what the
edge decided is read off the lane's display.

Each stage is journalled, so that after a restart of the world the same cars stand where they stood.
"""

import asyncio
import logging
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Protocol

from hardware.plate_reader import Reading as Look
from hardware.simulator.electrics import Car as Battery
from hardware.simulator.lane import Car, Outcome, Passage, Reaction
from hardware.simulator.population import Reading, Visit
from hardware.simulator.stations import SimulatedStation
from hardware.simulator.world.pay_machine import Paid
from shared.clock import MINUTE_MS, SECOND_MS, Clock
from shared.facilities import LaneDirection, Size
from shared.rights import RightKind

log = logging.getLogger(__name__)

WALK_MS = 90 * SECOND_MS
"""From the lane to the space, and from the space to the pay machine or to the lane."""
DRIVE_OUT_MS = 45 * SECOND_MS
"""From the charger to an exit."""
RETRY_MS = 2 * MINUTE_MS
RETRY_REAL_S_MIN = 0.5
"""However fast time is lived, nobody asks a dead machine more often than this."""
ENTRY_TRIES = 30
REFUSALS_MAX = 3
"""How often a driver asks for help at a lane that refuses, before turning away or being let out by hand."""
CARD_TRIES = 20
END_SOC = 0.9
"""State of charge at which most drivers stop."""
CLEAR_PCT, UNCLEAR_PCT = 96, 45


class Stage(StrEnum):
    """How far a visit has come. ``GONE`` is never journalled."""

    ARRIVING = "ARRIVING"
    PARKED = "PARKED"
    LEAVING = "LEAVING"
    GONE = "GONE"


class Place(Protocol):
    """What a driver needs of the facility."""

    clock: Clock

    async def drive(self, direction: LaneDirection, car: Car, on_refusal: Reaction | None) -> Passage: ...
    def outlet_at(self, space_id: str) -> tuple[SimulatedStation, int] | None: ...
    async def pay(self, plate: str, reference: str) -> Paid: ...
    def journalise(self, visit_id: str, state: dict[str, Any] | None) -> None: ...


class Driver:
    """One visit. ``kept`` is what an earlier life of the world journalled of it."""

    def __init__(self, visit: Visit, place: Place, kept: dict[str, Any] | None = None) -> None:
        self.visit = visit
        self._place = place
        self._clock = place.clock
        self._restored = kept is not None
        self.stage = Stage(kept["stage"]) if kept else Stage.ARRIVING
        self._space_id: str = kept["space_id"] if kept else ""
        self._leaves_at_ms: int = kept["leaves_at_ms"] if kept else 0

    async def live(self) -> None:
        """Go through the visit to its end, from whichever stage it is at."""
        self._go(self.stage)
        if self.stage is Stage.ARRIVING:
            await self._enter()
        if self.stage is Stage.PARKED:
            await self._stay()
        if self.stage is Stage.LEAVING:
            await self._leave()

    def _go(self, stage: Stage) -> None:
        self.stage = stage
        state = {
            "visit": asdict(self.visit),
            "stage": stage,
            "space_id": self._space_id,
            "leaves_at_ms": self._leaves_at_ms,
        }
        self._place.journalise(self.visit.visit_id, None if stage is Stage.GONE else state)

    async def _enter(self) -> None:
        refusals = 0
        for _ in range(ENTRY_TRIES):
            passage = await self._place.drive(LaneDirection.ENTRY, self._car(self.visit.entry_reading), None)
            # Driven in just before the world stopped: the car is inside, where it parked is forgotten.
            was_in = self._restored and _says(passage, "ALREADY INSIDE")
            if passage.outcome is Outcome.PASSED or was_in:
                self._space_id = "" if was_in else space_shown(passage.shown)
                self._leaves_at_ms = self._clock.now_ms() + self.visit.stay_ms
                self._go(Stage.PARKED)
                return
            if passage.outcome is Outcome.TURNED_BACK or _says(passage, "FULL") or _says(passage, "CLOSED"):
                break
            refusals += passage.outcome is Outcome.REFUSED
            if refusals >= REFUSALS_MAX:
                break
            await self._wait_to_retry()
        self._go(Stage.GONE)

    async def _stay(self) -> None:
        outlet = self._place.outlet_at(self._space_id) if self.visit.wants_charge else None
        if outlet is not None:
            await self._charge(*outlet)
        await asyncio.sleep(self._clock.real_s_until(self._leaves_at_ms))
        if outlet is not None and self._plugged_in(*outlet):
            outlet[0].unplug(outlet[1])
            await self._live(DRIVE_OUT_MS)
        self._go(Stage.LEAVING)

    def _plugged_in(self, station: SimulatedStation, evse_id: int) -> bool:
        car = station.device.outlets[evse_id].car
        return car is not None and car.owner == self.visit.plate

    async def _charge(self, station: SimulatedStation, evse_id: int) -> None:
        """Plug in and hold the card to the reader until it is taken."""
        if not self._plugged_in(station, evse_id):
            await self._live(WALK_MS)
            if station.device.outlets[evse_id].car is not None:
                log.info("charger taken", extra={"plate": self.visit.plate, "space_id": self._space_id})
                return
            station.plug_in(evse_id, battery_of(self.visit))
        for _ in range(CARD_TRIES):
            charging = station.device.outlets[evse_id].transaction is not None
            if charging or self._clock.now_ms() >= self._leaves_at_ms:
                return
            if await station.authorize(evse_id, self.visit.id_token or self.visit.plate) == "Accepted":
                return
            await self._wait_to_retry()

    async def _leave(self) -> None:
        await self._live(WALK_MS)
        if self.visit.kind is RightKind.TICKET:
            await self._pay()
        refusals = 0
        while True:
            passage = await self._place.drive(LaneDirection.EXIT, self._car(self.visit.exit_reading), self._at_exit)
            if passage.outcome is Outcome.PASSED:
                break
            unknown = _says(passage, "NO TICKET FOUND")
            refusals += unknown
            # Driven out just before the world stopped, or the facility never knew this car: a person lets it out.
            if unknown and (self._restored or refusals >= REFUSALS_MAX):
                log.warning("left unknown to the facility", extra={"plate": self.visit.plate})
                break
            await self._wait_to_retry()
        self._go(Stage.GONE)

    async def _at_exit(self, shown: tuple[str, ...]) -> bool:
        """A driver who is told to pay does so by phone and waits for the light."""
        return any("PAY" in line for line in shown) and await self._place.pay(
            self.visit.plate, self.visit.visit_id
        ) in (Paid.PAID, Paid.NOTHING_DUE)

    async def _pay(self) -> None:
        while await self._place.pay(self.visit.plate, self.visit.visit_id) is Paid.OUT_OF_ORDER:
            await self._wait_to_retry()

    def _car(self, reading: Reading) -> Car:
        well = Look(self.visit.plate, CLEAR_PCT)
        first = {
            Reading.CLEAR: well,
            Reading.UNCLEAR: Look(self.visit.plate, UNCLEAR_PCT),
            Reading.UNREAD: Look("", 0),
        }[reading]
        return Car(self.visit.plate, readings=(first, well))

    async def _live(self, duration_ms: int) -> None:
        await asyncio.sleep(self._clock.real_s(duration_ms))

    async def _wait_to_retry(self) -> None:
        await asyncio.sleep(max(RETRY_REAL_S_MIN, self._clock.real_s(RETRY_MS)))


def battery_of(visit: Visit) -> Battery:
    """The car's battery on arrival: so full that what its driver wants brings it to ``END_SOC``."""
    wanted_wh = END_SOC * visit.battery_wh
    return Battery(
        capacity_wh=visit.battery_wh,
        stored_wh=wanted_wh - visit.energy_wh,
        wanted_wh=wanted_wh,
        max_w=visit.max_power_w,
        owner=visit.plate,
    )


def space_shown(lines: tuple[str, ...]) -> str:
    """The space that a display sends the driver to: the word after ``SPACE``. Empty when it names none."""
    words = next((line.split() for line in lines if line.upper().startswith("SPACE ")), [])
    return words[1].lower() if len(words) > 1 else ""


def visit_of(kept: dict[str, Any]) -> Visit:
    """A visit as the journal holds it."""
    readings = {name: Reading(kept[name]) for name in ("entry_reading", "exit_reading")}
    return Visit(**kept | readings | {"kind": RightKind(kept["kind"]), "size": Size(kept["size"])})


def _says(passage: Passage, text: str) -> bool:
    return passage.outcome is Outcome.REFUSED and any(text in line for line in passage.shown)
