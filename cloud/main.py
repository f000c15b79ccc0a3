"""The cloud's composition root: every context is put together here and nowhere else.

Four processes over one database: ``api`` (HTTP), ``link`` (facilities), ``worker`` (jobs) and ``migrate``, which ends.
Each stops cleanly on SIGTERM and SIGINT. A start-up problem is one line on stderr and exit code 2.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import config, metrics, migrations, problems, vitals
from cloud.billing import api as billing_api
from cloud.billing import retention as billing_retention
from cloud.billing import tasks as billing_tasks
from cloud.billing.projection import BillingProjection
from cloud.config import Settings, SettingsError, load_settings
from cloud.customers import api as customers_api
from cloud.dashboard import api as dashboard_api
from cloud.db import create_engine, transaction
from cloud.facilities import api as facilities_api
from cloud.gateway import Gateway
from cloud.link import api as link_api
from cloud.link import commands_api, diagnostics_api
from cloud.link import retention as link_retention
from cloud.link.commands import CommandsProjection
from cloud.link.desk import Desk
from cloud.link.ingest import Projection
from cloud.link.retention import Retention
from cloud.link.worker import LinkSettings, LinkWorker
from cloud.metrics import Vitals
from cloud.sessions import api as sessions_api
from cloud.sessions import retention as sessions_retention
from cloud.sessions.projection import SessionsProjection
from cloud.subscriptions import api as subscriptions_api
from cloud.tariffs import api as tariffs_api
from shared import logs
from shared.clock import Clock

log = logging.getLogger(__name__)

START_ERROR = 2
GRACE_REAL_S = 3
"""Real seconds that open requests (pages that follow events stay open for hours) get to end at a stop."""

GC_ALLOCATIONS = 50_000
"""The link's garbage is looked for after so many objects: about as many as a full batch is made of."""

CANCEL_AGAIN_REAL_S = 3
"""A cancellation can be swallowed (``asyncio.wait_for`` of Python 3.11, in libraries), so it is said again."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "api": (config.JWT_SECRET_FILE, config.STRIPE_API_KEY, config.STRIPE_WEBHOOK_SECRET),
    "link": (config.BROKER_URL,),
    "worker": (config.STRIPE_API_KEY, config.SMTP_URL, config.MAIL_FROM),
    "migrate": (),
}

PROJECTIONS: tuple[Projection, ...] = (SessionsProjection(), BillingProjection(), CommandsProjection())
"""In this order: a charge is made from the session's rows."""

KEPT = (*link_retention.KEPT, *sessions_retention.KEPT, *billing_retention.KEPT)
"""What is removed when it is older than the settings say."""

_APIS = (
    link_api,
    commands_api,
    diagnostics_api,
    facilities_api,
    customers_api,
    tariffs_api,
    subscriptions_api,
    sessions_api,
    billing_api,
)


class StartError(Exception):
    """A process cannot start; the message says what is wrong and how to mend it."""


def run(process: str) -> int:
    """Run ``api``, ``link``, ``worker`` or ``migrate`` with the settings of the environment; its exit code."""
    logs.configure(process=f"cloud {process}")
    try:
        settings = load_settings(os.environ, NEEDED[process])
        if process == "migrate":
            run_migrate(settings)
        else:
            asyncio.run(_until_stopped({"api": run_api, "link": run_link, "worker": run_worker}[process], settings))
    except (SettingsError, StartError) as error:
        print(f"easypark cloud {process}: {error}", file=sys.stderr)
        return START_ERROR
    return 0


