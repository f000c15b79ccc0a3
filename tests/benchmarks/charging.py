"""OCPP round trips a second with 25 stations that never pause, next to a bare WebSocket echo of the same frames.

Server and stations are two processes in both cases: the stations live in this one. The real server validates each
message against its schema, decides it by the rules and answers it when it is durable. Slices of both take turns.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from tests.benchmarks.box import RATINGS_W, Box, account, fill, full_size
from tests.benchmarks.figures import BenchmarkError, Figure, percentiles_ms
from tests.benchmarks.fleet import Station, dial

AGAINST = "WebSocket echo"
SETTLE_REAL_S = 2.0
"""Until then every station has its settings and its fallback limit, without which no car may start."""


def measure(folder: Path, *, slices: int, slice_real_s: float) -> list[Figure]:
    """Talk ``slices`` times for ``slice_real_s`` to each server."""
    site = full_size()
    drivers = [account(n) for n in range(1, len(RATINGS_W) + 1)]
    fill(folder, site, drivers, parked=drivers)
    with Box(folder, site.facility_id) as box, echo_server() as echo_port:
        return asyncio.run(_measure(box.port, echo_port, [slice_real_s] * slices))


async def _measure(port: int, echo_port: int, slices_real_s: list[float]) -> list[Figure]:
    async with AsyncExitStack() as undo:
        stations = [await undo.enter_async_context(station(port, n)) for n in range(1, len(RATINGS_W) + 1)]
        echoes = [await undo.enter_async_context(station(echo_port, n)) for n in range(1, len(RATINGS_W) + 1)]
        for one in stations:
            await one.boot()
        await asyncio.sleep(SETTLE_REAL_S)
        for one in stations:
            await one.plug_in()
            one.laps_s.clear()
        spent_s = {"product": 0.0, "bare": 0.0}
        for slice_real_s in slices_real_s:
            spent_s["product"] += await talk(stations, slice_real_s)
            spent_s["bare"] += await talk(echoes, slice_real_s)
    product_s = [lap for one in stations for lap in one.laps_s]
    bare_s = [lap for one in echoes for lap in one.laps_s]
    rates = (len(product_s) / spent_s["product"], len(bare_s) / spent_s["bare"])
    return [
        Figure("OCPP round trips, 25 stations", "/s", *rates, AGAINST),
        *percentiles_ms("OCPP round trip", product_s, bare_s, AGAINST),
    ]


async def talk(stations: list[Station], real_s: float) -> float:
    """Let all talk at once; seconds until the last was answered."""
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as talking:
        for one in stations:
            talking.create_task(one.talk(began_s + real_s))
    return time.perf_counter() - began_s


@asynccontextmanager
async def station(port: int, number: int) -> AsyncIterator[Station]:
    """A station that is connected and listens."""
    async with dial(port, f"cs-{number}") as connection:
        made = Station(number, connection)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()
            await asyncio.wait({listening})


@contextmanager
def echo_server() -> Iterator[int]:
    """The port of an echo in a process of its own."""
    with subprocess.Popen([sys.executable, "-m", "tests.benchmarks.echo"], stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            if not said:
                raise BenchmarkError("the echo server does not start")
            yield int(said)
        finally:
            server.kill()
