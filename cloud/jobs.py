"""Work that leaves the database (card payments, mail), as jobs written in the transaction that causes them.

A job exists exactly when that transaction committed, and runs at least once: a task must do no harm when it runs again.
The queue is procrastinate's, in the same PostgreSQL, and is run by ``job_worker``. Writing a job is one call of the
queue's own SQL function, so that a process that only writes jobs need not load the library.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

QUEUE = "default"

Task = Callable[..., Awaitable[None]]
"""A plain async function with keyword arguments that JSON can carry."""

_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY["
    " ROW(:queue, :task_name, 0, NULL, NULL, :args, NULL)::procrastinate_job_to_defer_v1])"
).bindparams(bindparam("args", type_=JSONB))


async def defer(conn: AsyncConnection, task_name: str, **args: object) -> int:
    """Write a job in the caller's transaction; it runs after the commit, never without it. Returns the job's id."""
    ids = await conn.scalar(_DEFER, {"queue": QUEUE, "task_name": task_name, "args": args})
    return int(ids[0])
