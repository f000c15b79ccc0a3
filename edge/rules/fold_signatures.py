"""How what is known of meters' signatures changes what is booked."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import FacilityState, SignatureState, evse_key, transaction_key
from shared.events import MeterKeySeen, MeterSignatureJudged

TRANSACTIONS_KEPT = 1_000
"""Of so many transactions that have not ended; one that a station made up never does."""


def _key_seen(state: FacilityState, event: MeterKeySeen, _at_ms: int) -> None:
    state.meter_keys[evse_key(event.station_id, event.evse_id)] = event.key


def _judged(state: FacilityState, event: MeterSignatureJudged, _at_ms: int) -> None:
    key = transaction_key(event.station_id, event.transaction_id)
    state.signatures[key] = SignatureState(event.proof, event.begin_signed)
    if len(state.signatures) > TRANSACTIONS_KEPT:
        del state.signatures[next(iter(state.signatures))]


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    MeterKeySeen: _key_seen,
    MeterSignatureJudged: _judged,
}
