"""Care for the facility's file beside the lanes: copies on a schedule, and one look at every page after a start."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TypeVar

from edge import database
from edge.backup import BackupError, back_up, backups
from edge.config import Config
from edge.store import Store
from shared.clock import Clock

_FIRST_REAL_S = 60.0
"""After a start the lanes, the stations and the link come first."""
_HOUR_REAL_S = 3_600
_RETRY_REAL_S = 600.0
_log = logging.getLogger(__name__)
R = TypeVar("R")


class Upkeep:
    """``problem`` is why the last copy could not be made, None when it could. ``run`` lasts until cancelled."""

    def __init__(self, config: Config, store: Store, clock: Clock, *, first_real_s: float = _FIRST_REAL_S) -> None:
        self.problem: str | None = None
        self._config = config
        self._store = store
        self._clock = clock
        self._first_real_s = first_real_s

    async def run(self) -> None:
        """Look at the whole file once, then make copies."""
        await asyncio.sleep(self._first_real_s)
        await aside(self._check_whole)
        while True:
            await asyncio.sleep(self._due_in_real_s())
            await self._copy()

    def _check_whole(self) -> None:
        try:
            with closing(database.open_for_reading(self._store.path)) as db:
                database.check(db)
        except sqlite3.OperationalError as error:
            _log.warning("the file could not be looked at as a whole: %s", error)
        except sqlite3.DatabaseError as error:
            _log.critical("the file is damaged: %s", error)
            self._store.on_damage()

    async def _copy(self) -> None:
        config = self._config
        try:
            made = await aside(
                lambda: back_up(
                    config.data_dir, config.backup_folder, keep=config.backup.keep, now_ms=self._clock.now_ms()
                )
            )
        except BackupError as error:
            if self.problem is None:
                _log.error("%s", error)
            self.problem = str(error)
            await asyncio.sleep(_RETRY_REAL_S)
        else:
            self.problem = None
            _log.info("copied", extra={"path": str(made.path), "head": made.head})

    def _due_in_real_s(self) -> float:
        newest = next(iter(backups(self._config.backup_folder)), None)
        if newest is None:
            return 0.0
        return max(0.0, newest.stat().st_mtime + self._config.backup.every_h * _HOUR_REAL_S - time.time())


async def aside(work: Callable[[], R]) -> R:
    """Do long work on a thread that the end of the process does not wait for: a copy may take minutes."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:  # noqa: BLE001 - handed to whoever awaits
            error = caught
        with suppress(RuntimeError):  # the loop is closed: the daemon is ending
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="upkeep", daemon=True).start()
    return await done
