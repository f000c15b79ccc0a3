"""The link's talk with one facility, in one task: its events in order, its decisions, whether it is there.

Facilities never wait for each other: each has its own conversation, and a conversation that fails starts over alone.
Anything may be dropped here (a full mailbox, a failed transaction, no broker): the sync protocol sends it again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import presence
from cloud.link.boxes import Box
from cloud.link.decisions import read_batch
from cloud.link.door import Door
from cloud.link.ingest import Projection, ingest
from shared.clock import Clock
from shared.sync import Ack, Batch, Sender
from shared.wire import Channel, Presence, WireError, decode, encode, topic

log = logging.getLogger(__name__)

MAILBOX_MAX = 16
TICK_REAL_S = 1.0
RESEND_REAL_MS = 5_000
NOTE_HEARD_REAL_MS = 5_000
PROBE_AFTER_REAL_MS = 20_000
AWAY_AFTER_REAL_MS = 60_000
RESTART_REAL_S = 2.0
INGESTS_AT_ONCE = 8
INGEST_TIMEOUT_REAL_S = 60.0
"""A transaction that hangs must not keep one of the few places for ever."""

_CONFIRM = text(
    "INSERT INTO link.decision_cursors (facility_id, log_id, upto, updated_at_ms)"
    " VALUES (:facility_id, :log_id, :upto, :now_ms) ON CONFLICT (facility_id) DO UPDATE"
    " SET log_id = excluded.log_id, upto = excluded.upto, updated_at_ms = excluded.updated_at_ms"
)


@dataclass
class DecisionsHead:
    """The newest version of the decision log, as last seen by the process; one value shared by all conversations."""

    log_id: str = ""
    version: int = 0


@dataclass(frozen=True)
class Surroundings:
    """What all conversations of a process share. ``publish`` hands bytes to the broker and tells whether it took them;
    ``monotonic_ms`` is real time for resending and silence."""

    engine: AsyncEngine
    clock: Clock
    projections: Sequence[Projection]
    publish: Callable[[str, bytes], bool]
    monotonic_ms: Callable[[], int]
    head: DecisionsHead
    ingested: Callable[[float], None] = lambda _: None
    """Told the real seconds that each batch took."""
    ingests: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(INGESTS_AT_ONCE))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when conversations are cancelled: ``asyncio.wait_for`` of Python 3.11, which the database's driver uses, can
    swallow a cancellation, and then this ends the loop."""


