"""OCPP round trips a second with validation on, by number of connections; next to the ``ocpp`` package as it comes, and
to a bare WebSocket echo. And the memory that an idle station takes.

Each server is a process of its own and has a processor for itself, the stations live in this one and never pause; they
cost less than any of the servers, so that the server is what is measured. Slices of the three take turns, so that all
saw the same machine. None decides by rules or waits for a disk: ``charging`` measures the daemon with both.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.charging import station
from tests.benchmarks.crowd import allow_files, talk
from tests.benchmarks.figures import BenchmarkError, Figure
from tests.benchmarks.fleet import Station
from tests.benchmarks.memory import cpu_s, memory_mb
from tests.benchmarks.pinning import Pinning, on

CONNECTIONS = (25, 250, 1_000)
SETTLE_REAL_S = 3.0
"""Until then every station has been told its settings."""
_FILES_BESIDES = 100
_OURS, _PLAIN, _ECHO = "tests.benchmarks.csms", "tests.benchmarks.plain", "tests.benchmarks.echo"


def measure(
    folder: Path,
    *,
    slices: int,
    slice_real_s: float,
    connections: Sequence[int] = CONNECTIONS,
    settle_real_s: float = SETTLE_REAL_S,
) -> list[Figure]:
    """Five figures for each number of connections: round trips a second next to the package and to the echo, the same
    of a second of the servers' processor time, and the memory that one more idle station takes."""
    pace = [slice_real_s] * slices
    return [figure for count in connections for figure in _at(folder, count, pace, settle_real_s)]


def _at(folder: Path, count: int, slices_real_s: list[float], settle_real_s: float) -> list[Figure]:
    allow_files(_FILES_BESIDES + 3 * count)
    pinning = Pinning.possible()
    book = folder / f"book-{count}"
    book.mkdir()
    with ExitStack() as undo:
        with on(pinning.site):
            ours = undo.enter_context(_server(_OURS, str(count), str(book)))
            servers = [ours, *(undo.enter_context(_server(name)) for name in (_PLAIN, _ECHO))]
        with on(pinning.cloud):
            product, plain, echo = asyncio.run(_measure(servers, count, slices_real_s, settle_real_s))
    name, package, bare = f"OCPP layer, {count} stations", "the ocpp package", "WebSocket echo"
    return [
        Figure(name, "/s", product.rate, plain.rate, package),
        Figure(name, "/s", product.rate, echo.rate, bare),
        Figure(f"{name}, of the server's CPU", "/s", product.cpu_rate, plain.cpu_rate, package),
        Figure(f"{name}, of the server's CPU", "/s", product.cpu_rate, echo.cpu_rate, bare),
        Figure(f"memory of an idle station, {count}", "kB", product.idle_kb, echo.idle_kb, bare),
    ]


@dataclass
class _Course:
    """What one server did. ``cpu_rate`` is round trips in a second of its processor time: what its processor would do
    with nobody else on it."""

    pid: int
    fleet: list[Station]
    idle_kb: float
    trips: int = 0
    real_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        return self.trips / self.real_s

    @property
    def cpu_rate(self) -> float:
        return self.trips / self.cpu_s


async def _measure(
    servers: list[tuple[int, int]], count: int, slices_real_s: list[float], settle_real_s: float
) -> list[_Course]:
    async with AsyncExitStack() as undo:
        courses = []
        for port, pid in servers:
            fleet = await _come(undo, port, range(1, 2), settle_real_s)
            before_mb = memory_mb([pid])  # with all that the first station alone makes a server load
            fleet += await _come(undo, port, range(2, count + 1), settle_real_s)
            courses.append(_Course(pid, fleet, (memory_mb([pid]) - before_mb) * 1_000 / (count - 1)))
        for slice_real_s in slices_real_s:
            for course in courses:
                before_s = cpu_s([course.pid])
                trips, real_s = await talk(course.fleet, slice_real_s)
                course.trips += trips
                course.real_s += real_s
                course.cpu_s += cpu_s([course.pid]) - before_s
    return courses


async def _come(undo: AsyncExitStack, port: int, numbers: range, settle_real_s: float) -> list[Station]:
    fleet = [await undo.enter_async_context(station(port, n)) for n in numbers]
    for one in fleet:
        await one.boot()
    await asyncio.sleep(settle_real_s)
    return fleet


@contextmanager
def _server(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    with subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            if not said:
                raise BenchmarkError(f"{module} does not start")
            yield int(said), server.pid
        finally:
            server.kill()
