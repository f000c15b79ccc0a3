"""Sessions that ended become charges, in the transaction that stores the event.

Runs after the sessions' projection of the same batch. A session is priced from the cloud's own rows by the function
that the lane quoted with. A charging transaction that ends after its session was charged is not charged: the driver
was let go at the price that the lane showed. What it would have added is written down as a discrepancy.

The sessions' rows already hold the whole batch, or much more when an event is applied late. An exit must not know what
came after it, or its price would depend on where batches are cut: so whatever has a place in the log is compared by it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.billing import collecting, ledger, queries
from cloud.billing.bills import Bill, bill, site_payment_id
from cloud.billing.pricing import rate_as_quoted, stay_of
from cloud.billing.records import Charge, Discrepancy, Finding, discrepancy
from cloud.billing.rules import ChargeStatus, DiscrepancyKind
from cloud.facilities.store import zone as zone_of
from cloud.link.rules import Told
from cloud.sessions.store import ChargingSession, ParkingSession, SitePayment, charging_of, site_payments_of, stays
from cloud.tariffs.store import all_tariffs
from shared.events import PaymentTaken, RunningCharge, TransactionEnded, VehicleExited
from shared.rating import Quote
from shared.tariffs import Tariff


class NotYetKnown(LookupError):  # noqa: N818 - says what is so
    """A session or facility that should be there is not: the event is kept aside and can be applied later."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What all events of one batch are judged by."""

    facility_id: str
    log_id: str
    zone: str
    tariffs: tuple[Tariff, ...]

    def is_before(self, log_id: str | None, seq: int | None, before_seq: int) -> bool:
        """Whether a place lies before one of this log. Another log of the facility was of an earlier life of its box;
        no place is one that was not noted yet."""
        return log_id != self.log_id or seq is None or seq < before_seq


@dataclass(frozen=True, slots=True)
class _Known:
    """What the cloud knows of some sessions, read in one go."""

    source: _Source
    stays: dict[str, ParkingSession]
    charging: tuple[ChargingSession, ...]
    payments: tuple[SitePayment, ...]

    def stay(self, session_id: str, why: str) -> ParkingSession:
        """Raises NotYetKnown for one that is not there."""
        if session_id not in self.stays:
            raise NotYetKnown(f"session {session_id} {why}")
        return self.stays[session_id]


@dataclass(frozen=True, slots=True)
class _Terms:
    """How a stay is priced: up to ``until_ms``, by what stood in the log before ``before_seq``, and by the tariff
    ``versions`` that its driver was quoted with."""

    until_ms: int
    before_seq: int
    versions: tuple[str, ...]


class BillingProjection:
    """See ``cloud.link.ingest.Projection``."""

    name: Final = "billing"
    types: Final = frozenset({"VehicleExited", "PaymentTaken", "TransactionEnded"})

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, told: Sequence[Told]) -> None:
        """The exits first, all together; then what is about sessions that are charged. Raises NoTariff where HQ has
        published no price, NotYetKnown as said there."""
        zone = await zone_of(conn, facility_id)
        if zone is None:
            raise NotYetKnown(f"facility {facility_id} is not configured here, so its zone is unknown")
        source = _Source(facility_id, log_id, zone, await all_tariffs(conn))
        exits = [(t, t.event) for t in told if isinstance(t.event, VehicleExited)]
        if exits:
            known = await _known(conn, source, {event.session_id for _, event in exits})
            await ledger.open_charges(conn, [_bill(known, place, event) for place, event in exits])
        await _paid_late(conn, {t.event.session_id for t in told if isinstance(t.event, PaymentTaken | VehicleExited)})
        await _ended_late(conn, source, [(t, t.event) for t in told if isinstance(t.event, TransactionEnded)])


async def _known(conn: AsyncConnection, source: _Source, session_ids: Collection[str]) -> _Known:
    return _Known(
        source=source,
        stays=await stays(conn, session_ids),
        charging=await charging_of(conn, *session_ids),
        payments=await site_payments_of(conn, *session_ids),
    )


