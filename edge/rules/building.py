"""The building beside the chargers, on the same grid connection: what its meter says of its load.

A rise counts at once. A fall counts at once only when it is worth it, else when it has lasted: a load that wavers moves
no limits. What is measured is believed, also above the most that the building was said to draw; that is an alarm.
"""

from edge.rules.inputs import LoadMetered
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS, SECOND_MS
from shared.events import BuildingLoadChanged, BuildingLoadExceeded
from shared.facilities import PowerSettings

STEP_W = 1_000
FALL_W = 5_000
FALL_MS = MINUTE_MS
"""A fall by less than ``FALL_W`` counts when it has lasted this long, to the highest reading meanwhile."""


def metered(turn: Turn, given: LoadMetered) -> None:
    """Take the building's load, booked in whole kilowatts rounded up when that changes; of no building, nothing."""
    facility, state = turn.knowledge.facility, turn.state
    if facility is None or facility.power.building is None:
        return
    state.load_heard_ms = turn.now_ms
    load_w, booked_w = -(-max(0, given.load_w) // STEP_W) * STEP_W, state.building_load_w
    if booked_w is None or load_w > booked_w or load_w <= booked_w - FALL_W:
        _book(turn, load_w, facility.power.building.load_w_max)
    elif load_w == booked_w:
        state.load_lower_ms = None
    elif state.load_lower_ms is None:
        state.load_lower_ms, state.load_lower_w = turn.now_ms, load_w
    else:
        state.load_lower_w = max(state.load_lower_w, load_w)
        if turn.now_ms - state.load_lower_ms >= FALL_MS:
            _book(turn, state.load_lower_w, facility.power.building.load_w_max)


def _book(turn: Turn, load_w: int, load_w_max: int) -> None:
    before_w, turn.state.load_lower_ms = turn.state.building_load_w or 0, None
    turn.record(BuildingLoadChanged(load_w=load_w))
    if load_w > load_w_max >= before_w:
        turn.record(BuildingLoadExceeded(load_w=load_w, load_w_max=load_w_max))


def watch(turn: Turn, power: PowerSettings) -> None:
    """Book that the meter fell silent. One that had shown more than the most is taken to show that still."""
    booked_w = turn.state.building_load_w
    if power.building is None or booked_w is None or booked_w > power.building.load_w_max:
        return
    if turn.now_ms - turn.state.load_heard_ms > power.building.silent_s * SECOND_MS:
        turn.record(BuildingLoadChanged(load_w=None))
