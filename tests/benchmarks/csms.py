"""The station server with all it does to a message but the rules and the disk: checks, reads, answers. Prints its port.

``python -m tests.benchmarks.csms 250 book`` is for the stations ``cs-1`` to ``cs-250``; the folder ``book`` is for
what they tell of themselves.
"""

import asyncio
import sys
import time
from pathlib import Path

from edge import station_guard
from edge.rules.inputs import Answer, Input, Knowledge, Matches
from edge.station_book import StationBook
from edge.stations import Entrance, StationServer, Transport
from shared.clock import REAL_TIME, Clock
from tests.benchmarks.box import full_size

PATIENCE_REAL_S = 300.0
"""A crowd that shares a busy machine is not dead when it is slow."""
FRAMES_A_REAL_S = 1_000_000
"""In life a station that never pauses is slowed down; here that would be measured instead of the server."""


async def _decided(_given: Input) -> Answer | None:
    """What the rules answer to all that a charging car tells."""
    return None


async def _no_matches(_token: str) -> Matches:
    return Matches()


async def main(stations: int, folder: Path) -> None:
    station_guard.FRAMES_A_REAL_S = FRAMES_A_REAL_S
    known = Knowledge(facility=full_size(regular=1, ratings_w=(11_000,) * stations))
    server = StationServer(
        submit=_decided,
        knowledge=lambda: known,
        clock=Clock(REAL_TIME, time.time),
        matches_for_token=_no_matches,
        transport=Transport(pong_within_real_s=PATIENCE_REAL_S, book=StationBook(folder)),
    )
    serving = asyncio.create_task(server.serve(Entrance("127.0.0.1", 0)))
    await server.listening.wait()
    print(server.port, flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
