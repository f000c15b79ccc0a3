"""How long the log is kept: for days, less when the disk runs short, and never what the cloud does not hold.

Entries go in small transactions on the writer's thread with long pauses between, so that no commit of a lane waits for
more than one of them. Nothing goes before two snapshots tell it.
"""

import asyncio
import time
from collections.abc import Callable
from shutil import disk_usage

from edge.config import Keeping
from edge.rules.retention import removable
from edge.store import Store
from shared.clock import DAY_MS, Clock

PIECE = 200
REST = 20
"""After each piece as many times what it took is rested."""
LOOK_REAL_S = 60.0
_REST_MIN_REAL_S = 0.02
_MEGABYTE = 1_000_000


class Retention:
    """``acked`` is how far the cloud is known to hold the log, None while it is not known. ``run`` lasts until
    cancelled or until the store fails."""

    def __init__(self, store: Store, clock: Clock, keeping: Keeping, *, acked: Callable[[], int | None]) -> None:
        self._store = store
        self._clock = clock
        self._keeping = keeping
        self._acked = acked

    async def run(self) -> None:
        """Look now and then, and let go of what may go. Raises sqlite3.Error."""
        while True:
            await self.let_go()
            await asyncio.sleep(LOOK_REAL_S)

    async def let_go(self) -> None:
        """Let go of all that may go now."""
        while True:
            began_real_s = time.perf_counter()
            if not (await self._trim() or await self._trim_closed()):
                return
            await asyncio.sleep(max(_REST_MIN_REAL_S, REST * (time.perf_counter() - began_real_s)))

    async def _trim(self) -> bool:
        acked = self._acked()
        if acked is None:
            return False
        oldest = await self._store.in_reader(self._store.old_entries, PIECE)
        upto = removable(oldest, acked=acked, older_than_ms=await self._older_than_ms())
        if upto is None:
            return False
        await self._store.in_writer(self._store.log.trim, upto)
        return True

    async def _trim_closed(self) -> bool:
        """Former logs go like the present one, a whole one at a time."""
        older_than_ms = await self._older_than_ms()
        for former in self._store.log.closed:
            if not former.drained:
                continue
            newest_ms = await self._store.in_reader(self._store.newest_ms, former)
            if older_than_ms is None or newest_ms < older_than_ms:
                await self._store.in_writer(self._store.log.trim_closed, former, PIECE)
                return True
        return False

    async def _older_than_ms(self) -> int | None:
        room = await self._store.in_reader(_room_bytes, self._store)
        if room < self._keeping.disk_free_min_mb * _MEGABYTE:
            return None
        return self._clock.now_ms() - self._keeping.days * DAY_MS


def _room_bytes(store: Store) -> int:
    return disk_usage(store.path.parent).free + store.free_bytes()
