"""What stations may hold by the box before this one, of which a box that begins a log knows nothing.

All that the other box had promised fitted the budget, whoever of its stations had what. It gave no lift after this log
began, and the longest ends ``lease_s`` later; its holds end later still, and so do ours. So until then an EVSE counts
at its rating, unless it has confirmed a lease of ours, which takes the place of the other's (both have the same profile
id and stack level). Lowering adds nothing to what was promised: the first lease to each EVSE is no more than surely
fits beside all that is not known, often 0, and what is confirmed makes room. So with all stations there it takes a few
answers; for what stays away, as long as a lease. A fallback adds nothing either: by the same configuration it is what
the other box gave; where that gave none, a car starts only when the lease is confirmed.
"""

from edge.rules.state import FacilityState
from edge.rules.state_power import Lease, Promises
from shared.clock import SECOND_MS
from shared.facilities import Evse, Facility, PowerSettings


def inherited(
    state: FacilityState, promises: Promises, evse: Evse, *, power: PowerSettings, now_ms: int
) -> Lease | None:
    """The most that another box may have lent an EVSE, as a lease that is in force by ``now_ms``; None where it is
    known what it holds."""
    begun_ms = state.begun_ms
    if begun_ms is None or promises.accepted is not None:
        return None
    until_ms = begun_ms + power.lease_s * SECOND_MS
    in_force = begun_ms <= now_ms <= until_ms + power.drift_s * SECOND_MS
    return Lease(0, evse.rating_w, begun_ms, until_ms) if in_force else None


def anything(state: FacilityState, facility: Facility, now_ms: int) -> bool:
    """Whether any EVSE may hold what another box lent it."""
    return state.begun_ms is not None and any(
        inherited(state, state.promise(s.station_id, e.evse_id), e, power=facility.power, now_ms=now_ms)
        for s in facility.stations
        for e in s.evses
    )
