"""Sessions and charging as the cloud's tables keep them. A model of ``cloud/sessions/projection.py``: the fold of a
batch is the cloud's own (``charging_changes``), the merge into what is held is what its SQL says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloud.sessions.rules import charging_changes
from cloud.sessions.store import ChargingSession, ParkingSession, SitePayment
from provisioning.simulation.tables import Transaction
from shared.events import Event, PaymentTaken, VehicleEntered, VehicleExited
from shared.rights import RightRef


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its place in a facility's log."""

    seq: int
    at_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class Source:
    """Which facility and log a batch is of; ``zone`` is the facility's."""

    facility_id: str
    log_id: str
    zone: str


def park_unknown(transaction: Transaction, source: Source, batch: Sequence[Told]) -> list[Told]:
    """Set aside how a stay ended of which the cloud never heard that it began: that stood in a former log, which comes
    later or is nowhere any more. All the others go on."""
    begun = {told.event.session_id for told in batch if isinstance(told.event, VehicleEntered)}
    known = []
    for told in batch:
        if isinstance(told.event, VehicleExited) and not _begun(transaction, told.event.session_id, begun):
            transaction.put("parked", (source, told.seq), told)
        else:
            known.append(told)
    return known


def _begun(transaction: Transaction, session_id: str, now: Collection[str]) -> bool:
    return session_id in now or transaction.get("parking", session_id) is not None


def project(transaction: Transaction, source: Source, batch: Sequence[Told]) -> None:
    """Entries first, so that whoever enters and leaves within one batch has a row to close."""
    for told in batch:
        if isinstance(told.event, VehicleEntered):
            _entered(transaction, source, told.at_ms, told.event)
    for told in batch:
        if isinstance(told.event, PaymentTaken):
            _paid(transaction, source, told, told.event)
    for told in batch:
        if isinstance(told.event, VehicleExited):
            held: ParkingSession = transaction.get("parking", told.event.session_id)
            transaction.put("parking", held.session_id, replace(held, exited_ms=told.at_ms))
    for change in charging_changes((t.seq, t.event) for t in batch):
        _charged(transaction, source, change)


def _entered(transaction: Transaction, source: Source, at_ms: int, event: VehicleEntered) -> None:
    if transaction.get("parking", event.session_id) is not None:
        return
    row = ParkingSession(
        session_id=event.session_id,
        facility_id=source.facility_id,
        plate=event.plate,
        right=event.right,
        customer_id=event.right.customer_id,
        space_id=event.space_id,
        space_kind=event.space_kind,
        is_ev=event.is_ev,
        entered_ms=at_ms,
        exited_ms=None,
        priced_until_ms=None,
        quoted_cents=None,
        tariff_versions=(),
        paid_cents=0,
    )
    transaction.put("parking", event.session_id, row)


def _paid(transaction: Transaction, source: Source, told: Told, event: PaymentTaken) -> None:
    held: tuple[SitePayment, ...] = transaction.get("paid", event.session_id) or ()
    if any((p.log_id, p.seq) == (source.log_id, told.seq) for p in held):
        return
    payment = SitePayment(
        facility_id=source.facility_id,
        log_id=source.log_id,
        seq=told.seq,
        session_id=event.session_id,
        amount_cents=event.amount_cents,
        method=event.method,
        reference=event.reference,
        taken_by=event.taken_by,
        at_ms=told.at_ms,
    )
    transaction.put("paid", event.session_id, (*held, payment))


def _charged(transaction: Transaction, source: Source, change: dict[str, Any]) -> None:
    key = (source.facility_id, change["station_id"], change["transaction_id"])
    held: ChargingSession | None = transaction.get("charging", key)
    if held is not None and held.ended_ms is not None:
        return
    said = None if change["right"] is None else RightRef.model_validate(change["right"])
    row = ChargingSession(
        facility_id=source.facility_id,
        station_id=change["station_id"],
        transaction_id=change["transaction_id"],
        evse_id=change["evse_id"],
        session_id=change["session_id"] or (held.session_id if held else None),
        right=said or (held.right if held else None),
        started_ms=change["started_ms"] or (held.started_ms if held else None),
        finished_ms=change["finished_ms"],
        ended_ms=change["ended_ms"],
        ended_log_id=source.log_id if change["ended_ms"] is not None else None,
        ended_seq=change["ended_seq"],
        energy_wh=change["energy_wh"],
        state=None,
        power_w=None,
        soc_pct=None,
    )
    transaction.put("charging", key, row)
    if row.session_id is not None:
        known: tuple[Any, ...] = transaction.get("charging of", row.session_id) or ()
        if key not in known:
            transaction.put("charging of", row.session_id, (*known, key))


def charging_of(transaction: Transaction, session_id: str) -> list[ChargingSession]:
    """The charging done during a stay, oldest first."""
    keys = transaction.get("charging of", session_id) or ()
    rows: list[ChargingSession] = [transaction.get("charging", key) for key in keys]
    return sorted(rows, key=lambda c: (c.started_ms or 0, c.station_id, c.transaction_id))
