"""The station server with all it does to a message but the rules and the disk: checks, reads, answers. Prints its port.

``python -m tests.benchmarks.csms 250`` is for the stations ``cs-1`` to ``cs-250``.
"""

import asyncio
import sys
import time

from edge.rules.inputs import Answer, Authorization, Input, Knowledge, Matches
from edge.stations import Entrance, StationServer
from shared.clock import REAL_TIME, Clock
from tests.benchmarks.box import full_size


async def _accept(_given: Input) -> Answer | None:
    return Authorization("Accepted")


async def _no_matches(_token: str) -> Matches:
    return Matches()


async def main(stations: int) -> None:
    known = Knowledge(facility=full_size(regular=1, ratings_w=(11_000,) * stations))
    server = StationServer(
        submit=_accept,
        knowledge=lambda: known,
        clock=Clock(REAL_TIME, time.time),
        matches_for_token=_no_matches,
    )
    serving = asyncio.create_task(server.serve(Entrance("127.0.0.1", 0)))
    await server.listening.wait()
    print(server.port, flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
