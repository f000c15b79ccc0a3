"""Running the jobs that ``jobs.defer`` wrote: the queue, its worker, and what happens when a job or a worker fails.

NOTIFY starts a job within milliseconds. Waits between attempts are real seconds, since the other side (Stripe, a mail
server) lives in real time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

import procrastinate
import psycopg
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from cloud.db import conninfo
from cloud.jobs import QUEUE, Task

log = logging.getLogger(__name__)

CONCURRENCY = 8
POLL_REAL_S = 1.0
HEARTBEAT_REAL_S = 5.0
DEAD_AFTER_REAL_S = 20.0
RESTART_REAL_S = 1.0
GRACE_REAL_S = 10.0
FIRST_WAIT_REAL_S = 1
LONGEST_WAIT_REAL_S = 600


class BackOff(BaseRetryStrategy):
    """Try again for ever: after 1 s, 2 s, 4 s and so on up to ten minutes. A task that will not succeed by waiting (a
    declined card) records so and returns; it does not raise."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002 - its shape
        doublings = min(job.attempts, 20)
        return RetryDecision(retry_in={"seconds": min(FIRST_WAIT_REAL_S * 2**doublings, LONGEST_WAIT_REAL_S)})


def job_app(database_url: str, tasks: Mapping[str, Task]) -> procrastinate.App:
    """The queue with the tasks that a worker runs, by name."""
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=conninfo(database_url), min_size=1, max_size=CONCURRENCY)
    )
    for name, task in tasks.items():
        app.task(name=name, queue=QUEUE, retry=BackOff())(task)
    return app


async def run_worker(app: procrastinate.App, stop: asyncio.Event) -> None:
    """Run jobs until ``stop`` is set; then finish those that run. A worker that fails, as when the database goes away,
    is started again after a second.

    Jobs done are deleted. Jobs of a worker that died are put back once it has been silent for 20 real seconds.
    """
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        serving = asyncio.create_task(_serve(app))
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await asyncio.wait({stopping}, timeout=RESTART_REAL_S)


async def _serve(app: procrastinate.App) -> None:
    """Work until the database goes away; a cancellation lets running jobs end first."""
    try:
        async with app.open_async(), asyncio.TaskGroup() as group:
            sweeping = group.create_task(_put_back_for_ever(app))
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=POLL_REAL_S,
                update_heartbeat_interval=HEARTBEAT_REAL_S,
                stalled_worker_timeout=DEAD_AFTER_REAL_S,
                shutdown_graceful_timeout=GRACE_REAL_S,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
            sweeping.cancel()
    except* (procrastinate.exceptions.ConnectorException, psycopg.OperationalError, OSError) as errors:
        log.warning("the job queue cannot be reached, trying again: %s", errors.exceptions[0])


async def _put_back_for_ever(app: procrastinate.App) -> None:
    while True:
        await put_back_stalled(app)
        await asyncio.sleep(DEAD_AFTER_REAL_S)


async def put_back_stalled(app: procrastinate.App, *, dead_after_real_s: float = DEAD_AFTER_REAL_S) -> int:
    """Put jobs of dead workers back into the queue; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead_after_real_s))
    for job in stalled:
        await app.job_manager.retry_job(job)
    return len(stalled)
