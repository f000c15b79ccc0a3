"""When all promises must be looked at. A look costs a good part of a millisecond, so readings within limits, and
whatever changes no promise, wait for the next."""

from typing import Any

from edge.rules.books import OBEDIENCE_PCT, in_force
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import (
    BuildingLoadChanged,
    ChargingStateChanged,
    DaemonStarted,
    EvNeedsReported,
    EvseCapped,
    LimitAnswered,
    LimitObeyed,
    NeedsKnown,
    StationBooted,
    StationConnected,
    StationDisconnected,
    TargetSet,
    TransactionAuthorized,
    TransactionClosing,
    TransactionEnded,
    TransactionStarted,
)

QUIET_MS = 5_000
"""What changes no promise, and readings within limits, do not make promises be looked at more often than this."""
_STIRS = frozenset(
    kind.model_fields["type"].default
    for kind in (
        BuildingLoadChanged,
        ChargingStateChanged,
        DaemonStarted,
        EvNeedsReported,
        EvseCapped,
        LimitAnswered,
        LimitObeyed,
        NeedsKnown,
        StationBooted,
        StationConnected,
        StationDisconnected,
        TargetSet,
        TransactionAuthorized,
        TransactionClosing,
        TransactionEnded,
        TransactionStarted,
    )
)
"""What promises are looked at for at once."""


def due(turn: Turn) -> bool:
    """Whether what this turn booked, or the time since the last look, asks for a look at all promises."""
    facility = turn.knowledge.facility
    if facility is None or not 0 <= turn.now_ms - turn.state.settled_ms < QUIET_MS:
        return True
    if turn.now_ms - turn.state.sampled_ms >= facility.power.sample_s * SECOND_MS:
        return True
    return any(e.type in _STIRS or (e.type == "EnergyMetered" and _over(turn, e.body)) for e in turn.entries)


def _over(turn: Turn, reading: dict[str, Any]) -> bool:
    """Whether a reading lies above the limit that its EVSE confirmed, and is not known to."""
    promises = turn.state.promise(reading["station_id"], reading["evse_id"])
    lease = promises.accepted
    limit_w = lease.limit_w if lease is not None and in_force(lease, turn.now_ms) else promises.fallback_w
    above = limit_w is not None and (reading.get("power_w") or 0) * 100 > limit_w * OBEDIENCE_PCT
    return above and promises.breach is None
