"""The next batch of the log for the cloud, put together slice by slice without slowing the site (see
``edge/rules/pacing.py``, which says how much of what).

Slices are read, written out and compressed on the store's reading thread, nearly all of it by SQLite and zlib, which
leave the interpreter to the lanes. Between slices is the event loop, and there is where a drain rests and gives way.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.rules.pacing import BATCH_BYTES_MIN, gives_way, next_batch_bytes, rest_real_ms
from edge.store import SLICE_BYTES_MAX, Store
from shared.wire import Parcel

PACKED_BYTES_MAX = 256_000
"""Of a batch after compression, give or take a slice: brokers take 1 MB."""
LOOK_REAL_S = 0.002
"""How often it is looked whether the site is still at work."""


@dataclass(frozen=True, slots=True)
class SentLog:
    """The log that is being sent: its entries ``base + 1`` to ``head``, and where they are."""

    log_id: str
    base: int
    head: int
    table: str = "log"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries ``after + 1`` to ``upto`` of a log, packed but for what is said of them."""

    log_id: str
    after: int
    upto: int
    parcel: Parcel


class Packer:
    """Packs one stretch at a time. ``site_at_work``: whether the site decides something just now."""

    def __init__(self, store: Store) -> None:
        self.site_at_work: Callable[[], bool] = lambda: False
        self._store = store
        self._batch_bytes = BATCH_BYTES_MIN
        self._rested_at_real_s = 0.0

    def answered(self, after_real_ms: int | None) -> None:
        """The cloud took a batch in and said so after this time; None: not in time."""
        self._batch_bytes = next_batch_bytes(self._batch_bytes, after_real_ms)

    async def pack(self, log: SentLog, after: int) -> Stretch:
        """The entries that follow ``after``: as many as a batch may have, at least one if there is any."""
        parcel, upto, more = Parcel(), after, after < log.head
        while more:
            await self._rest()
            before = upto
            upto = await self._store.in_reader(self._add_slice, parcel, log.table, upto)
            full = parcel.read_bytes >= self._batch_bytes or parcel.packed_bytes >= PACKED_BYTES_MAX
            more = before < upto < log.head and not full
        return Stretch(log.log_id, after, upto, parcel)

    def _add_slice(self, parcel: Parcel, table: str, after: int) -> int:
        """How far the parcel goes with the next slice. An entry larger than a slice travels alone, so that whatever
        fits through the broker by itself gets through."""
        began_real_s = time.monotonic()
        entries, upto = self._store.sync_json(after=after, table=table)
        if parcel.read_bytes and len(entries) > SLICE_BYTES_MAX:
            return after
        parcel.add(entries)
        ended_real_s = time.monotonic()
        self._rested_at_real_s = ended_real_s + rest_real_ms((ended_real_s - began_real_s) * 1_000) / 1_000
        return upto

    async def _rest(self) -> None:
        await asyncio.sleep(max(0.0, self._rested_at_real_s - time.monotonic()))
        began_real_s = time.monotonic()
        while gives_way(  # noqa: ASYNC110 - the runtime tells nobody when it comes to rest
            site_at_work=self.site_at_work(), given_real_ms=(time.monotonic() - began_real_s) * 1_000
        ):
            await asyncio.sleep(LOOK_REAL_S)
