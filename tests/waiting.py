"""Waiting for what is in another part's hands: another task, process or machine, or the disk. A limit here is no bound
of speed: it only lets a test fail, on a slow machine too, when what it waits for never comes."""

import asyncio
from collections.abc import Awaitable, Callable

WITHIN_REAL_S = 20.0
_LOOK_REAL_S = 0.005


async def until(holds: Callable[[], object], within_real_s: float = WITHIN_REAL_S) -> None:
    """Return once ``holds()``. Raises TimeoutError when it does not come about."""
    async with asyncio.timeout(within_real_s):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK_REAL_S)


async def until_told(holds: Callable[[], Awaitable[object]], within_real_s: float = WITHIN_REAL_S) -> None:
    """As ``until``, for what must be asked for, such as a row."""
    async with asyncio.timeout(within_real_s):
        while not await holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK_REAL_S)
