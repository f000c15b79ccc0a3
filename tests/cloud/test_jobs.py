"""Jobs exist exactly when the transaction that wrote them committed, and run at least once."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import procrastinate
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import job_worker, jobs
from cloud.db import transaction

pytestmark = pytest.mark.anyio


class BrokenError(Exception):
    """Thrown by a task, as a time-out would be."""


class Desk:
    """Takes note of the jobs that ran; the first ``failures`` runs raise."""

    def __init__(self, failures: int = 0) -> None:
        self.done: asyncio.Queue[object] = asyncio.Queue()
        self.failures = failures

    async def note(self, *, word: str) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokenError(word)
        await self.done.put(word)


async def no_jobs(engine: AsyncEngine) -> None:
    """Returns once the queue's table is empty; the test's time limit is its only end otherwise."""
    async with asyncio.timeout(10):
        while True:
            async with transaction(engine) as conn:
                if await conn.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0:
                    return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(database_url: str, tasks: Mapping[str, job_worker.Task]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    worker = asyncio.create_task(job_worker.run_worker(database_url, tasks, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 15)


async def test_an_idle_worker_is_told_of_a_committed_job_and_need_not_look(
    database_url: str, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_worker, "POLL_REAL_S", 60.0)
    desk = Desk()
    async with transaction(engine) as conn:
        await jobs.defer(conn, "note", word="there before")
    async with working(database_url, {"note": desk.note}):
        assert await asyncio.wait_for(desk.done.get(), 10) == "there before"
        await no_jobs(engine)
        await asyncio.sleep(0.5)
        async with transaction(engine) as conn:
            await jobs.defer(conn, "note", word="now")
        assert await asyncio.wait_for(desk.done.get(), 5) == "now"


async def test_jobs_written_together_stand_in_their_order_with_their_own_ids(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        written = await jobs.defer_many(conn, [("note", {"word": "one"}), ("tell", {"n": 2, "x": None}), ("note", {})])
        assert await jobs.defer_many(conn, []) == []
        rows = (
            await conn.execute(text("SELECT id, queue_name, task_name, args FROM procrastinate_jobs ORDER BY id"))
        ).all()
    assert [row.id for row in rows] == written == sorted(written)
    assert [(row.queue_name, row.task_name, row.args) for row in rows] == [
        (jobs.QUEUE, "note", {"word": "one"}),
        (jobs.QUEUE, "tell", {"n": 2, "x": None}),
        (jobs.QUEUE, "note", {}),
    ]


async def test_a_job_of_a_transaction_that_rolled_back_never_was(engine: AsyncEngine) -> None:
    async def fail_after_deferring() -> None:
        async with transaction(engine) as conn:
            await jobs.defer(conn, "note", word="never")
            raise BrokenError

    with pytest.raises(BrokenError):
        await fail_after_deferring()
    async with transaction(engine) as conn:
        assert await conn.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


async def test_a_job_that_fails_is_tried_again(database_url: str, engine: AsyncEngine) -> None:
    desk = Desk(failures=1)
    async with transaction(engine) as conn:
        await jobs.defer(conn, "note", word="second time")
    async with working(database_url, {"note": desk.note}):
        assert await asyncio.wait_for(desk.done.get(), 10) == "second time"


async def test_the_waits_between_attempts_double_up_to_ten_minutes() -> None:
    def wait_s(attempts: int) -> float:
        job = procrastinate.jobs.Job(
            id=1, queue="q", lock=None, queueing_lock=None, task_name="t", task_kwargs={}, attempts=attempts
        )
        decision = job_worker.BackOff().get_retry_decision(exception=BrokenError(), job=job)
        assert decision.retry_at is not None
        return decision.retry_at.timestamp() - time.time()

    assert [round(wait_s(n)) for n in (0, 1, 2, 3, 9, 10, 1_000)] == [1, 2, 4, 8, 512, 600, 600]


async def test_a_job_of_a_worker_that_died_is_put_back(database_url: str, engine: AsyncEngine) -> None:
    desk = Desk()
    async with transaction(engine) as conn:
        await jobs.defer(conn, "note", word="orphan")
    async with job_worker.connected(database_url, {"note": desk.note}) as app:
        worker_id = await app.job_manager.register_worker()
        taken = await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert taken is not None
        assert await job_worker.put_back_stalled(app) == 0, "a live worker keeps its job"
        assert await job_worker.put_back_stalled(app, dead_after_real_s=0) == 1
    async with working(database_url, {"note": desk.note}):
        assert await asyncio.wait_for(desk.done.get(), 5) == "orphan"


async def test_done_jobs_leave_nothing_behind(database_url: str, engine: AsyncEngine) -> None:
    desk = Desk()
    async with transaction(engine) as conn:
        await jobs.defer(conn, "note", word="done")
    async with working(database_url, {"note": desk.note}):
        await asyncio.wait_for(desk.done.get(), 5)
        await no_jobs(engine)


async def test_a_worker_without_a_database_waits_and_still_stops_when_asked() -> None:
    stop = asyncio.Event()
    nowhere = "postgresql://nobody:nothing@127.0.0.1:1/none"
    worker = asyncio.create_task(job_worker.run_worker(nowhere, {}, stop))
    await asyncio.sleep(0.2)
    assert not worker.done()
    stop.set()
    await asyncio.wait_for(worker, 10)


async def test_a_worker_survives_the_loss_of_its_connections(database_url: str, engine: AsyncEngine) -> None:
    desk = Desk()
    async with working(database_url, {"note": desk.note}):
        async with transaction(engine) as conn:
            await jobs.defer(conn, "note", word="before")
        assert await asyncio.wait_for(desk.done.get(), 5) == "before"
        await no_jobs(engine)
        async with transaction(engine) as conn:
            await conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            await jobs.defer(conn, "note", word="after")
        assert await asyncio.wait_for(desk.done.get(), 10) == "after"


async def test_a_worker_stops_at_whatever_moment_it_is_told_to(database_url: str) -> None:
    for hesitation_s in (0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16):
        stop = asyncio.Event()
        worker = asyncio.create_task(job_worker.run_worker(database_url, {}, stop))
        await asyncio.sleep(hesitation_s)
        stop.set()
        await asyncio.wait_for(worker, 10)
