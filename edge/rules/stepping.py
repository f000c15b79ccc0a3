"""The wall clock was moved: when the box follows, and what that means for all that waits for a time.

Leases end by the stations' clocks, which follow ours only when they are next told the time, each at its own moment. So
the box does not follow at once. It lives on by its own time and lends nothing more; stations come back to what they
rest at, by an answered limit or by the end of a lease. When no lease above a fallback may be in force and no limit is
under way, nothing leans on the clock any more, and the box follows. That takes no longer than a lease and the drift.
From then on a station gets leases again when it has been told the new time; its fallback holds whatever time it is.
"""

from edge.rules import inheritance, ordering
from edge.rules.clock_inputs import ClockRead, ClockTaken, TakeClock, TimeTold
from edge.rules.inputs import Knowledge, Started
from edge.rules.orders import AskMessage
from edge.rules.state import FacilityState
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import ClockDiffers, ClockStepped, StationTimed
from shared.facilities import PowerSettings

PURPOSE = "clock"
ASK_AGAIN_MS = 60 * SECOND_MS
"""A station that is to be told the time is asked this often for the message that is answered with it."""


def read(turn: Turn, given: ClockRead) -> None:
    """Book how far the wall clock is from ours."""
    if given.off_ms != turn.state.clock_off_ms:
        turn.record(ClockDiffers(by_ms=given.off_ms))


def taken(turn: Turn, given: ClockTaken) -> None:
    """We live by the wall clock now, which is ``by_ms`` from the time before."""
    turn.record(ClockStepped(by_ms=given.by_ms))
    by_ms, state = given.by_ms, turn.state
    for lane in state.lanes.values():
        if lane.deadline_ms is not None:
            lane.deadline_ms += by_ms
        if lane.reading is not None:
            lane.reading.at_ms += by_ms
    state.asks = {key: at_ms + by_ms for key, at_ms in state.asks.items()}
    state.stops = {key: at_ms + by_ms for key, at_ms in state.stops.items()}
    state.clock_asks = {key: at_ms + by_ms for key, at_ms in state.clock_asks.items()}
    state.load_heard_ms += by_ms
    state.load_lower_ms = None


def restarted(turn: Turn, given: Started) -> None:
    """Without knowing how the clock moved while the box was off, no lease of before is known to be in force or over, of
    no charge how long it went on, and of no station what time it has."""
    if not given.clock_known:
        turn.record(ClockStepped(by_ms=None))


def told(turn: Turn, given: TimeTold) -> None:
    """A station was told the time."""
    if turn.state.station(given.station_id).untimed:
        turn.record(StationTimed(station_id=given.station_id))


def due(turn: Turn) -> None:
    """Follow the wall clock when nothing leans on ours, and have stations told that do not know of it."""
    state = turn.state
    if state.clock_off_ms and ready(turn) and not any(x.in_flight is not None for x in state.promises.values()):
        turn.send(TakeClock())
    for station_id, station in state.stations.items():
        if not station.untimed or not station.connected:
            continue
        if turn.now_ms - state.clock_asks.get(station_id, 0) >= ASK_AGAIN_MS:
            state.clock_asks[station_id] = turn.now_ms
            ordering.ask(turn, station_id, AskMessage("Heartbeat"), purpose=PURPOSE)


def deadlines(state: FacilityState, _knowledge: Knowledge) -> list[int]:
    """When to ask again."""
    waiting = (name for name, x in state.stations.items() if x.untimed and x.connected)
    return [state.clock_asks.get(name, 0) + ASK_AGAIN_MS for name in waiting]


def ready(turn: Turn) -> bool:
    """Whether the wall clock is to be followed and no lease above its EVSE's fallback may be in force, nor one of
    another box: then nothing more is sent, so that soon nothing is under way."""
    facility = turn.knowledge.facility
    if not turn.state.clock_off_ms or (
        facility is not None and inheritance.anything(turn.state, facility, turn.now_ms)
    ):
        return False
    drift_ms = (PowerSettings() if facility is None else facility.power).drift_s * SECOND_MS
    return not any(
        lease.limit_w > promises.resting_w() and turn.now_ms <= lease.until_ms + drift_ms
        for promises in turn.state.promises.values()
        for lease in (promises.accepted, *promises.pending)
        if lease is not None
    )
