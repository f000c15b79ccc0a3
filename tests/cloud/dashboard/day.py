"""A day at two facilities, brought into the cloud by the real link and projections; money as rows."""

from dataclasses import dataclass, field
from math import sin

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.facilities import store as facilities
from cloud.link import presence
from cloud.link.ingest import ingest
from cloud.sessions.projection import SessionsProjection
from provisioning.demo.facilities import SITES, Password, facility, station_ids
from shared.clock import HOUR_MS, MINUTE_MS
from shared.events import (
    Entry,
    EntryRefused,
    Event,
    LaneFaulted,
    SitePowerSampled,
    StationDisconnected,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
    entry,
)
from shared.facilities import Facility, SpaceKind
from shared.rights import RightKind, RightRef
from shared.sync import Batch, SyncEntry
from shared.wire import Presence

NOW_MS = 1_789_595_467_000
"""2026-09-16 17:51:07 in Boston and Philadelphia."""
BOSTON_ID, PHILA_ID = (site.facility_id for site in SITES)
PASSWORDS = {station_id: Password("unusable", "salt") for station_id in station_ids()}
BOSTON, PHILADELPHIA = (facility(site, PASSWORDS) for site in SITES)


@dataclass
class Log:
    """What a facility wrote. ``behind`` of it has not come to the cloud."""

    site: Facility
    behind: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def log_id(self) -> str:
        return f"{self.site.facility_id}-log"

    def add(self, at_ms: int, event: Event) -> None:
        self.entries.append(entry(len(self.entries) + 1, at_ms, event))

    def enter(self, at_ms: int, plate: str, space_id: str, kind: RightKind = RightKind.ACCOUNT) -> str:
        session_id = f"{self.site.facility_id}-{plate.lower()}"
        ev = space_id.startswith("ev")
        event = VehicleEntered(
            session_id=session_id,
            lane_id="entry-1",
            plate=plate,
            right=RightRef(kind=kind),
            space_id=space_id,
            space_kind=SpaceKind.EV if ev else SpaceKind.REGULAR,
            is_ev=ev,
        )
        self.add(at_ms, event)
        return session_id

    def leave(self, at_ms: int, plate: str, cents: int) -> None:
        event = VehicleExited(
            session_id=f"{self.site.facility_id}-{plate.lower()}",
            lane_id="exit-2",
            plate=plate,
            space_id="1a-01",
            quoted_cents=cents,
            tariff_versions=("parking/1",),
            priced_until_ms=at_ms,
        )
        self.add(at_ms, event)

    def charge(self, at_ms: int, number: int) -> None:
        event = TransactionStarted(
            station_id=f"l2-{number:02d}", evse_id=1, transaction_id=f"tx-{number}", seq_no=0, started_at_ms=at_ms
        )
        self.add(at_ms, event)

    async def arrive(self, conn: AsyncConnection, *, online: bool, heard_at_ms: int) -> None:
        """Bring the log to the cloud as the link does."""
        site_id, held = self.site.facility_id, len(self.entries) - self.behind
        written = tuple(
            SyncEntry(position=e.seq, body=e.model_dump(mode="json", exclude={"seq"})) for e in self.entries[:held]
        )
        batch = Batch(
            log_id=self.log_id, after=0, upto=held, entries=written, head=len(self.entries), sent_at_ms=heard_at_ms
        )
        said = Presence(
            facility_id=site_id,
            online=online,
            at_ms=heard_at_ms,
            log_id=self.log_id,
            head=len(self.entries),
            version="0.1.0",
        )
        await presence.said(conn, said.model_copy(update={"online": True}), now_ms=heard_at_ms)
        await ingest(conn, site_id, batch, [SessionsProjection()], now_ms=heard_at_ms)
        await presence.said(conn, said, now_ms=heard_at_ms)


async def configure(conn: AsyncConnection) -> None:
    """The first minute: both facilities are configured, nothing was heard of them."""
    for site in (BOSTON, PHILADELPHIA):
        await facilities.save(conn, site, now_ms=NOW_MS)


async def live_through(conn: AsyncConnection, *, philadelphia_online: bool = True) -> None:
    """A full afternoon: cars, chargers, power, charges, receipts and a few things that went wrong."""
    await configure(conn)
    boston, philadelphia = Log(BOSTON), Log(PHILADELPHIA, behind=0 if philadelphia_online else 37)
    _fill(boston, cars=141, evs=17, peak_w=371_000)
    _fill(philadelphia, cars=88, evs=9, peak_w=242_000)
    _last_events(boston, philadelphia)
    quiet_ms = 0 if philadelphia_online else 14 * MINUTE_MS
    await boston.arrive(conn, online=True, heard_at_ms=NOW_MS - 2_000)
    await philadelphia.arrive(conn, online=philadelphia_online, heard_at_ms=NOW_MS - 3_000 - quiet_ms)
    await _settle(conn)


