"""How the numbering of transactions changes what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import FacilityState, start_key
from shared.events import TransactionNumbered

NUMBERS_KEPT = 2_000
"""How many starts are remembered, so that one that is said again gets its number again."""


def _numbered(state: FacilityState, event: TransactionNumbered, _at_ms: int) -> None:
    key = start_key(event.station_id, event.evse_id, event.started_at_ms, event.register_wh, event.id_token)
    state.numbers[key] = event.number
    state.last_number = max(state.last_number, event.number)
    if len(state.numbers) > NUMBERS_KEPT:
        del state.numbers[next(iter(state.numbers))]


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {TransactionNumbered: _numbered}
