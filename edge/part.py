"""A part of the daemon beside the lanes: kept alive alone, its trouble told once and shown for as long as it lasts."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

BACKOFF_MIN_REAL_S = 0.5
BACKOFF_MAX_REAL_S = 30.0
STEADY_REAL_S = 60.0
"""A part that lived so long before it failed begins with the shortest wait again."""
_log = logging.getLogger(__name__)


class Part:
    """``problem`` is None while the part runs, else what ended it last, for pages and health."""

    def __init__(self, name: str, live: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.problem: str | None = "not started yet"
        self._live = live
        self._told: str | None = None

    async def keep_alive(self) -> None:
        """Run the part for ever, again after a growing wait whenever it ends. Ends by being cancelled only."""
        wait_s = BACKOFF_MIN_REAL_S
        while True:
            began_s = time.monotonic()
            self.problem = None
            await self._live_once()
            steady = time.monotonic() - began_s >= STEADY_REAL_S
            wait_s = BACKOFF_MIN_REAL_S if steady else wait_s
            await asyncio.sleep(wait_s)
            wait_s = min(BACKOFF_MAX_REAL_S, wait_s * 2)

    async def _live_once(self) -> None:
        try:
            await self._live()
        except Exception as error:  # noqa: BLE001 - whatever ends a part must not end the lanes; it is told below
            self._end(_describe(error), error)
        else:
            self._end("ended by itself", None)

    def _end(self, problem: str, error: Exception | None) -> None:
        self.problem = problem
        if problem != self._told:
            _log.error("%s failed and is started again: %s", self.name, problem, exc_info=error)
        self._told = problem


def _describe(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
