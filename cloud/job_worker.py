"""Running the jobs that ``jobs.defer`` wrote: the queue, its worker, and what happens when a job or a worker fails.

NOTIFY starts a job within milliseconds. Waits between attempts are real seconds, since the other side (Stripe, a mail
server) lives in real time.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import procrastinate
import psycopg
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker
from psycopg_pool import AsyncConnectionPool

from cloud.db import CONNECT_TIMEOUT_REAL_S, conninfo
from cloud.jobs import QUEUE, Task

log = logging.getLogger(__name__)

CONCURRENCY = 8
POLL_REAL_S = 0.5
"""A NOTIFY that comes while the worker is fetching is forgotten by the library; then looking finds the job."""
HEARTBEAT_REAL_S = 5.0
DEAD_AFTER_REAL_S = 20.0
RESTART_REAL_S = 1.0
GRACE_REAL_S = 10.0
STOP_AGAIN_REAL_S = 0.2
FIRST_WAIT_REAL_S = 1
LONGEST_WAIT_REAL_S = 600


class BackOff(BaseRetryStrategy):
    """Try again for ever: after 1 s, 2 s, 4 s and so on up to ten minutes. A task that will not succeed by waiting (a
    declined card) records so and returns; it does not raise."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002 - its shape
        doublings = min(job.attempts, 20)
        return RetryDecision(retry_in={"seconds": min(FIRST_WAIT_REAL_S * 2**doublings, LONGEST_WAIT_REAL_S)})


def job_app(tasks: Mapping[str, Task]) -> procrastinate.App:
    """The queue with the tasks that a worker runs, by name; opened with a pool of connections."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector())
    for name, task in tasks.items():
        app.task(name=name, queue=QUEUE, retry=BackOff())(task)
    return app


@asynccontextmanager
async def connected(database_url: str, tasks: Mapping[str, Task]) -> AsyncIterator[procrastinate.App]:
    """A queue that is open. Raises psycopg.OperationalError when the database cannot be reached for some seconds."""
    pool = AsyncConnectionPool(conninfo(database_url), min_size=1, max_size=CONCURRENCY + 2, open=False)
    async with pool:
        await pool.wait(CONNECT_TIMEOUT_REAL_S)
        app = job_app(tasks)
        async with app.open_async(pool):
            yield app


async def run_worker(database_url: str, tasks: Mapping[str, Task], stop: asyncio.Event) -> None:
    """Run jobs until ``stop`` is set; then finish those that run. A worker that fails, as when the database goes away,
    is started again after a second.

    Jobs done are deleted. Jobs of a worker that died are put back once it has been silent for 20 real seconds.
    """
    while not stop.is_set():
        try:
            async with connected(database_url, tasks) as app:
                await _work(app, stop)
        except (procrastinate.exceptions.ConnectorException, psycopg.OperationalError, OSError) as error:
            log.warning("the job queue cannot be reached, trying again: %s", error)
        await _wait(stop, RESTART_REAL_S)


async def _work(app: procrastinate.App, stop: asyncio.Event) -> None:
    """Until ``stop``, or until the worker ends by itself because it lost the database.

    Nothing is cancelled: ``asyncio.wait_for`` of Python 3.11, which the libraries below use, can swallow a
    cancellation. The worker forgets a stop that comes before it has begun, so it is told until it has ended.
    """
    worker = Worker(
        app,
        concurrency=CONCURRENCY,
        fetch_job_polling_interval=POLL_REAL_S,
        update_heartbeat_interval=HEARTBEAT_REAL_S,
        stalled_worker_timeout=DEAD_AFTER_REAL_S,
        shutdown_graceful_timeout=GRACE_REAL_S,
        delete_jobs="successful",
        install_signal_handlers=False,
    )
    ended = asyncio.Event()
    working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # the library's gap
    working.add_done_callback(lambda _: ended.set())
    sweeping = asyncio.create_task(_put_back_until(ended, app))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, sweeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    while not working.done():
        worker.stop()  # type: ignore[no-untyped-call]  # as above
        await asyncio.wait({working}, timeout=STOP_AGAIN_REAL_S)
    stopping.cancel()
    await asyncio.gather(working, sweeping)


async def _put_back_until(ended: asyncio.Event, app: procrastinate.App) -> None:
    while not ended.is_set():
        await put_back_stalled(app)
        await _wait(ended, DEAD_AFTER_REAL_S)


async def _wait(event: asyncio.Event, timeout_real_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_real_s)


async def put_back_stalled(app: procrastinate.App, *, dead_after_real_s: float = DEAD_AFTER_REAL_S) -> int:
    """Put jobs of dead workers back into the queue; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead_after_real_s))
    for job in stalled:
        await app.job_manager.retry_job(job)
    return len(stalled)
