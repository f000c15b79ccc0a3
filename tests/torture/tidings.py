"""How soon a real daemon sends a limit after an arrival, a departure, a boot, a reconnect and a resume, in real time at
the stations' sockets, while all chargers of a full site want more than there is.

After a boot, a reconnect and a resume the limit of that station is waited for; after an arrival and a departure the
first that any station gets, for others must come down before one can be lifted.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.box import RATINGS_W, Box, account, fill, full_size
from tests.benchmarks.figures import percentile
from tests.benchmarks.fleet import Station, dial

BAR_REAL_S = 2.0
QUIET_REAL_S = 1.0
PATIENCE_REAL_S = 60.0
_LOOK_REAL_S = 0.005


class Guest(Station):
    """A station whose car draws all that it may. ``told_s``: when it was last told a limit."""

    told_s: float = 0.0
    charges: int = 0
    seq_no: int = 0

    def obey(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a call."""
        if action == "SetChargingProfile":
            self.told_s = time.perf_counter()
        return super().obey(action, payload)

    async def arrive(self) -> None:
        """A car comes and charges."""
        self.charges, self.seq_no = self.charges + 1, -1
        await self.tell("Started", "Charging", idToken={"idToken": f"TOKEN-c{self.number}", "type": "ISO14443"})

    async def leave(self) -> None:
        """The car goes."""
        await self.tell("Ended", "Idle")

    async def tell(self, kind: str, state: str, **more: Any) -> None:
        """A message of its transaction."""
        self.seq_no += 1
        told = {**self._transaction(kind, self.seq_no), "meterValue": [self._reading()], **more}
        told["transactionInfo"] = {"transactionId": f"tx-{self.number}-{self.charges}", "chargingState": state}
        await self.call("TransactionEvent", told)


class Tidings:
    """``run`` tells each kind ``rounds`` times; the seconds by kind, and under ``late`` the kinds that took longer than
    the bar."""

    def __init__(self, folder: Path, rounds: int, stations: int = len(RATINGS_W)) -> None:
        self.site = full_size(ratings_w=RATINGS_W[-stations:])
        self._folder, self._rounds, self._stations = folder, rounds, stations
        self._guests: list[Guest] = []
        self._took_s: dict[str, list[float]] = {}

    def run(self) -> dict[str, object]:
        """Raises TimeoutError when a limit does not come at all."""
        drivers = [account(n) for n in range(1, self._stations + 1)]
        power = self.site.power.model_copy(update={"budget_w": self._budget_w()})
        fill(self._folder, self.site.model_copy(update={"power": power}), drivers, parked=drivers)
        with Box(self._folder, self.site.facility_id) as box:
            asyncio.run(self._tell_all(box.port))
        figures = {
            kind: {"tidings": len(took), "median_s": round(percentile(took, 50), 3), "most_s": round(max(took), 3)}
            for kind, took in self._took_s.items()
        }
        return figures | {"late": sorted(k for k, took in self._took_s.items() if max(took) > BAR_REAL_S)}

    def _budget_w(self) -> int:
        """As scarce as 400 kW are for all."""
        return sum(RATINGS_W[-self._stations :]) * 400_000 // sum(RATINGS_W)

    async def _tell_all(self, port: int) -> None:
        async with AsyncExitStack() as undo:
            for number in range(1, self._stations + 1):
                self._guests.append(await _come(undo, port, number))
                await self._guests[-1].boot()
            await self._until(lambda: all(guest.told_s for guest in self._guests))
            for guest in self._guests:
                await guest.arrive()
            for n in range(self._rounds):
                await self._round(undo, port, n % self._stations)

    async def _round(self, undo: AsyncExitStack, port: int, index: int) -> None:
        guest, others = self._guests[index], self._guests
        await self._time("departure", guest.leave(), others)
        await self._time("arrival", guest.arrive(), others)
        await self._time("boot", guest.boot(), [guest])
        await self._quiet()
        await guest.tell("Updated", "SuspendedEV")
        await self._time("resume", guest.tell("Updated", "Charging"), [guest])
        await guest.connection.close()
        await self._time("reconnect", self._come_back(undo, port, index), others[index : index + 1])

    async def _come_back(self, undo: AsyncExitStack, port: int, index: int) -> None:
        await _come(undo, port, self._guests[index].number, self._guests[index])

    async def _time(self, kind: str, tiding: Awaitable[None], among: Sequence[Guest]) -> None:
        """Once nothing more is said, let it happen; seconds until one of these stations is told a limit."""
        await self._quiet()
        began_s = time.perf_counter()
        await tiding
        await self._until(lambda: any(guest.told_s > began_s for guest in among))
        self._took_s.setdefault(kind, []).append(max(guest.told_s for guest in among) - began_s)

    async def _quiet(self) -> None:
        await self._until(lambda: all(time.perf_counter() - g.told_s > QUIET_REAL_S for g in self._guests))

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_REAL_S):
            while True:
                if holds():
                    return
                await asyncio.sleep(_LOOK_REAL_S)


async def _come(undo: AsyncExitStack, port: int, number: int, known: Guest | None = None) -> Guest:
    """A station connects, or connects again."""
    connection = await undo.enter_async_context(dial(port, f"cs-{number}"))
    guest = known or Guest(number, connection)
    guest.connection = connection
    listening = asyncio.create_task(guest.listen())
    undo.push_async_callback(_end, listening)
    return guest


async def _end(listening: "asyncio.Task[None]") -> None:
    listening.cancel()
    await asyncio.wait({listening})
