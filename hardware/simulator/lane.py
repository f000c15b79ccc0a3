"""The physical lane in the world's process: a camera and a display on ptys, an arm, two loops, one driver at a time.

It knows nothing of rules: a driver sees a light, an arm and a display, as a person would. The light hangs on the
barrier's relays: green from a raise pulse, red from a lower pulse and after each car.

Times are lived, so a lane keeps step with the facility in time-lapse.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

from hardware.display import parse_display
from hardware.plate_reader import ALIVE_MS, Reading, alive_sentence, plate_sentence
from hardware.sentences import BadSentence
from hardware.simulator.arm import SimulatedArm
from hardware.simulator.pin_wire_client import PinWireClient
from hardware.simulator.pty_line import PtyLine
from hardware.wiring import LaneWiring
from shared.clock import Clock

CAMERA_MS = 600
"""From a car on the front loop to its plate on the serial line."""
REREAD_MS = 4_000
"""How often the camera looks again while a car stands before a red light."""
ANSWER_PATIENCE_MS = 90_000
"""How long a driver waits when nothing is shown and nothing moves."""
REFUSAL_PATIENCE_MS = 10_000
"""How long a driver waits for the light after the display first said something."""
PATIENCE_REAL_S_MIN = 1.0
"""In time-lapse a driver must not give up because this machine stalled."""
START_MS = 1_000
"""From green light to the safety loop."""
OVERLAP_MS = 800
"""A car is longer than the gap between the loops: it stands on both for this long."""
CLEAR_MS = 1_500
"""From leaving the front loop to leaving the safety loop."""
FOLLOW_MS = 200
"""How far behind the car in front a tailgater drives."""
HEARTBEAT_REAL_S_MIN = 0.5
"""However fast time is lived, a camera need not say more often that it is there (PlateReader waits 2 s at least)."""


class Behaviour(StrEnum):
    """What a driver does at a lane."""

    NORMAL = "NORMAL"
    TAILGATE = "TAILGATE"
    """Follows the car in front under the open arm without asking; a lowered arm makes an honest driver of them."""
    REVERSE_OUT = "REVERSE_OUT"
    """Is let in, and backs out from before the arm."""
    REVERSE_UNDER = "REVERSE_UNDER"
    """Drives under the open arm, and backs out again."""
    STOP_UNDER = "STOP_UNDER"
    """Stops under the arm for ``Car.stop_ms``, then drives on."""


class Outcome(StrEnum):
    PASSED = "PASSED"
    REFUSED = "REFUSED"
    """The display said something, and the arm did not rise."""
    UNANSWERED = "UNANSWERED"
    """Nothing was shown and nothing moved."""
    TURNED_BACK = "TURNED_BACK"
    """The driver was let through and changed their mind."""


@dataclass(frozen=True, slots=True)
class Car:
    """One car coming to a lane. ``readings`` is what the camera makes of its plate, look after look; the last one
    repeats. Empty: it reads ``plate`` with 96 %."""

    plate: str
    readings: tuple[Reading, ...] = ()
    behaviour: Behaviour = Behaviour.NORMAL
    stop_ms: int = 20_000

    def reading(self, look: int) -> Reading:
        """What the camera says at its ``look``-th look, counted from 0."""
        looks = self.readings or (Reading(self.plate, 96),)
        return looks[min(look, len(looks) - 1)]


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of one car. ``green_ms`` is when the light let it go; ``shown`` what the display said
    last to this car, empty when it said nothing."""

    outcome: Outcome
    arrived_ms: int
    left_ms: int
    green_ms: int | None = None
    shown: tuple[str, ...] = ()


Reaction = Callable[[tuple[str, ...]], Awaitable[bool]]
"""What a refused driver does about it (pays, say). Gets the display's lines; True means: wait for the light again."""