async def _until_stopped(process: Callable[[Settings, asyncio.Event], Awaitable[None]], settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("started")
    await process(settings, stop)


def create_app(settings: Settings) -> FastAPI:
    """The HTTP application, ready for a server. Connections are opened when the first request needs them."""
    app = FastAPI(title="EasyParkPlus", version="1", lifespan=_closing)
    app.state.settings = settings
    app.state.clock = clock(settings)
    app.state.engine = create_engine(settings.database_url)
    app.state.gateway = gateway(settings)
    app.state.desk = Desk(settings.broker_url) if settings.broker_url else None
    app.state.projections = PROJECTIONS
    problems.install(app)
    for api in _APIS:
        app.include_router(api.router)
    dashboard_api.install(app)
    requests = metrics.latency("easypark_api_request_seconds", "From a request to the beginning of its answer")
    app.state.vitals = Vitals(histograms=(requests,))
    app.add_middleware(metrics.Timed, observe=requests.observe)
    app.include_router(metrics.router)
    return app


def clock(settings: Settings) -> Clock:
    """The one clock of a process."""
    return Clock(settings.timeline, time.time)


def gateway(settings: Settings) -> Gateway:
    """Stripe, or whatever speaks its HTTP at the address in the settings."""
    return Gateway(settings.stripe_api_key, settings.stripe_webhook_secret, api_base=settings.stripe_api_base)


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as open_ends:
        if app.state.desk is not None:
            await open_ends.enter_async_context(app.state.desk)
        yield
    await app.state.gateway.aclose()
    await app.state.engine.dispose()


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """Serve HTTP until stopped. Raises StartError."""
    import uvicorn  # noqa: PLC0415 - the other processes need no server

    from cloud.server import Server  # noqa: PLC0415 - as above

    listener = _listen(settings)
    app = create_app(settings)
    await _check_database(app.state.engine, settings)
    server = Server(
        uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=GRACE_REAL_S)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    app.state.live.close()
    server.should_exit = True
    await serving


async def run_link(settings: Settings, stop: asyncio.Event) -> None:
    """Carry both logs until stopped. Raises StartError."""
    engine = create_engine(settings.database_url)
    await _check_database(engine, settings)
    gc.collect()
    gc.freeze()  # what is loaded by now stays, and need not be walked through again for every batch
    gc.set_threshold(GC_ALLOCATIONS)  # nor does a batch in hand, which is no garbage, a dozen times
    where = LinkSettings(settings.database_url, settings.broker_url, settings.link_shards)
    ingests = metrics.latency("easypark_link_ingest_seconds", "A batch of events from its arrival to its commit")
    worker = LinkWorker(where, engine, clock(settings), PROJECTIONS, ingested=ingests.observe)
    shown = Vitals((ingests,), worker.gauges(), worker.problems)
    async with vitals.shown(settings, engine, clock(settings), shown):
        link = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({link, stopping}, return_when=asyncio.FIRST_COMPLETED)
        while not link.done():
            link.cancel()
            await asyncio.wait({link}, timeout=CANCEL_AGAIN_REAL_S)
    await asyncio.gather(link, return_exceptions=stop.is_set())
    await engine.dispose()


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Run jobs, and let go of what is too old, until stopped. Raises StartError."""
    from cloud import job_worker  # noqa: PLC0415 - the other processes run no jobs
    from cloud.notifications import receipts  # noqa: PLC0415 - nor do they send mail
    from cloud.notifications.mail import Mailer  # noqa: PLC0415 - as above

    engine = create_engine(settings.database_url)
    await _check_database(engine, settings)
    stripe = gateway(settings)
    postman = receipts.Postman(engine, Mailer(settings.smtp_url), settings.mail_from, clock(settings))
    tasks = {**billing_tasks.tasks(engine, stripe, clock(settings)), **receipts.tasks(postman)}
    retention = Retention(engine, clock(settings), KEPT, keep_days=settings.keep_days)
    async with vitals.shown(settings, engine, clock(settings), Vitals(gauges=retention.gauges())):
        keeping = asyncio.create_task(retention.run(stop), name="retention")
        keeping.add_done_callback(lambda _: stop.set())
        await job_worker.run_worker(settings.database_url, tasks, stop)
        await keeping
    await stripe.aclose()
    await engine.dispose()


def run_migrate(settings: Settings) -> None:
    """Bring the database to the newest step. Raises StartError."""
    try:
        migrations.upgrade(settings.database_url)
    except OperationalError as error:
        raise _unreachable(settings, error) from error


def _listen(settings: Settings) -> socket.socket:
    # Named as TCP, or asyncio leaves TCP_NODELAY off and every answer waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.api_host, settings.api_port))
    except OSError as error:
        where = f"{settings.api_host}:{settings.api_port}"
        raise StartError(
            f"cannot listen on {where} ({error.strerror}): stop what does, or set {config.API_PORT}"
        ) from error
    return listener


async def _check_database(engine: AsyncEngine, settings: Settings) -> None:
    """Once it runs, a process waits out any trouble with the database; at its start it says so and ends."""
    try:
        async with transaction(engine) as conn:
            found = await migrations.version(conn)
    except OperationalError as error:
        raise _unreachable(settings, error) from error
    if found < migrations.NEWEST:
        raise StartError(
            f"the database is at step {found or 'none'}, this version needs {migrations.NEWEST}:"
            " run 'easypark cloud migrate'"
        )


def _unreachable(settings: Settings, error: OperationalError) -> StartError:
    """The address without its password."""
    url = urlsplit(settings.database_url)
    first_line = str(error.orig).strip().splitlines()[0]
    return StartError(
        f"PostgreSQL at {url.hostname}:{url.port or 5432}{url.path} cannot be used ({first_line}):"
        f" start it or set {config.DATABASE_URL}"
    )
