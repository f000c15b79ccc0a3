"""OCPP round trips a second with validation on, by number of connections; next to the ``ocpp`` package as it comes, and
to a bare WebSocket echo. And the memory that an idle station takes.

Each server is a process of its own, the stations live in this one and never pause. Slices of the three take turns, so
that all saw the same machine. None decides by rules or writes to disk: ``charging`` measures the daemon with both.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass

from tests.benchmarks.charging import station, talk
from tests.benchmarks.figures import BenchmarkError, Figure
from tests.benchmarks.fleet import Station
from tests.benchmarks.memory import cpu_s, memory_mb

CONNECTIONS = (25, 250, 1_000)
SETTLE_REAL_S = 3.0
"""Until then every station has been told its settings."""
_OURS, _PLAIN, _ECHO = "tests.benchmarks.csms", "tests.benchmarks.plain", "tests.benchmarks.echo"


def measure(*, slices: int, slice_real_s: float, connections: Sequence[int] = CONNECTIONS) -> list[Figure]:
    """Two figures for each number of connections, and one for the memory of an idle station at the highest."""
    return [figure for count in connections for figure in _at(count, [slice_real_s] * slices)]


def _at(count: int, slices_real_s: list[float]) -> list[Figure]:
    with ExitStack() as undo:
        servers = [undo.enter_context(_server(name, count)) for name in (_OURS, _PLAIN, _ECHO)]
        ours, plain, echo = asyncio.run(_measure(servers, count, slices_real_s))
    name, package, bare = f"OCPP layer, {count} stations", "the ocpp package", "WebSocket echo"
    return [
        Figure(name, "/s", ours.rate, plain.rate, package),
        Figure(name, "/s", ours.rate, echo.rate, bare),
        Figure(f"{name}, of the server's CPU", "/s", ours.cpu_rate, plain.cpu_rate, package),
        Figure(f"{name}, of the server's CPU", "/s", ours.cpu_rate, echo.cpu_rate, bare),
        Figure(f"memory of an idle station, {count}", "kB", ours.idle_kb, echo.idle_kb, bare),
    ]


@dataclass
class _Course:
    """What one server did. ``cpu_rate`` is round trips in a second of its processor time: the stations of this process
    take as much time as the servers, so that alone tells what a faster crowd would see."""

    pid: int
    fleet: list[Station]
    idle_kb: float
    real_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def trips(self) -> int:
        return sum(len(one.laps_s) for one in self.fleet)

    @property
    def rate(self) -> float:
        return self.trips / self.real_s

    @property
    def cpu_rate(self) -> float:
        return self.trips / self.cpu_s


async def _measure(servers: list[tuple[int, int]], count: int, slices_real_s: list[float]) -> list[_Course]:
    async with AsyncExitStack() as undo:
        courses = []
        for port, pid in servers:
            before_mb = memory_mb([pid])
            fleet = [await undo.enter_async_context(station(port, n)) for n in range(1, count + 1)]
            for one in fleet:
                await one.boot()
            await asyncio.sleep(SETTLE_REAL_S)
            courses.append(_Course(pid, fleet, (memory_mb([pid]) - before_mb) * 1_000 / count))
            for one in fleet:
                one.laps_s.clear()
        for slice_real_s in slices_real_s:
            for course in courses:
                before_s = cpu_s([course.pid])
                course.real_s += await talk(course.fleet, slice_real_s)
                course.cpu_s += cpu_s([course.pid]) - before_s
    return courses


@contextmanager
def _server(module: str, count: int) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    with subprocess.Popen([sys.executable, "-m", module, str(count)], stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            if not said:
                raise BenchmarkError(f"{module} does not start")
            yield int(said), server.pid
        finally:
            server.kill()
