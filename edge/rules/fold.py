"""How each event changes what is booked. The only files that do are this one and its ``fold_`` siblings, so a state
rebuilt from the log is the state that wrote it. Folds never refuse and never look outside the state: what is in the log
has happened.
"""

from edge.rules import (
    fold_charging,
    fold_clock,
    fold_lanes,
    fold_naming,
    fold_operations,
    fold_power,
    fold_queueing,
    fold_signatures,
    fold_stations,
    reckoning,
)
from edge.rules.state import FacilityState
from shared.events import Event

_FOLDING = (
    fold_lanes,
    fold_stations,
    fold_charging,
    fold_naming,
    fold_power,
    fold_queueing,
    fold_signatures,
    fold_operations,
    fold_clock,
)
MODULES = (*_FOLDING, reckoning)
"""All that a rebuilt state depends on."""
_TABLES = [module.FOLDS for module in _FOLDING]
_TABLES_OF = {kind: [folds for folds in _TABLES if kind in folds] for table in _TABLES for kind in table}


def fold(state: FacilityState, event: Event, at_ms: int) -> None:
    """Change the booked state by one event that happened at ``at_ms``. Types without a fold change nothing."""
    for folds in _TABLES_OF.get(type(event), ()):
        folds[type(event)](state, event, at_ms)
