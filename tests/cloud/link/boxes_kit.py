"""Facilities' boxes at a real broker, and the cloud's worker for them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import presence
from cloud.link.ingest import Projection
from cloud.link.worker import LinkSettings as WorkerSettings
from cloud.link.worker import LinkWorker
from edge.link import Link, LinkSettings
from edge.store import Store
from provisioning.local.broker import Broker
from shared.clock import REAL_TIME, Clock
from shared.commands import CommandRequest, CommandResponse
from shared.events import Entry
from shared.mqtt import MqttClient
from shared.wire import Channel, Presence, decode, encode, topic
from tests.builders import facility
from tests.waiting import until

SITE_ID = facility().facility_id
COMMANDS = f"/api/v1/facilities/{SITE_ID}/commands"
PLACES = ("boston", "philadelphia", "newyork")


@asynccontextmanager
async def linking(
    engine: AsyncEngine,
    url: str,
    broker: Broker,
    shards: tuple[str, ...] | None = None,
    projections: Sequence[Projection] = (),
) -> AsyncIterator[None]:
    where = WorkerSettings(url, broker.url(), shards)
    worker = asyncio.create_task(LinkWorker(where, engine, Clock(REAL_TIME, time.time), projections).run())
    try:
        yield
        assert not worker.done()
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def is_there(engine: AsyncEngine, log_id: str = "log-a", *, online: bool = True) -> None:
    async with transaction(engine) as conn:
        told = Presence(facility_id=SITE_ID, online=online, log_id=log_id)
        await presence.said(conn, told, now_ms=0)


@asynccontextmanager
async def fake_box(broker: Broker, answer: Callable[[CommandRequest], CommandResponse | None]) -> AsyncIterator[None]:
    """A box that answers as it is told."""
    requests = topic(SITE_ID, Channel.REQUEST)
    async with MqttClient(broker.url(SITE_ID), client_id=secrets.token_hex(4), subscriptions=[requests]) as client:

        async def serve() -> None:
            while True:
                _, payload = await client.messages.get()
                if (response := answer(decode(CommandRequest, payload))) is not None:
                    client.publish(topic(SITE_ID, Channel.RESPONSE), encode(response))

        await until(lambda: client.connected)
        serving_ = asyncio.create_task(serve())
        yield
        serving_.cancel()


class RealBox:
    def __init__(self, folder: Path, broker: Broker) -> None:
        self.store = Store(folder, "here")
        self.store.append([Entry(seq=1, at_ms=1, type="DaemonStarted", body={"version": "1"})])
        clock = Clock(REAL_TIME, lambda: 5.0)
        self.link = Link(LinkSettings("here", broker.url("here"), "1"), self.store, clock, learn=lambda _: None)
        self.running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.running = asyncio.create_task(self.link.run())

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait({self.running})
        self.store.close()
