"""Sessions that ended become charges, in the transaction that stores the event.

Runs after the sessions' projection of the same batch. A session is priced from the cloud's own rows by the function
that the lane quoted with. A charging transaction that ends after its session was charged is not charged: the driver
was let go at the price that the lane showed. What it would have added is written down as a discrepancy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.billing import collecting, ledger, queries
from cloud.billing.ledger import Finding
from cloud.billing.pricing import stay_of
from cloud.billing.records import Charge
from cloud.billing.rules import ChargeStatus, DiscrepancyKind, charge_postings
from cloud.billing.store import charge_lines, charges
from cloud.facilities.store import facility as facility_of
from cloud.sessions.store import ParkingSession, charging_of, parking_session, site_payments_of
from cloud.tariffs.store import all_tariffs
from shared.events import (
    Entry,
    PaymentTaken,
    RunningCharge,
    TransactionEnded,
    VehicleExited,
    parse_event,
)
from shared.rating import Quote, rate
from shared.tariffs import Tariff


class NotYetKnown(LookupError):  # noqa: N818 - says what is so
    """A session or facility that should be there is not: the event is kept aside and can be applied later."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What all entries of one batch are judged by."""

    conn: AsyncConnection
    facility_id: str
    log_id: str
    zone: str
    tariffs: tuple[Tariff, ...]
    ended_at: Mapping[tuple[str, str], int]
    """The positions at which transactions, by station and id, ended in this batch. The sessions' rows already hold the
    whole batch; an exit must not know what came after it, or its price would depend on where batches are cut."""


class BillingProjection:
    """See ``cloud.link.ingest.Projection``."""

    name: Final = "billing"
    types: Final = frozenset({"VehicleExited", "PaymentTaken", "TransactionEnded"})

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, entries: Sequence[Entry]) -> None:
        """In the order of the log. Raises NoTariff where HQ has published no price, NotYetKnown as said there."""
        events = [(entry, event) for entry in entries if (event := parse_event(entry)) is not None]
        facility = await facility_of(conn, facility_id)
        if facility is None:
            raise NotYetKnown(f"facility {facility_id} is not configured here, so its zone is unknown")
        source = _Source(
            conn=conn,
            facility_id=facility_id,
            log_id=log_id,
            zone=facility.zone,
            tariffs=await all_tariffs(conn),
            ended_at={
                (event.station_id, event.transaction_id): entry.seq
                for entry, event in events
                if isinstance(event, TransactionEnded)
            },
        )
        for entry, event in events:
            match event:
                case VehicleExited():
                    await _exited(source, entry, event)
                case PaymentTaken():
                    await _paid_on_site(source, entry, event)
                case TransactionEnded():
                    await _transaction_ended(source, entry, event)


async def _exited(source: _Source, entry: Entry, event: VehicleExited) -> None:
    session = await parking_session(source.conn, event.session_id)
    if session is None:
        raise NotYetKnown(f"session {event.session_id} ended and its entry never came")
    quote = await _price(source, session, event.running, until_ms=event.priced_until_ms, before_seq=entry.seq)
    charge = _charge(source, entry, event, session, quote)
    if not await _add(source.conn, charge, quote):
        return
    if charge.total_cents != charge.quoted_cents:
        found = Finding(
            f"quote/{charge.charge_id}",
            DiscrepancyKind.QUOTE_DIFFERS,
            expected_cents=charge.quoted_cents,
            found_cents=charge.total_cents,
            detail=f"quoted by {', '.join(event.tariff_versions)}, charged by {', '.join(quote.tariff_versions)}",
        )
        await ledger.note(source.conn, found, charge=charge, now_ms=entry.at_ms)
    for paid in await site_payments_of(source.conn, session.session_id):
        await collecting.site_payment(source.conn, charge.charge_id, paid)
    await collecting.collect(source.conn, charge, now_ms=entry.at_ms)