class Conversation:
    """``hear``, ``wake`` and ``start_over`` never block; ``run`` does the work until it is cancelled."""

    def __init__(self, facility_id: str, around: Surroundings) -> None:
        self.facility_id = facility_id
        self.malformed = 0
        self._around = around
        self._mailbox: asyncio.Queue[tuple[Channel, bytes]] = asyncio.Queue(MAILBOX_MAX)
        self._stirred = asyncio.Event()
        self._sender = Sender(around.head.log_id)
        self._online = True
        self._heard_real_ms = self._probed_real_ms = around.monotonic_ms()
        self._noted_real_ms: int | None = None
        self._announced: Presence | None = None
        self._door = Door(
            facility_id,
            around.engine,
            around.clock,
            monotonic_ms=around.monotonic_ms,
            tell=lambda notice: self._publish(Channel.NOTICE, encode(notice)),
        )

    def hear(self, channel: Channel, payload: bytes) -> None:
        """Take a message; dropped when too many wait already."""
        if not self._mailbox.full():
            self._mailbox.put_nowait((channel, payload))
        self._stirred.set()

    def wake(self) -> None:
        """There may be new decisions."""
        self._stirred.set()

    def start_over(self) -> None:
        """Forget what the facility was believed to hold, and ask it."""
        self._sender = Sender(self._around.head.log_id)
        self._stirred.set()

    async def run(self) -> None:
        """Converse for ever; trouble, of whatever kind, is this facility's alone."""
        while not self._around.stopping.is_set():
            try:
                await self._converse()
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("%s: the database failed, starting over: %s", self.facility_id, error)
            except Exception:
                log.exception("%s: the conversation failed, starting over", self.facility_id)
            self.start_over()
            if not self._around.stopping.is_set():
                await asyncio.sleep(RESTART_REAL_S)

    async def _converse(self) -> None:
        while not self._around.stopping.is_set():
            while not self._mailbox.empty():
                await self._take(*self._mailbox.get_nowait())
            if self._online:
                await self._offer_decisions()
                await self._judge_silence()
            await self._rest()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_REAL_S):
                await self._stirred.wait()
        self._stirred.clear()

    async def _take(self, channel: Channel, payload: bytes) -> None:
        try:
            if channel is Channel.EVENTS:
                await self._take_events(decode(Batch, payload))
            elif channel is Channel.DECISIONS_ACK:
                await self._take_ack(decode(Ack, payload))
            elif channel is Channel.PRESENCE:
                await self._take_presence(decode(Presence, payload))
        except WireError as error:
            self.malformed += 1
            if self.malformed == 1:
                log.error("%s: malformed %s, counted and ignored from now on: %s", self.facility_id, channel, error)

    async def _take_events(self, batch: Batch) -> None:
        written_by = batch.sent_by or batch.log_id
        if not await self._door.sent(written_by):
            return
        if self._announced is not None and self._announced.log_id == written_by:
            await self._said(self._announced)
        around = self._around
        now_ms, began_ms = around.clock.now_ms(), around.monotonic_ms()
        async with around.ingests, asyncio.timeout(INGEST_TIMEOUT_REAL_S), transaction(around.engine) as conn:
            ack = await ingest(conn, self.facility_id, batch, around.projections, now_ms=now_ms)
        around.ingested((around.monotonic_ms() - began_ms) / 1_000)
        self._publish(Channel.EVENTS_ACK, encode(ack))
        await self._note_heard()

    async def _take_ack(self, ack: Ack) -> None:
        head = self._around.head
        self._sender = self._sender.acknowledged(ack, head.version)
        if ack.log_id == head.log_id and self._sender.acked == ack.upto:
            values = {"facility_id": self.facility_id, **ack.model_dump(), "now_ms": self._around.clock.now_ms()}
            async with transaction(self._around.engine) as conn:
                await conn.execute(_CONFIRM, values)
        await self._note_heard()

    async def _take_presence(self, told: Presence) -> None:
        if told.facility_id != self.facility_id:
            raise WireError(f"presence of {told.facility_id} on the topic of {self.facility_id}")
        box = Box(told.log_id, told.instance)
        if told.online and told.log_id and not await self._door.announced(box):
            self._announced = told  # if it comes to count as the facility, this is what it said
        elif told.online or not told.log_id or self._door.is_ours(box):
            await self._said(told)

    async def _said(self, told: Presence) -> None:
        self._announced = None
        came_back = told.online and not self._online
        self._online = told.online
        async with transaction(self._around.engine) as conn:
            await presence.said(conn, told, now_ms=self._around.clock.now_ms())
        if came_back:
            self.start_over()
        self._heard_real_ms = self._noted_real_ms = self._around.monotonic_ms()

    async def _note_heard(self) -> None:
        """Written at once when it was away, else only now and then."""
        now = self._around.monotonic_ms()
        self._heard_real_ms = now
        if self._online and self._noted_real_ms is not None and now - self._noted_real_ms < NOTE_HEARD_REAL_MS:
            return
        if not self._online:
            self.start_over()
        self._online, self._noted_real_ms = True, now
        async with transaction(self._around.engine) as conn:
            await presence.heard(conn, self.facility_id, now_ms=self._around.clock.now_ms())

    async def _offer_decisions(self) -> None:
        """Send the next batch when something is new or unanswered: first an empty one, which asks what it holds."""
        head, now = self._around.head, self._around.monotonic_ms()
        if self._sender.log_id != head.log_id:
            self.start_over()
        if not head.log_id or not self._sender.wants_to_send(head.version, now):
            return
        batch = Batch(log_id=head.log_id, after=0, upto=0, entries=(), head=head.version)
        if self._sender.acked is not None:
            async with transaction(self._around.engine) as conn:
                batch = await read_batch(conn, self.facility_id, log_id=head.log_id, after=self._sender.acked)
        self._send(batch, now)

    def _send(self, batch: Batch, now_real_ms: int) -> None:
        stamped = batch.model_copy(update={"sent_at_ms": self._around.clock.now_ms()})
        if self._publish(Channel.DECISIONS, encode(stamped)):
            self._sender = self._sender.offered(batch.upto, now_real_ms + RESEND_REAL_MS)

    async def _judge_silence(self) -> None:
        """Ask one that says nothing for long; without an answer it counts as away, whatever the broker says."""
        now = self._around.monotonic_ms()
        if now - self._heard_real_ms > AWAY_AFTER_REAL_MS:
            self._online = False
            async with transaction(self._around.engine) as conn:
                await presence.silent(conn, self.facility_id)
            log.warning("%s: silent, counts as away", self.facility_id)
        elif now - max(self._heard_real_ms, self._probed_real_ms) > PROBE_AFTER_REAL_MS:
            self._probed_real_ms = now
            self.start_over()

    def _publish(self, channel: Channel, payload: bytes) -> bool:
        return self._around.publish(topic(self.facility_id, channel), payload)
