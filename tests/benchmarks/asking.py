"""From headquarters to a box: a command there and back, and a new right from its commit to the box's store.

The daemon runs in its own process, on a real broker and a real PostgreSQL; this process is headquarters: its link
worker, its desk, and who waits. Next to the command stands one message through the same broker and back, of which a
command needs two; next to the right, one commit in the same PostgreSQL.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import db, migrations
from cloud.link.decisions import publish
from cloud.link.desk import LANE_REAL_S, Desk
from cloud.link.worker import LinkSettings, LinkWorker
from provisioning.local.broker import Broker
from provisioning.local.postgres import Postgres
from shared.clock import REAL_TIME, Clock
from shared.commands import CommandRequest, OpenGate, Outcome
from shared.decisions import FacilityConfigured, RightAssigned
from shared.facilities import Facility
from shared.mqtt import MqttClient
from tests.benchmarks.box import Box, account, full_size
from tests.benchmarks.figures import BenchmarkError, Figure, percentiles_ms

PATIENCE_REAL_S = 20.0
POLL_REAL_S = 0.001
DATABASE = "asking"


def measure(folder: Path, server: Postgres, *, rounds: int) -> list[Figure]:
    """Give ``rounds`` commands and assign as many rights, one after the other."""
    site = full_size(regular=3)
    server.create_database(DATABASE)
    url = server.url(DATABASE)
    migrations.upgrade(url)
    with (
        Broker(folder / "broker", facility_ids=(site.facility_id,)) as broker,
        Box(folder, site.facility_id, broker_url=broker.url(site.facility_id)) as box,
    ):
        return asyncio.run(_measure(site, box, broker.url(), url, rounds))


async def _measure(site: Facility, box: Box, broker_url: str, database_url: str, rounds: int) -> list[Figure]:
    engine = db.create_engine(database_url)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(engine.dispose)
        store = undo.enter_context(closing(sqlite3.connect(f"file:{box.file}?mode=ro", uri=True)))
        desk = await undo.enter_async_context(Desk(broker_url))
        echo = await undo.enter_async_context(MqttClient(broker_url, client_id="echo", subscriptions=["easypark/echo"]))
        worker = LinkWorker(LinkSettings(database_url, broker_url), engine, Clock(REAL_TIME, time.time), [])
        linking = asyncio.create_task(worker.run())
        undo.callback(linking.cancel)
        async with db.transaction(engine) as conn:
            await publish(conn, FacilityConfigured(facility=site), (site.facility_id,))
        await _until(lambda: desk.connected and echo.connected and _decisions(store) > 0)
        asked_s = [await _ask(desk, site, _log_id(store), number) for number in range(rounds)]
        echo_s = [await _echo(echo) for _ in range(rounds)]
        right_s = [await _assign(engine, store, number) for number in range(rounds)]
        commit_s = [await _commit(engine) for _ in range(rounds)]
    return [
        *percentiles_ms("command to answer", asked_s, echo_s, "one message through the broker"),
        *percentiles_ms("right to box", right_s, commit_s, "one commit in PostgreSQL"),
    ]


async def _ask(desk: Desk, site: Facility, log_id: str, number: int) -> float:
    request = CommandRequest(
        command_id=f"bench-{number}",
        facility_id=site.facility_id,
        log_id=log_id,
        by="benchmark",
        command=OpenGate(lane_id="in-1").model_dump(mode="json"),
    )
    began_s = time.perf_counter()
    result = await desk.ask(request, within_real_s=LANE_REAL_S)
    if result.outcome is not Outcome.DONE:
        raise BenchmarkError(f"the gate was not opened: {result}")
    return time.perf_counter() - began_s


async def _echo(client: MqttClient) -> float:
    began_s = time.perf_counter()
    client.publish("easypark/echo", b"x" * 300)
    await client.messages.get()
    return time.perf_counter() - began_s


async def _assign(engine: AsyncEngine, store: sqlite3.Connection, number: int) -> float:
    held = _decisions(store)
    async with db.transaction(engine) as conn:
        await publish(conn, RightAssigned(right=account(number)))
    began_s = time.perf_counter()
    await _until(lambda: _decisions(store) > held)
    return time.perf_counter() - began_s


async def _commit(engine: AsyncEngine) -> float:
    began_s = time.perf_counter()
    async with db.transaction(engine) as conn:
        await conn.execute(text("UPDATE link.decision_log SET version = version"))
    return time.perf_counter() - began_s


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_REAL_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is another process's
            await asyncio.sleep(POLL_REAL_S)


def _decisions(store: sqlite3.Connection) -> int:
    """How far the box holds headquarters' decisions."""
    row = store.execute("SELECT value FROM meta WHERE name = 'decisions_upto'").fetchone()
    return 0 if row is None else int(row[0])


def _log_id(store: sqlite3.Connection) -> str:
    return str(store.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()[0])
