"""How each event changes what is booked. The only files that do are this one and its ``fold_`` siblings, so a state
rebuilt from the log is the state that wrote it. Folds never refuse and never look outside the state: what is in the log
has happened.
"""

from edge.rules import fold_charging, fold_lanes, fold_power, fold_stations
from edge.rules.state import FacilityState
from shared.events import Event

MODULES = (fold_lanes, fold_stations, fold_charging, fold_power)
_FOLDS = {kind: change for module in MODULES for kind, change in module.FOLDS.items()}


def fold(state: FacilityState, event: Event, at_ms: int) -> None:
    """Change the booked state by one event that happened at ``at_ms``. Types without a fold change nothing."""
    change = _FOLDS.get(type(event))
    if change is not None:
        change(state, event, at_ms)
