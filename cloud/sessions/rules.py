"""Folding a batch of charging events into one change per transaction, so that a backlog of meter readings costs one
row each transaction and not one each reading. Pure; the database merges the change into what it has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from cloud.link.readings import Reading, reading_of
from shared.events import (
    ChargingStateChanged,
    EnergyMetered,
    Event,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
)
from shared.rights import RightRef

ChargingEvent = TransactionStarted | TransactionAuthorized | ChargingStateChanged | TransactionEnded


@dataclass(slots=True)
class ChargingChange:
    """What a batch says of one transaction; None is "nothing was said". Of each quantity and of the state the newest
    counts, by the station's time, since a station sends them late and not all of them every time."""

    station_id: str
    transaction_id: str
    evse_id: int
    session_id: str | None = None
    right: dict[str, Any] | None = None
    started_ms: int | None = None
    start_register_wh: int | None = None
    finished_ms: int | None = None
    ended_ms: int | None = None
    ended_seq: int | None = None
    energy_wh: int | None = None
    energy_method: str | None = None
    flags: tuple[str, ...] | None = None
    state: str | None = None
    state_ms: int | None = None
    register_wh: int | None = None
    register_ms: int | None = None
    power_w: int | None = None
    power_ms: int | None = None
    soc_pct: int | None = None
    soc_ms: int | None = None


_COLUMNS = tuple(column.name for column in fields(ChargingChange))


def charging_changes(events: Iterable[tuple[int, Event | Reading]]) -> list[dict[str, Any]]:
    """One row per transaction, by station and transaction, of events by their position in the log; others than those
    of charging are passed over."""
    changes: dict[tuple[str, str], ChargingChange] = {}
    for seq, told in events:
        event = reading_of(told) if isinstance(told, EnergyMetered) else told
        if isinstance(event, dict):  # first, since most of a backlog is readings
            _merge_reading(_change(changes, event), event)
        elif isinstance(event, ChargingEvent):
            _merge(_change(changes, vars(event)), seq, event)
    return [{name: getattr(changes[key], name) for name in _COLUMNS} for key in sorted(changes)]


def _change(changes: dict[tuple[str, str], ChargingChange], said: Mapping[str, Any]) -> ChargingChange:
    key = (said["station_id"], said["transaction_id"])
    change = changes.get(key)
    if change is None:
        change = changes[key] = ChargingChange(*key, said["evse_id"])
    return change


def _merge(change: ChargingChange, seq: int, event: ChargingEvent) -> None:
    """An ended transaction is immutable (OCPP 2.0.1, part 2, E): what follows its end is passed over."""
    if change.ended_ms is not None:
        return
    change.evse_id = event.evse_id
    match event:
        case TransactionStarted():
            change.started_ms = event.started_at_ms
            if change.start_register_wh is None:
                change.start_register_wh = event.register_wh
            _merge_payer(change, event.session_id, event.right)
        case TransactionAuthorized():
            _merge_payer(change, event.session_id, event.right)
        case ChargingStateChanged():
            if _is_newest(event.changed_at_ms, change.state_ms):
                change.state, change.state_ms = event.state, event.changed_at_ms
        case TransactionEnded():
            change.started_ms = event.started_at_ms
            change.finished_ms, change.ended_ms = event.finished_at_ms, event.ended_at_ms
            change.ended_seq, change.energy_wh = seq, event.energy_wh
            change.energy_method, change.flags = _method(event), event.flags
            _merge_payer(change, event.session_id, event.right)


def _method(ended: TransactionEnded) -> str:
    """How energy was come by, and, where the meter signed it, what the signatures are worth: ``SIGNED/UNVERIFIED``."""
    proof = ended.signature_proof
    return ended.energy_method if proof == "NONE" else f"{ended.energy_method}/{proof}"


def _merge_payer(change: ChargingChange, session_id: str | None, right: RightRef | None) -> None:
    change.session_id = session_id or change.session_id
    change.right = right.model_dump(mode="json") if right is not None else change.right


def _merge_reading(change: ChargingChange, reading: Reading) -> None:
    if change.ended_ms is not None:
        return
    change.evse_id, at_ms = reading["evse_id"], reading["metered_at_ms"]
    register_wh, power_w, soc_pct = reading.get("register_wh"), reading.get("power_w"), reading.get("soc_pct")
    if register_wh is not None and _is_newest(at_ms, change.register_ms):
        change.register_wh, change.register_ms = register_wh, at_ms
    if power_w is not None and _is_newest(at_ms, change.power_ms):
        change.power_w, change.power_ms = power_w, at_ms
    if soc_pct is not None and _is_newest(at_ms, change.soc_ms):
        change.soc_pct, change.soc_ms = soc_pct, at_ms


def _is_newest(at_ms: int, held_ms: int | None) -> bool:
    return held_ms is None or at_ms >= held_ms
