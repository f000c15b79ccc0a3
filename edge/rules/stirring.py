"""When all promises must be looked at. A look costs a good part of a millisecond, so readings within limits, and
whatever changes no promise, wait for the next."""

from typing import Any

from edge.rules import fold_lanes
from edge.rules.books import OBEDIENCE_PCT, in_force
from edge.rules.resting import TICK_MS
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import (
    BuildingLoadChanged,
    ChargingStateChanged,
    ClockDiffers,
    ClockStepped,
    DaemonStarted,
    EntryRefused,
    EvNeedsReported,
    EvseCapped,
    ExitRefused,
    LaneFaulted,
    LaneRestored,
    LimitAnswered,
    LimitObeyed,
    NeedsKnown,
    StandingChanged,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationOrdered,
    StationTimed,
    TailgateDetected,
    TargetSet,
    TransactionAuthorized,
    TransactionClosing,
    TransactionEnded,
    TransactionResumed,
    TransactionStarted,
)

QUIET_MS = 5_000
"""What changes no promise, and readings within limits, do not make promises be looked at more often than this."""
_STIRS = frozenset(
    kind.model_fields["type"].default
    for kind in (
        BuildingLoadChanged,
        ChargingStateChanged,
        ClockDiffers,
        ClockStepped,
        DaemonStarted,
        EvNeedsReported,
        EvseCapped,
        LimitAnswered,
        LimitObeyed,
        NeedsKnown,
        StationBooted,
        StationConnected,
        StationDisconnected,
        StationTimed,
        TargetSet,
        TransactionAuthorized,
        TransactionClosing,
        TransactionEnded,
        TransactionResumed,
        TransactionStarted,
    )
)
"""What promises are looked at for at once."""
_OF_LANES = frozenset(kind.__name__ for kind in fold_lanes.FOLDS)
_UNREAD = _OF_LANES | frozenset(
    kind.__name__
    for kind in (
        EntryRefused,
        ExitRefused,
        LaneFaulted,
        LaneRestored,
        StandingChanged,
        StationAnswered,
        StationOrdered,
        TailgateDetected,
    )
)
"""Of what is often booked, that whose folds change nothing that a look reads."""


def due(turn: Turn, *, by_timer: bool) -> bool:
    """Whether all promises are looked at now: because it is time, because of what this turn booked, or because some
    input came (``by_timer``: none did) and the last look is a while ago."""
    facility, since_ms = turn.knowledge.facility, turn.now_ms - turn.state.settled_ms
    if facility is None or since_ms < 0 or turn.now_ms >= turn.state.look_ms:
        return True
    if since_ms >= (TICK_MS if by_timer else QUIET_MS) and (not by_timer or matters(turn)):
        return True
    if turn.now_ms - turn.state.sampled_ms >= facility.power.sample_s * SECOND_MS:
        return True
    return any(e.type in _STIRS or (e.type == "EnergyMetered" and _over(turn, e.body)) for e in turn.entries)


def matters(turn: Turn) -> bool:
    """Whether this turn booked anything that promises may hang on. What happens in a lane is not part of it: its fold
    changes nothing that a look reads."""
    return any(e.type not in _OF_LANES for e in turn.entries)


def disturbs(turn: Turn) -> bool:
    """Whether this turn booked anything that may change what a look at the promises comes to."""
    return any(e.type not in _UNREAD for e in turn.entries)


def put_off(turn: Turn) -> None:
    """Leave what came to a look that is soon."""
    turn.state.look_ms = min(turn.state.look_ms, turn.state.settled_ms + TICK_MS)


def _over(turn: Turn, reading: dict[str, Any]) -> bool:
    """Whether a reading lies above the limit that its EVSE confirmed, and is not known to."""
    promises = turn.state.promise(reading["station_id"], reading["evse_id"])
    lease = promises.accepted
    limit_w = lease.limit_w if lease is not None and in_force(lease, turn.now_ms) else promises.fallback_w
    above = limit_w is not None and (reading.get("power_w") or 0) * 100 > limit_w * OBEDIENCE_PCT
    return above and promises.breach is None