def _fill(log: Log, *, cars: int, evs: int, peak_w: int) -> None:
    began_ms = NOW_MS - 6 * HOUR_MS
    for number in range(cars):
        kind = (RightKind.ACCOUNT, RightKind.SUBSCRIPTION, RightKind.TICKET)[number % 3]
        log.enter(began_ms + number * MINUTE_MS, f"CAR{number:03d}", BOSTON.spaces[number].space_id, kind)
    for number in range(evs):
        log.enter(began_ms + (40 + number) * MINUTE_MS, f"EV{number:03d}", f"ev-{number:02d}")
        log.charge(began_ms + (45 + number) * MINUTE_MS, number + 1)
    for step in range(720):
        at_ms = began_ms + step * MINUTE_MS // 2
        drawn_w = round(peak_w * _shape(step))
        worst_w = min(400_000, drawn_w + 22_000 + 9_000 * (step // 40 % 4))
        log.add(at_ms, SitePowerSampled(drawn_w=drawn_w, worst_case_w=worst_w, budget_w=400_000))


def _shape(step: int) -> float:
    """How much of the peak is drawn at each half minute of six hours: two waves, and exactly 1 once, at step 360."""
    wave = 0.62 + 0.28 * sin(step / 190 - 0.6) + 0.08 * sin(step / 23)
    return 1.0 if step == 360 else max(0.0, min(0.97, wave))


def _last_events(boston: Log, philadelphia: Log) -> None:
    second_ms = 1_000
    boston.add(NOW_MS - 160 * second_ms, LaneFaulted(lane_id="entry-2", fault="STUCK_DOWN"))
    boston.leave(NOW_MS - 130 * second_ms, "CAR017", 1_840)
    philadelphia.add(NOW_MS - 96 * second_ms, StationDisconnected(station_id="l2-13", reason="closed"))
    boston.add(NOW_MS - 70 * second_ms, EntryRefused(lane_id="entry-1", plate="8XYZ21", reason="BLOCKED"))
    ended = TransactionEnded(
        station_id="l2-04",
        evse_id=1,
        transaction_id="tx-4",
        seq_no=9,
        started_at_ms=NOW_MS - 3 * HOUR_MS,
        finished_at_ms=NOW_MS - 50_000,
        ended_at_ms=NOW_MS - 50_000,
        energy_wh=23_400,
    )
    boston.add(NOW_MS - 50 * second_ms, ended)
    philadelphia.leave(NOW_MS - 44 * second_ms, "CAR003", 2_675)
    boston.charge(NOW_MS - 21 * second_ms, 20)
    philadelphia.leave(NOW_MS - 12 * second_ms, "CAR019", 0)
    boston.enter(NOW_MS - 4 * second_ms, "4ABC12", "4b-25", RightKind.SUBSCRIPTION)


CHARGES: tuple[tuple[str, str, int, int, str, str | None, str | None, str | None], ...] = (
    ("boston-downtown-car017", BOSTON_ID, 130, 1_840, "PAID", "SUCCEEDED", "CARD_ON_FILE", "SENT"),
    ("philadelphia-center-city-car003", PHILA_ID, 44, 2_675, "OPEN", "DECLINED", "CARD_ON_FILE", None),
    ("philadelphia-center-city-car019", PHILA_ID, 12, 0, "PAID", None, None, "SENT"),
    ("boston-downtown-car901", BOSTON_ID, 420, 1_225, "PAID", "SUCCEEDED", "SITE_CARD", None),
    ("boston-downtown-car902", BOSTON_ID, 600, 3_110, "PAID", "SUCCEEDED", "CARD_ON_FILE", "SENT"),
    ("philadelphia-center-city-car903", PHILA_ID, 660, 450, "PAID", "SUCCEEDED", "CARD_ON_FILE", "PENDING"),
    ("boston-downtown-car904", BOSTON_ID, 700, 990, "OPEN", "PENDING", "CARD_ON_FILE", None),
    ("boston-downtown-yesterday", BOSTON_ID, 86_400, 9_900, "PAID", "SUCCEEDED", "CARD_ON_FILE", "SENT"),
)  # fmt: skip
"""Session, facility, seconds ago, cents, how the charge stands, its payment and kind, its receipt."""


async def _settle(conn: AsyncConnection) -> None:
    for number, (session_id, site_id, ago_s, cents, status, payment, kind, receipt) in enumerate(CHARGES):
        at_ms = NOW_MS - ago_s * 1_000
        row = {"id": f"charge-{number}", "session": session_id, "site": site_id, "cents": cents, "status": status}
        await conn.execute(_CHARGE, {**row, "at_ms": at_ms, "paid_ms": at_ms if status == "PAID" else None})
        if payment:
            message = "Your card has insufficient funds." if payment == "DECLINED" else None
            await conn.execute(_PAYMENT, {**row, "payment": payment, "kind": kind, "message": message, "at_ms": at_ms})
        if receipt:
            await conn.execute(_DELIVERY, {**row, "receipt": receipt, "at_ms": at_ms})
        if status == "OPEN":
            await conn.execute(_OWED, {**row, "at_ms": at_ms})


_CHARGE = text(
    "INSERT INTO billing.charges (charge_id, session_id, facility_id, status, total_cents, tax_cents, quoted_cents,"
    " tariff_versions, entered_ms, priced_until_ms, exited_ms, log_id, seq, paid_at_ms) VALUES"
    " (:id, :session, :site, :status, :cents, 0, :cents, '{parking/1}', :at_ms - 7200000, :at_ms, :at_ms,"
    " 'log', 1, :paid_ms)"
)
_PAYMENT = text(
    "INSERT INTO billing.payments (payment_id, charge_id, kind, status, amount_cents, message, created_at_ms)"
    " VALUES ('pay-' || :id, :id, :kind, :payment, :cents, :message, :at_ms)"
)
_DELIVERY = text(
    "INSERT INTO notifications.deliveries (delivery_id, kind, charge_id, recipient, status, attempts, created_at_ms,"
    " sent_at_ms) VALUES ('receipt-' || :id, 'RECEIPT', :id, 'ann@example.com', :receipt, 1, :at_ms, :at_ms)"
)
_OWED = text(
    "INSERT INTO billing.postings (transfer_id, line, charge_id, account, amount_cents, at_ms) VALUES"
    " ('charge/' || :id, 1, :id, 'RECEIVABLE', :cents, :at_ms), ('charge/' || :id, 2, :id, 'PARKING', -:cents, :at_ms)"
)
