"""Stays at a small facility as its log tells them, brought into the cloud by the real projections."""

import secrets
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.billing.projection import BillingProjection
from cloud.customers.store import customers, payment_methods
from cloud.db import transaction
from cloud.facilities import store as facilities
from cloud.gateway import Gateway
from cloud.link.ingest import ingest
from cloud.sessions.projection import SessionsProjection
from cloud.tariffs import store as tariffs
from shared.clock import HOUR_MS
from shared.events import (
    Entry,
    Event,
    PaymentTaken,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
    entry,
)
from shared.facilities import SpaceKind
from shared.ids import position_id
from shared.rights import RightKind, RightRef
from shared.sync import Batch, SyncEntry
from tests.builders import NINE_MS, facility
from tests.builders import tariffs as plain_tariffs

FACILITY = facility(11_000)
FACILITY_ID = FACILITY.facility_id


@dataclass
class Site:
    """The facility's log. Nothing reaches the cloud before ``sync``."""

    engine: AsyncEngine
    log_id: str = field(default_factory=lambda: f"log-{secrets.token_hex(4)}")
    entries: list[Entry] = field(default_factory=list)
    synced: int = 0

    def append(self, event: Event, at_ms: int) -> int:
        self.entries.append(entry(len(self.entries) + 1, at_ms, event))
        return len(self.entries)

    def enter(self, customer_id: str | None, *, at_ms: int = NINE_MS, covers_parking: bool = False) -> str:
        """A car drives in; the session's id. Without a customer it has a ticket."""
        session_id = position_id(self.log_id, len(self.entries) + 1)
        kind = RightKind.ACCOUNT if customer_id else RightKind.TICKET
        right = RightRef(kind=kind, customer_id=customer_id, covers_parking=covers_parking)
        event = VehicleEntered(
            session_id=session_id,
            lane_id="in-1",
            plate="4AB12C",
            right=right,
            space_id="ev-1",
            space_kind=SpaceKind.EV,
        )
        self.append(event, at_ms)
        return session_id

    def leave(self, session_id: str, quoted_cents: int, *, at_ms: int = NINE_MS + HOUR_MS) -> None:
        event = VehicleExited(
            session_id=session_id,
            lane_id="out-1",
            plate="4AB12C",
            space_id="ev-1",
            quoted_cents=quoted_cents,
            tariff_versions=("parking/1",),
            priced_until_ms=at_ms,
        )
        self.append(event, at_ms + 5_000)

    def charge_up(self, session_id: str | None, energy_wh: int, *, at_ms: int = NINE_MS) -> None:
        """A charging transaction begins and ends half an hour later."""
        transaction_id = f"tx-{len(self.entries)}"
        began = TransactionStarted(
            station_id="cs-1",
            evse_id=1,
            transaction_id=transaction_id,
            seq_no=0,
            started_at_ms=at_ms,
            session_id=session_id,
        )
        self.append(began, at_ms)
        event = TransactionEnded(
            station_id="cs-1",
            evse_id=1,
            transaction_id=transaction_id,
            seq_no=2,
            started_at_ms=at_ms,
            finished_at_ms=at_ms + HOUR_MS // 2,
            ended_at_ms=at_ms + HOUR_MS // 2,
            energy_wh=energy_wh,
            session_id=session_id,
        )
        self.append(event, at_ms + HOUR_MS // 2)

    def pay(self, session_id: str, amount_cents: int, *, at_ms: int = NINE_MS + HOUR_MS) -> None:
        event = PaymentTaken(
            session_id=session_id,
            amount_cents=amount_cents,
            method="CASH",
            reference=f"slip-{len(self.entries)}",
            taken_by="machine-1",
            priced_until_ms=at_ms,
        )
        self.append(event, at_ms)

    async def sync(self) -> None:
        """Everything that is new, in one batch."""
        fresh = tuple(
            SyncEntry(position=e.seq, body={"at_ms": e.at_ms, "type": e.type, "body": e.body})
            for e in self.entries[self.synced :]
        )
        head = len(self.entries)
        batch = Batch(log_id=self.log_id, after=self.synced, upto=head, entries=fresh, head=head)
        async with transaction(self.engine) as conn:
            projections = [SessionsProjection(), BillingProjection()]
            await ingest(conn, FACILITY_ID, batch, projections, now_ms=NINE_MS)
        self.synced = head

    async def stay(self, customer_id: str | None, quoted_cents: int = 300) -> str:
        """In at nine, out at ten, and told to the cloud: $3. Returns the charge's id."""
        session_id = self.enter(customer_id)
        self.leave(session_id, quoted_cents)
        await self.sync()
        return f"charge-{session_id}"


async def open_site(engine: AsyncEngine) -> Site:
    """A configured facility with $3 an hour and $0.40 a kWh."""
    async with transaction(engine) as conn:
        await facilities.save(conn, FACILITY, now_ms=0)
        for tariff in plain_tariffs():
            await tariffs.add(conn, tariff, now_ms=0)
    return Site(engine)


async def add_customer(engine: AsyncEngine, gateway: Gateway, card: str | None = "pm_card_visa") -> str:
    """A customer known at the gateway, with that test card saved there and here."""
    customer_id = f"customer-{secrets.token_hex(4)}"
    gateway_id = await gateway.create_customer(customer_id, name="Ada", email=f"{customer_id}@example.com")
    saved = None
    if card is not None:
        method = await gateway._client.v1.payment_methods.attach_async(card, {"customer": gateway_id})
        saved = await gateway.payment_method(method.id)
    async with transaction(engine) as conn:
        await conn.execute(
            customers.insert().values(
                customer_id=customer_id,
                name="Ada <Lovelace>",
                email=f"{customer_id}@example.com",
                gateway_customer_id=gateway_id,
                created_ms=0,
            )
        )
        if saved is not None:
            await conn.execute(
                payment_methods.insert().values(
                    payment_method_id=saved.payment_method_id,
                    customer_id=customer_id,
                    brand=saved.brand,
                    last4=saved.last4,
                    is_default=True,
                )
            )
    return customer_id


async def jobs_of(engine: AsyncEngine) -> list[tuple[str, dict[str, str]]]:
    """Jobs that wait, by task, in the order in which they were written."""
    async with transaction(engine) as conn:
        rows = await conn.execute(text("SELECT task_name, args FROM procrastinate_jobs ORDER BY id"))
        return [(row.task_name, row.args) for row in rows]


async def balances(conn: AsyncConnection) -> dict[str, int]:
    """What stands on each account, zero left out."""
    rows = await conn.execute(text("SELECT account, sum(amount_cents) FROM billing.postings GROUP BY account"))
    return {account: int(cents) for account, cents in rows if cents}


async def transfers_out_of_balance(conn: AsyncConnection) -> int:
    """How many transfers do not sum to zero; always none."""
    query = (
        "SELECT count(*) FROM (SELECT 1 FROM billing.postings GROUP BY transfer_id HAVING sum(amount_cents) <> 0) AS t"
    )
    return int(await conn.scalar(text(query)) or 0)
