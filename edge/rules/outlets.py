"""What the configuration alone says of the site's EVSEs, worked out once for each configuration: every look at the
promises asks for it, and a configuration never changes."""

from dataclasses import dataclass
from functools import lru_cache

from edge.rules.allocation import fallbacks
from edge.rules.budget import lowest_w
from edge.rules.phases import Weights, weights
from edge.rules.state import evse_key
from shared.facilities import Evse, Facility


@dataclass(frozen=True, slots=True)
class Outlet:
    """One EVSE as configured. ``share_w``: its part of the fallbacks that fit the budget."""

    key: str
    station_id: str
    evse: Evse
    share_w: int
    weights: Weights


class _Known:
    """A configuration as a key: known again as the object that it is, for comparing its content costs more than what
    is kept of it. Whoever has the key has the object, so no other can take its place."""

    def __init__(self, facility: Facility) -> None:
        self.facility = facility

    def __hash__(self) -> int:
        return id(self.facility)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.facility is other.facility


def outlets(facility: Facility) -> tuple[Outlet, ...]:
    """Every EVSE of the facility, in configured order."""
    return _outlets(_Known(facility))


@lru_cache(maxsize=64)
def _outlets(known: _Known) -> tuple[Outlet, ...]:
    facility = known.facility
    evses = [(s.station_id, e) for s in facility.stations for e in s.evses]
    weighed = weights(facility)
    shares_w = fallbacks(tuple([e.rating_w for _, e in evses]), lowest_w(facility.power), weighed)
    return tuple(
        Outlet(evse_key(station_id, evse.evse_id), station_id, evse, share_w, weight)
        for (station_id, evse), share_w, weight in zip(evses, shares_w, weighed, strict=True)
    )