class SimulatedLane:
    """One lane of the world. Use as an async context manager; ``wire`` is the facility's pin wire.

    To break things: ``camera.unplug()`` and ``plug_in()``, the same for ``display`` and ``wire``; ``camera_dead``
    silences the camera with its cable in; ``arm.stuck`` stops the arm. ``arm.crushes`` is what must stay empty.
    """

    def __init__(self, wiring: LaneWiring, *, wire: str, clock: Clock) -> None:
        self.lane_id = wiring.lane_id
        self.shown: tuple[str, ...] = ()
        self._said: tuple[str, ...] = ()
        self.green = False
        self.camera_dead = False
        self._pins = wiring.pins
        self._clock = clock
        self._news = asyncio.Event()
        self._shown_ms: int | None = None
        self._occupied = {wiring.pins.front: False, wiring.pins.under: False}
        self._busy = False
        self.camera = PtyLine(wiring.plate_reader)
        self.display = PtyLine(wiring.display, on_line=self._show)
        self.wire = PinWireClient(wire, on_output=self._relay)
        self.arm = SimulatedArm(clock, on_limits=self._limits, car_under=lambda: self._occupied[self._pins.under])
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.camera.plug_in()
        self.display.plug_in()
        for pin, occupied in self._occupied.items():
            self.wire.drive(pin, occupied)
        self._limits(up=False, down=True)
        await self._tasks.__aenter__()
        self._running = [self._tasks.create_task(self.wire.run()), self._tasks.create_task(self._beat())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            self.arm.close()
            self.camera.unplug()
            self.display.unplug()

    async def drive_through(self, car: Car, *, on_refusal: Reaction | None = None) -> Passage:
        """Bring one car to the lane and drive it as it behaves; returns when the lane is free of it.

        The caller sees to it that cars come one at a time (RuntimeError otherwise). A cancelled drive takes the car
        off the loops.
        """
        if self._busy:
            raise RuntimeError(f"lane {self.lane_id} has a car already")
        self._busy, self.green, self._shown_ms, self._said = True, False, None, ()
        arrived_ms, green_ms = self._clock.now_ms(), None
        try:
            self._stand(front=True)
            if await self._can_follow(car):
                outcome = await self._go(car)
            elif await self._is_let_through(car, on_refusal):
                green_ms = self._clock.now_ms()
                outcome = await self._go(car)
            else:
                outcome = Outcome.UNANSWERED if self._shown_ms is None else Outcome.REFUSED
        finally:
            self._stand(front=False)
            self._stand(under=False)
            self._busy, self.green = False, False
        return Passage(outcome, arrived_ms, self._clock.now_ms(), green_ms, self._said)

    async def _can_follow(self, car: Car) -> bool:
        """Whether a tailgater makes it under the arm that was raised for somebody else."""
        if car.behaviour is not Behaviour.TAILGATE or not self.arm.passable:
            return False
        await self._live(FOLLOW_MS)
        return self.arm.passable

    async def _is_let_through(self, car: Car, on_refusal: Reaction | None) -> bool:
        """Wait before the arm with the camera looking; False when the driver gave up."""
        looking = asyncio.create_task(self._look(car))
        try:
            while not await self._sees_green():
                refused = self._shown_ms is not None
                if not refused or on_refusal is None or not await on_refusal(self._said):
                    return False
                self._shown_ms = self._clock.now_ms()
            return True
        finally:
            looking.cancel()

    async def _sees_green(self) -> bool:
        """Wait for a green light and a raised arm as long as the driver's patience lasts."""
        since_ms, since_real_s = self._clock.now_ms(), time.monotonic()
        while not (self.green and self.arm.passable):
            until_ms = (
                since_ms + ANSWER_PATIENCE_MS
                if self._shown_ms is None or self.green
                else self._shown_ms + REFUSAL_PATIENCE_MS
            )
            self._news.clear()
            at_least_real_s = since_real_s + PATIENCE_REAL_S_MIN - time.monotonic()
            patience_real_s = max(at_least_real_s, self._clock.real_s_until(until_ms))
            try:
                async with asyncio.timeout(patience_real_s):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    async def _look(self, car: Car) -> None:
        """The camera while a car stands before a red light."""
        await self._live(CAMERA_MS)
        look = 0
        while True:
            if not self.green and not self.camera_dead:
                self.camera.send(plate_sentence(car.reading(look)))
                look += 1
            await self._live(REREAD_MS)

    async def _go(self, car: Car) -> Outcome:
        """Drive, back out or stop under the arm, as the driver behaves."""
        if car.behaviour is not Behaviour.TAILGATE:
            await self._live(START_MS)
        if car.behaviour is Behaviour.REVERSE_OUT or not self.arm.passable:
            return Outcome.TURNED_BACK
        self._stand(under=True)
        await self._live(OVERLAP_MS)
        if car.behaviour is Behaviour.REVERSE_UNDER:
            self._stand(under=False)
            await self._live(OVERLAP_MS)
            return Outcome.TURNED_BACK
        self._stand(front=False)
        await self._live(CLEAR_MS + (car.stop_ms if car.behaviour is Behaviour.STOP_UNDER else 0))
        return Outcome.PASSED

    def _stand(self, *, front: bool | None = None, under: bool | None = None) -> None:
        for pin, occupied in ((self._pins.front, front), (self._pins.under, under)):
            if occupied is not None and self._occupied[pin] is not occupied:
                self._occupied[pin] = occupied
                self.wire.drive(pin, occupied)

    async def _live(self, duration_ms: int) -> None:
        await asyncio.sleep(self._clock.real_s(duration_ms))

    async def _beat(self) -> None:
        while True:
            if not self.camera_dead:
                self.camera.send(alive_sentence())
            await asyncio.sleep(max(self._clock.real_s(ALIVE_MS), HEARTBEAT_REAL_S_MIN))

    def _relay(self, pin: int, energised: bool) -> None:
        if energised and pin == self._pins.raise_:
            self.green = True
            self.arm.rise()
        elif energised and pin == self._pins.lower:
            self.green = False
            self.arm.fall()
        self._news.set()

    def _limits(self, up: bool, down: bool) -> None:
        self.wire.drive(self._pins.arm_up, up)
        self.wire.drive(self._pins.arm_down, down)
        self._news.set()

    def _show(self, line: bytes) -> None:
        try:
            self.shown = parse_display(line)
        except BadSentence:
            return
        if self.shown:
            self._said = self.shown
            self._shown_ms = self._clock.now_ms() if self._shown_ms is None else self._shown_ms
        self._news.set()
