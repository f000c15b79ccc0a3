"""A restart storm: all stations of a large site connect and start their transactions while the daemon is just up.

The stations live in this process, the daemon in its own. Each connects at its instant within some seconds, boots,
tells its status, starts a transaction with its driver's token, and charges once it was told a limit that its car can
use. Next to it the same number of connections and round trips with a bare echo.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from edge.store import Store
from shared.facilities import PowerSettings
from tests.benchmarks.box import Box, account, fill, full_size
from tests.benchmarks.charging import echo_server
from tests.benchmarks.figures import BenchmarkError, Figure
from tests.benchmarks.fleet import Station, dial

SPREAD_REAL_S = 5.0
PATIENCE_REAL_S = 60.0
RATING_W, MINIMUM_W = 11_000, 4_140
_LOOK_REAL_S = 0.02


class Newcomer(Station):
    """A station that knows whether its car has been given a limit to charge with."""

    limited: bool = False
    plugged: bool = False

    @property
    def charging(self) -> bool:
        """Whether its car may draw what it needs to charge at all; the limit may have been told before it came."""
        return self.plugged and self.power_w >= MINIMUM_W

    def obey(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a call."""
        told = super().obey(action, payload)
        self.limited = self.limited or action == "SetChargingProfile"
        return told


def measure(folder: Path, *, stations: int, spread_real_s: float = SPREAD_REAL_S) -> list[Figure]:
    """Seconds from the first connection until the last car charges; the last one connects after ``spread_real_s``.
    Raises BenchmarkError when something was lost."""
    site = full_size(ratings_w=(RATING_W,) * stations)
    power = PowerSettings(budget_w=stations * RATING_W * 3 // 4)
    drivers = [account(n) for n in range(1, stations + 1)]
    fill(folder, site.model_copy(update={"power": power}), drivers, parked=drivers)
    with Box(folder, site.facility_id) as box, echo_server() as echo_port:
        instants_s = [spread_real_s * n / stations for n in range(1, stations + 1)]
        took_s = asyncio.run(_storm(box.port, instants_s, charges=True))
        bare_s = asyncio.run(_storm(echo_port, instants_s, charges=False))
    with closing(Store(folder / "data", site.facility_id)) as store:
        started = {e.body["station_id"] for e in store.all_entries(after=0) if e.type == "TransactionStarted"}
    if len(started) != stations:
        raise BenchmarkError(f"{stations - len(started)} transactions of {stations} are not in the log")
    return [Figure(f"storm of {stations}: first connection to last car", "s", took_s, bare_s, "the same, echoed")]


async def _storm(port: int, instants_s: Sequence[float], *, charges: bool) -> float:
    began_s = time.perf_counter()
    async with AsyncExitStack() as undo, asyncio.timeout(PATIENCE_REAL_S):
        async with asyncio.TaskGroup() as coming:
            for number, at_s in enumerate(instants_s, 1):
                coming.create_task(_come(undo, port, number, at_s, charges=charges))
        return time.perf_counter() - began_s


async def _come(undo: AsyncExitStack, port: int, number: int, at_s: float, *, charges: bool) -> None:
    await asyncio.sleep(at_s)
    connection = await undo.enter_async_context(dial(port, f"cs-{number}"))
    station = Newcomer(number, connection)
    listening = asyncio.create_task(station.listen())
    undo.push_async_callback(_end, listening)
    await station.boot()
    await station.tell_status("Available")
    await station.tell_status("Occupied")
    if charges:
        await _until(station, listening, "limited")  # until then no car may start
        station.plugged = True
        await station.plug_in()
        await _until(station, listening, "charging")


async def _until(station: Newcomer, listening: "asyncio.Task[None]", what: str) -> None:
    while not getattr(station, what):
        if listening.done():
            raise BenchmarkError(f"the daemon let go of station {station.number} before it was {what}")
        await asyncio.sleep(_LOOK_REAL_S)


async def _end(listening: "asyncio.Task[None]") -> None:
    listening.cancel()
    await asyncio.wait({listening})
