"""The ``cloud link`` process: one broker connection, one conversation per facility of its shards.

More of these processes share the facilities out by shards. Two on the same shard do no harm: the cursor's row lock
keeps events exactly once, and decisions are whole values.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import conninfo, transaction
from cloud.link import presence
from cloud.link.conversation import Conversation, DecisionsHead, Surroundings
from cloud.link.decisions import CHANNEL, decision_log
from cloud.link.ingest import Projection
from cloud.link.parked import Retried, retry_all
from shared.clock import Clock
from shared.ids import Id
from shared.mqtt import MqttClient
from shared.wire import FOLLOWED, WireError, cloud_subscriptions, parse_topic, shard_of

log = logging.getLogger(__name__)

POLL_REAL_S = 1.0
_facility_ids: TypeAdapter[str] = TypeAdapter(Id)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """``shards`` None: the facilities of every shard."""

    database_url: str
    broker_url: str
    shards: tuple[str, ...] | None = None


class LinkWorker:
    """Listens until ``run`` is cancelled."""

    def __init__(
        self,
        settings: LinkSettings,
        engine: AsyncEngine,
        clock: Clock,
        projections: Sequence[Projection],
        *,
        ingested: Callable[[float], None] = lambda _: None,
    ) -> None:
        """``ingested`` is told the real seconds that each batch of events took."""
        self._settings = settings
        self._client = MqttClient(
            settings.broker_url,
            client_id=f"easypark-link-{secrets.token_hex(6)}",
            subscriptions=cloud_subscriptions(settings.shards, FOLLOWED),
        )
        self._client.on_connected = self._start_over
        self._head = DecisionsHead()
        self._around = Surroundings(
            engine=engine,
            clock=clock,
            projections=projections,
            publish=self._client.publish,
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
            head=self._head,
            ingested=ingested,
        )
        self._conversations: dict[str, Conversation] = {}
        self._strangers = 0

    def gauges(self) -> Mapping[str, tuple[str, Callable[[], float]]]:
        """What this process alone knows, for its figures."""
        return {
            "easypark_link_connected": ("1 while the broker is there", lambda: self._client.connected),
            "easypark_link_conversations": ("Facilities it talks to", lambda: len(self._conversations)),
            "easypark_link_malformed": (
                "Messages nobody could read since the start",
                lambda: self._strangers + sum(c.malformed for c in self._conversations.values()),
            ),
            "easypark_link_dropped": ("Messages too many since the start", lambda: self._client.inbound_dropped),
        }

    def problems(self) -> list[str]:
        """What keeps it from its work."""
        return [] if self._client.connected else [f"no broker: {self._client.problem}"]

    async def run(self) -> None:
        """Carry both logs until cancelled. Raises only for a defect: trouble with the database or broker is waited
        out."""
        async with asyncio.TaskGroup() as group:
            try:
                group.create_task(self._watch_decisions())
                await self._remember(group)
                group.create_task(self._retry_parked())
                async with self._client:
                    while True:
                        message_topic, payload = await self._client.messages.get()
                        self._hear(group, message_topic, payload)
            finally:
                self._around.stopping.set()

    def _hear(self, group: asyncio.TaskGroup, message_topic: str, payload: bytes) -> None:
        try:
            address = parse_topic(message_topic)
            facility_id = _facility_ids.validate_python(address.facility_id)
        except (WireError, ValidationError) as error:
            self._strangers += 1
            if self._strangers == 1:
                log.error("message on a topic that is none of ours, counted and ignored from now on: %s", error)
            return
        self._conversation(group, facility_id).hear(address.channel, payload)

    def _conversation(self, group: asyncio.TaskGroup, facility_id: str) -> Conversation:
        if facility_id not in self._conversations:
            self._conversations[facility_id] = Conversation(facility_id, self._around)
            group.create_task(self._conversations[facility_id].run(), name=f"conversation {facility_id}")
        return self._conversations[facility_id]

    async def _remember(self, group: asyncio.TaskGroup) -> None:
        """Talk to those that counted as there when the last process ended; who is gone since then will be silent."""
        while True:
            try:
                async with transaction(self._around.engine) as conn:
                    known = await presence.online(conn)
                break
            except SQLAlchemyError as error:
                log.warning("the database cannot be reached, trying again: %s", error)
                await asyncio.sleep(POLL_REAL_S)
        for facility_id in known:
            if self._is_ours(facility_id):
                self._conversation(group, facility_id)

    async def _retry_parked(self) -> None:
        """Once: this process may be an update that knows more than the one that set events aside."""
        while not self._around.stopping.is_set():
            try:
                now_ms = self._around.clock.now_ms()
                retried = await retry_all(
                    self._around.engine, self._around.projections, now_ms=now_ms, ours=self._is_ours
                )
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("parked events were not tried again, trying later: %s", error)
                await asyncio.sleep(POLL_REAL_S)
            else:
                if retried != Retried():
                    log.info("parked events: %d applied, %d still parked", retried.applied, retried.parked)
                return

    def _is_ours(self, facility_id: str) -> bool:
        shards = self._settings.shards
        return shards is None or shard_of(facility_id) in shards

    def _start_over(self) -> None:
        """A new broker connection: whatever was on its way is gone."""
        for conversation in self._conversations.values():
            conversation.start_over()

    async def _watch_decisions(self) -> None:
        """Wake the conversations when a decision was committed: by NOTIFY within milliseconds, by looking at worst."""
        stopping = self._around.stopping
        while not stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(
                    conninfo(self._settings.database_url), autocommit=True
                ) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    while not stopping.is_set():
                        await self._look()
                        async for _ in listener.notifies(timeout=POLL_REAL_S, stop_after=1):
                            pass
            except (psycopg.Error, SQLAlchemyError) as error:
                log.warning("the database cannot be reached, trying again: %s", error)
            await asyncio.sleep(POLL_REAL_S)

    async def _look(self) -> None:
        async with transaction(self._around.engine) as conn:
            log_id, version = await decision_log(conn)
        if (log_id, version) == (self._head.log_id, self._head.version):
            return
        self._head.log_id, self._head.version = log_id, version
        for conversation in self._conversations.values():
            conversation.wake()