def _bill(known: _Known, place: Told, event: VehicleExited) -> Bill:
    session = known.stay(event.session_id, "ended and its entry never came")
    quote = _price(known, session, event.running, _Terms(event.priced_until_ms, place.seq, event.tariff_versions))
    charge = Charge(
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
        exited_ms=place.at_ms,
        log_id=known.source.log_id,
        seq=place.seq,
        paid_at_ms=None,
    )
    mine = [p for p in known.payments if p.session_id == session.session_id]
    taken = [p for p in mine if known.source.is_before(p.log_id, p.seq, place.seq)]
    return bill(charge, quote, taken, quoted_by=event.tariff_versions)


def _price(known: _Known, session: ParkingSession, running: Sequence[RunningCharge], terms: _Terms) -> Quote:
    """What a stay costs by what was known on site before an event; ``running`` had not ended when its car was let
    out."""
    source = known.source
    mine = [c for c in known.charging if c.session_id == session.session_id]
    charging = [c for c in mine if source.is_before(c.ended_log_id, c.ended_seq, terms.before_seq)]
    stay = stay_of(session, charging, running, zone=source.zone, until_ms=terms.until_ms)
    return rate_as_quoted(stay, source.tariffs, terms.versions)


async def _paid_late(conn: AsyncConnection, session_ids: Collection[str]) -> None:
    """What was paid on site for sessions that are charged already, and without it. Also after an exit, since one that
    is applied late finds what was paid after it."""
    charged = await queries.charges_of_sessions(conn, session_ids) if session_ids else {}
    taken = {site_payment_id(p.log_id, p.seq): p for p in await site_payments_of(conn, *charged)} if charged else {}
    booked = await queries.known_payments(conn, taken) if taken else frozenset()
    for payment_id, paid in taken.items():
        if payment_id not in booked:
            await collecting.site_payment(conn, charged[paid.session_id].charge_id, paid)


async def _ended_late(conn: AsyncConnection, source: _Source, ended: list[tuple[Told, TransactionEnded]]) -> None:
    """Transactions that no charge holds: those of no session, and those that ended after their session's exit."""
    session_ids = {event.session_id for _, event in ended if event.session_id is not None}
    charged = await queries.charges_of_sessions(conn, session_ids) if session_ids else {}
    late = [
        (place, event, charge)
        for place, event in ended
        if (charge := charged.get(event.session_id or "")) is not None
        and not (charge.log_id == source.log_id and place.seq < charge.seq)
    ]
    noticed = [
        _unbilled(source, place, event) for place, event in ended if event.session_id is None and event.energy_wh
    ]
    if late:
        known = await _known(conn, source, {charge.session_id for _, _, charge in late})
        noticed += [found for one in late if (found := _unpaid(known, *one)) is not None]
    await ledger.note_all(conn, noticed)


def _unpaid(known: _Known, place: Told, event: TransactionEnded, charge: Charge) -> Discrepancy | None:
    session = known.stay(charge.session_id, "is charged and not there")
    quote = _price(known, session, (), _Terms(charge.priced_until_ms, place.seq + 1, charge.tariff_versions))
    if quote.total_cents == charge.total_cents:
        return None
    found = Finding(
        f"late/{known.source.facility_id}/{event.station_id}/{event.transaction_id}",
        DiscrepancyKind.LATE_TRANSACTION,
        expected_cents=quote.total_cents,
        found_cents=charge.total_cents,
        detail=f"transaction {event.transaction_id} at {event.station_id} of {event.energy_wh} Wh ended after the exit",
    )
    return discrepancy(found, now_ms=place.at_ms, charge=charge)


def _unbilled(source: _Source, place: Told, event: TransactionEnded) -> Discrepancy:
    """Energy that no session pays for: what it would have cost depends on a stay, and there is none."""
    found = Finding(
        f"unbilled/{source.facility_id}/{event.station_id}/{event.transaction_id}",
        DiscrepancyKind.UNBILLED_TRANSACTION,
        expected_cents=0,
        found_cents=0,
        detail=f"transaction {event.transaction_id} at {event.station_id} of {event.energy_wh} Wh has no session",
    )
    return discrepancy(found, now_ms=place.at_ms, facility_id=source.facility_id)
