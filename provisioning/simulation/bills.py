"""Ended sessions become charges, in the transaction that stores the event. A model of ``cloud/billing/projection.py``
around the cloud's own pure rules. What a charging transaction that ends late would have added is not reckoned here."""

from collections.abc import Sequence

from cloud.billing.bills import bill
from cloud.billing.pricing import rate_as_quoted, stay_of
from cloud.billing.records import Charge
from cloud.billing.rules import ChargeStatus
from cloud.sessions.store import ParkingSession, SitePayment
from provisioning.simulation.paying import ledger
from provisioning.simulation.stays import Source, Told, charging_of
from provisioning.simulation.tables import Transaction
from shared.events import PaymentTaken, TransactionEnded, VehicleExited
from shared.rating import Quote
from shared.tariffs import Tariff


def project(transaction: Transaction, source: Source, batch: Sequence[Told], tariffs: tuple[Tariff, ...]) -> None:
    """In the order of the log; what was paid on site and no charge holds is booked last."""
    for told in batch:
        match told.event:
            case VehicleExited() as event:
                _exited(transaction, source, (told.seq, told.at_ms, event), tariffs)
            case TransactionEnded(session_id=str(session_id)):
                if transaction.get("charges", charge_name(session_id)) is not None:
                    transaction.put("findings", ("late", source.facility_id, told.event.transaction_id), told.at_ms)
            case TransactionEnded() if told.event.energy_wh:
                transaction.put("findings", ("unbilled", source.facility_id, told.event.transaction_id), told.at_ms)
    for told in batch:
        if isinstance(told.event, PaymentTaken | VehicleExited):
            _paid_late(transaction, told.event.session_id)


def charge_name(session_id: str) -> str:
    """One session, one charge: its name is the guard."""
    return f"charge-{session_id}"


def _exited(
    transaction: Transaction, source: Source, told: tuple[int, int, VehicleExited], tariffs: tuple[Tariff, ...]
) -> None:
    seq, _, event = told
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
    charge = _charge(session, quote, source, told)
    taken = [p for p in _site_payments(transaction, event.session_id) if p.log_id != source.log_id or p.seq < seq]
    ledger.open_charge(transaction, bill(charge, quote, taken, quoted_by=event.tariff_versions))


def _charge(session: ParkingSession, quote: Quote, source: Source, told: tuple[int, int, VehicleExited]) -> Charge:
    seq, at_ms, event = told
    return Charge(
        charge_id=charge_name(session.session_id),
        session_id=session.session_id,
        facility_id=session.facility_id,
        customer_id=session.customer_id,
        status=ChargeStatus.OPEN,
        total_cents=quote.total_cents,
        tax_cents=quote.tax_cents,
        quoted_cents=event.quoted_cents,
        tariff_versions=quote.tariff_versions,
        entered_ms=session.entered_ms,
        priced_until_ms=event.priced_until_ms,
        exited_ms=at_ms,
        log_id=source.log_id,
        seq=seq,
        paid_at_ms=None,
    )


def _paid_late(transaction: Transaction, session_id: str) -> None:
    charge_id = charge_name(session_id)
    if transaction.get("charges", charge_id) is not None:
        for paid in _site_payments(transaction, session_id):
            ledger.site_payment(transaction, charge_id, paid)


def _site_payments(transaction: Transaction, session_id: str) -> tuple[SitePayment, ...]:
    return transaction.get("paid", session_id) or ()
