"""What headquarters thinks of the cars inside, looked up again and again: a right that was taken away or a plate that
was blocked reaches a running charge, and the stations' lists, within moments of the decision's arrival.

A share of the cars at a time, those that have just come in first, so that the lanes notice nothing.
"""

import asyncio
import math

from edge.rules.knowledge import StandingSeen
from edge.rules.state import FacilityState
from edge.runtime import Runtime

ROUND_REAL_S = 20
"""Every car is looked up once in this."""
STEP_REAL_S = 1.0


async def keep(runtime: Runtime[FacilityState]) -> None:
    """Look cars up for ever; ends by being cancelled."""
    looked_up: dict[str, None] = {}
    while True:
        for plate in due(looked_up, runtime.state):
            runtime.post(StandingSeen(plate))
        await asyncio.sleep(STEP_REAL_S)


def due(looked_up: dict[str, None], state: FacilityState) -> list[str]:
    """Whose turn it is: plates not yet looked up, then those whose last look is longest ago. ``looked_up`` is in the
    order of looks and is brought up to date."""
    share = math.ceil(len(looked_up) * STEP_REAL_S / ROUND_REAL_S)
    oldest = list(looked_up)[:share]
    new = [plate for plate in state.session_of_plate if plate not in looked_up]
    for plate in oldest:
        del looked_up[plate]
    found = [plate for plate in (*new, *oldest) if plate in state.session_of_plate]
    looked_up.update(dict.fromkeys(found))
    return found