async def _price(
    source: _Source, session: ParkingSession, running: Sequence[RunningCharge], *, until_ms: int, before_seq: int
) -> Quote:
    """What a stay costs by what was known on site before an event; ``running`` had not ended when its car was let
    out."""
    charging = [
        c
        for c in await charging_of(source.conn, session.session_id)
        if source.ended_at.get((c.station_id, c.transaction_id), 0) < before_seq
    ]
    return rate(stay_of(session, charging, running, zone=source.zone, until_ms=until_ms), source.tariffs)


def _charge(source: _Source, entry: Entry, event: VehicleExited, session: ParkingSession, quote: Quote) -> Charge:
    return Charge(
        charge_id=f"charge-{session.session_id}",
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
        exited_ms=entry.at_ms,
        log_id=source.log_id,
        seq=entry.seq,
        paid_at_ms=None,
    )


async def _add(conn: AsyncConnection, charge: Charge, quote: Quote) -> bool:
    """Write a charge, its lines and its postings. False when the session is charged already."""
    row = {name: getattr(charge, name) for name in Charge.__dataclass_fields__}
    values = {**row, "tariff_versions": list(charge.tariff_versions)}
    written = await conn.execute(insert(charges).values(values).on_conflict_do_nothing().returning(charges.c.charge_id))
    if written.one_or_none() is None:
        return False
    lines = [
        {"charge_id": charge.charge_id, "line": number, **line.model_dump()}
        for number, line in enumerate(quote.lines, 1)
    ]
    if lines:
        await conn.execute(insert(charge_lines), lines)
    booked = charge_postings(quote.lines)
    await ledger.post(conn, f"charge/{charge.charge_id}", booked, charge_id=charge.charge_id, at_ms=charge.exited_ms)
    return True


async def _paid_on_site(source: _Source, entry: Entry, event: PaymentTaken) -> None:
    """Only for a session that is charged already; otherwise it is found when the session ends."""
    charge = await queries.charge_of_session(source.conn, event.session_id)
    if charge is None:
        return
    for paid in await site_payments_of(source.conn, event.session_id):
        if (paid.log_id, paid.seq) == (source.log_id, entry.seq):
            await collecting.site_payment(source.conn, charge.charge_id, paid)


async def _transaction_ended(source: _Source, entry: Entry, event: TransactionEnded) -> None:
    if event.session_id is None:
        await _unbilled(source, entry, event)
        return
    charge = await queries.charge_of_session(source.conn, event.session_id)
    if charge is None or (charge.log_id == source.log_id and entry.seq < charge.seq):
        return
    session = await parking_session(source.conn, charge.session_id)
    if session is None:
        raise NotYetKnown(f"session {charge.session_id} is charged and not there")
    quote = await _price(source, session, (), until_ms=charge.priced_until_ms, before_seq=entry.seq + 1)
    if quote.total_cents == charge.total_cents:
        return
    found = Finding(
        f"late/{source.facility_id}/{event.station_id}/{event.transaction_id}",
        DiscrepancyKind.LATE_TRANSACTION,
        expected_cents=quote.total_cents,
        found_cents=charge.total_cents,
        detail=f"transaction {event.transaction_id} at {event.station_id} of {event.energy_wh} Wh ended after the exit",
    )
    await ledger.note(source.conn, found, charge=charge, now_ms=entry.at_ms)


async def _unbilled(source: _Source, entry: Entry, event: TransactionEnded) -> None:
    """Energy that no session pays for: what it would have cost depends on a stay, and there is none."""
    if not event.energy_wh:
        return
    found = Finding(
        f"unbilled/{source.facility_id}/{event.station_id}/{event.transaction_id}",
        DiscrepancyKind.UNBILLED_TRANSACTION,
        expected_cents=0,
        found_cents=0,
        detail=f"transaction {event.transaction_id} at {event.station_id} of {event.energy_wh} Wh has no session",
    )
    await ledger.note(source.conn, found, facility_id=source.facility_id, now_ms=entry.at_ms)
