"""Ended sessions become charges, in the transaction that stores the event. A model of ``cloud/billing/projection.py``
around the cloud's own pure rules; it takes no card payments, so what was not paid on site stays owed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud.billing.pricing import rate_as_quoted, stay_of
from cloud.billing.rules import (
    KIND_OF_METHOD,
    Account,
    Posting,
    charge_postings,
    payment_postings,
    settlement,
)
from cloud.sessions.store import ParkingSession, SitePayment
from provisioning.simulation.stays import Source, Told, charging_of
from provisioning.simulation.tables import Transaction
from shared.events import PaymentTaken, TransactionEnded, VehicleExited
from shared.tariffs import Tariff


@dataclass(frozen=True, slots=True)
class Charge:
    """``owed_cents`` is what stands on RECEIVABLE."""

    charge_id: str
    session_id: str
    total_cents: int
    quoted_cents: int
    owed_cents: int
    paid_cents: int
    log_id: str
    seq: int


def project(transaction: Transaction, source: Source, batch: Sequence[Told], tariffs: tuple[Tariff, ...]) -> None:
    """In the order of the log."""
    for told in batch:
        match told.event:
            case VehicleExited() as event:
                _exited(transaction, source, (told.seq, told.at_ms, event), tariffs)
            case PaymentTaken(session_id=session_id):
                charge_id = charge_name(session_id)
                if transaction.get("charges", charge_id) is not None:
                    _settle(transaction, charge_id, transaction.get("paid", session_id))
            case TransactionEnded(session_id=str(session_id)):
                if transaction.get("charges", charge_name(session_id)) is not None:
                    transaction.put("findings", ("late", source.facility_id, told.event.transaction_id), told.at_ms)
            case TransactionEnded() if told.event.energy_wh:
                transaction.put("findings", ("unbilled", source.facility_id, told.event.transaction_id), told.at_ms)


def charge_name(session_id: str) -> str:
    """One session, one charge: its name is the guard."""
    return f"charge-{session_id}"


def _exited(
    transaction: Transaction, source: Source, told: tuple[int, int, VehicleExited], tariffs: tuple[Tariff, ...]
) -> None:
    seq, at_ms, event = told
    session: ParkingSession = transaction.get("parking", event.session_id)
    charge_id = charge_name(event.session_id)
    if transaction.get("charges", charge_id) is not None:
        return
    known = [
        c
        for c in charging_of(transaction, event.session_id)
        if c.ended_log_id != source.log_id or (c.ended_seq or 0) < seq
    ]
    stay = stay_of(session, known, event.running, zone=source.zone, until_ms=event.priced_until_ms)
    quote = rate_as_quoted(stay, tariffs, event.tariff_versions)
    booked = charge_postings(quote.lines)
    charge = Charge(
        charge_id=charge_id,
        session_id=event.session_id,
        total_cents=quote.total_cents,
        quoted_cents=event.quoted_cents,
        owed_cents=_receivable(booked),
        paid_cents=0,
        log_id=source.log_id,
        seq=seq,
    )
    transaction.put("charges", charge_id, charge)
    transaction.put("transfers", f"charge/{charge_id}", booked)
    if charge.total_cents != charge.quoted_cents:
        transaction.put("findings", ("quote", source.facility_id, charge_id), at_ms)
    _settle(transaction, charge_id, transaction.get("paid", event.session_id) or ())


def _settle(transaction: Transaction, charge_id: str, payments: Sequence[SitePayment]) -> None:
    for paid in payments:
        transfer_id = f"payment/site-{paid.log_id}-{paid.seq}"
        if transaction.get("transfers", transfer_id) is not None:
            continue
        charge: Charge = transaction.get("charges", charge_id)
        booked = payment_postings(KIND_OF_METHOD[paid.method], settlement(paid.amount_cents, charge.owed_cents))
        transaction.put("transfers", transfer_id, booked)
        changed = replace(
            charge,
            owed_cents=charge.owed_cents + _receivable(booked),
            paid_cents=charge.paid_cents + paid.amount_cents,
        )
        transaction.put("charges", charge_id, changed)


def _receivable(booked: Sequence[Posting]) -> int:
    return sum(p.amount_cents for p in booked if p.account is Account.RECEIVABLE)
