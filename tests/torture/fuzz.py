"""Stations that send nothing but what they must not, and peers that break the connection itself, beside a station that
only asks the time and must always be told."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from tests.edge.fuzzing import Fuzzer, good_one, torment
from tests.edge.stations_kit import running
from tests.edge.vandalism import vandalise

BAD_ONES = 4
FRAMES = 250
"""Of each bad one in a round."""
VANDALS, DEEDS = 2, 12


def run(rounds: int, seed: int) -> dict[str, Any]:
    """What was sent and how the good station fared. Raises when it was not served, or the server ended."""
    return asyncio.run(_run(rounds, seed))


async def _run(rounds: int, seed: int) -> dict[str, Any]:
    names = [f"bad-{n}" for n in range(BAD_ONES)]
    vandals = [f"vandal-{n}" for n in range(VANDALS)]
    began_s, took_s = time.monotonic(), []
    for number in range(rounds):
        async with AsyncExitStack() as undo:
            site = await undo.enter_async_context(running("good", *names, *vandals))
            lived_s = await undo.enter_async_context(good_one(site, "good"))
            async with asyncio.TaskGroup() as group:
                for n, name in enumerate(names):
                    chance = Fuzzer(seed * 1_000_003 + number * BAD_ONES + n)
                    group.create_task(torment(site, chance, FRAMES, name))
                for n, name in enumerate(vandals):
                    group.create_task(vandalise(site, name, seed * 1_000_003 + number * VANDALS + n, DEEDS))
            took_s += lived_s
    return {
        "frames": rounds * BAD_ONES * FRAMES,
        "deeds": rounds * VANDALS * DEEDS,
        "real_s": round(time.monotonic() - began_s, 1),
        "good_round_trips": len(took_s),
        "longest_real_s": round(max(took_s), 3),
    }
