"""Work that leaves the database (card payments, mail), as jobs written in the transaction that causes them.

A job exists exactly when that transaction committed, and runs at least once: a task must do no harm when it runs again.
The queue is procrastinate's, in the same PostgreSQL, and is run by ``job_worker``. Writing a job is one call of the
queue's own SQL function, so that a process that only writes jobs need not load the library.
"""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

QUEUE = "default"

Task = Callable[..., Awaitable[None]]
"""A plain async function with keyword arguments that JSON can carry."""

Job = tuple[str, dict[str, object]]
"""A task's name and its arguments."""

_DEFER = text(
    """
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(:queue, job ->> 0, 0, NULL, NULL, job -> 1, NULL)::procrastinate_job_to_defer_v1 ORDER BY number
    ))
    FROM jsonb_array_elements(:jobs) WITH ORDINALITY AS jobs (job, number)
    """
).bindparams(bindparam("jobs", type_=JSONB))


async def defer(conn: AsyncConnection, task_name: str, **args: object) -> int:
    """Write a job in the caller's transaction; it runs after the commit, never without it. Returns the job's id."""
    (job_id,) = await defer_many(conn, [(task_name, args)])
    return job_id


async def defer_many(conn: AsyncConnection, jobs: Sequence[Job]) -> list[int]:
    """Write jobs by one call, in their order. Returns their ids; nothing is asked of the database when there are
    none."""
    if not jobs:
        return []
    return list(await conn.scalar(_DEFER, {"queue": QUEUE, "jobs": list(jobs)}) or ())
