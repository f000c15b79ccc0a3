"""How long the cloud keeps what only grows: facilities' logs, commands, and what other contexts add of their own.

A log goes from its beginning on, as it does in its box. The cursor stays and remembers in ``base`` how far it went, so
what was acknowledged stays acknowledged, and a box that comes back with an older copy of its log is known as one.
Whatever a projection could not take stays until it can, however old it is, and goes then (``cloud/link/parked.py``).

Rows go in small transactions with long pauses between, and a log that takes a batch at the moment is passed over: no
facility waits for this.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import psycopg
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.db import transaction
from cloud.link.rules import old_upto
from shared.clock import DAY_MS, Clock

log = logging.getLogger(__name__)

PIECE = 1_000
REST = 10
"""After each piece as many times what it took is rested."""
LOOK_REAL_S = 600.0
_REST_MIN_REAL_S = 0.02

_LOG = text(
    """
    SELECT c.facility_id, c.log_id, c.base FROM link.cursors AS c
    JOIN link.events AS e ON (e.facility_id, e.log_id, e.seq) = (c.facility_id, c.log_id, c.base + 1)
    WHERE c.base < c.upto AND e.at_ms < :before_ms
    LIMIT 1 FOR UPDATE OF c SKIP LOCKED
    """
)
_OLDEST = text(
    "SELECT seq, at_ms FROM link.events WHERE facility_id = :facility_id AND log_id = :log_id AND seq > :base"
    " ORDER BY seq LIMIT :limit"
)
_REMOVE = text(
    """
    DELETE FROM link.events AS e
    WHERE facility_id = :facility_id AND log_id = :log_id AND seq > :base AND seq <= :upto AND NOT EXISTS (
        SELECT FROM link.parked AS p
        WHERE (p.facility_id, p.log_id, p.seq) = (e.facility_id, e.log_id, e.seq)
    )
    """
)
_MOVE = text("UPDATE link.cursors SET base = :upto WHERE facility_id = :facility_id AND log_id = :log_id")
_COMMANDS = text(
    "DELETE FROM link.commands"
    " WHERE ctid = ANY (ARRAY(SELECT ctid FROM link.commands WHERE asked_at_ms < :before_ms LIMIT :limit))"
)


class Piece(NamedTuple):
    """``rows`` were removed; ``more``: there may be others."""

    rows: int
    more: bool


class Keeping(Protocol):
    """Something that is kept for so long and no longer. ``name`` is a word for its figure."""

    @property
    def name(self) -> str: ...

    async def let_go(self, conn: AsyncConnection, before_ms: int, limit: int) -> Piece:
        """Remove up to ``limit`` rows of what is older than ``before_ms``, in the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """``statement`` removes, or strips of what it tells of a person, at most ``:limit`` rows from before
    ``:before_ms``."""

    name: str
    statement: TextClause

    async def let_go(self, conn: AsyncConnection, before_ms: int, limit: int) -> Piece:
        """See ``Keeping``."""
        done = await conn.execute(self.statement, {"before_ms": before_ms, "limit": limit})
        return Piece(done.rowcount, done.rowcount >= limit)


class Logs:
    """The copies of facilities' logs, those of former boxes too."""

    name = "events"

    async def let_go(self, conn: AsyncConnection, before_ms: int, limit: int) -> Piece:
        """The oldest entries of one log."""
        found = (await conn.execute(_LOG, {"before_ms": before_ms})).mappings().one_or_none()
        if found is None:
            return Piece(0, more=False)
        entries = (await conn.execute(_OLDEST, {**found, "limit": limit})).all()
        place = {**found, "upto": old_upto(((e.seq, e.at_ms) for e in entries), before_ms)}
        removed = await conn.execute(_REMOVE, place)
        await conn.execute(_MOVE, place)
        return Piece(removed.rowcount, more=True)


KEPT: tuple[Keeping, ...] = (Logs(), Rows("commands", _COMMANDS))


class Retention:
    """``run`` lasts until ``stop`` is set; trouble with the database is waited out."""

    def __init__(self, engine: AsyncEngine, clock: Clock, kept: Sequence[Keeping], *, keep_days: int) -> None:
        self._engine = engine
        self._clock = clock
        self._kept = kept
        self._keep_ms = keep_days * DAY_MS
        self._removed = {keeping.name: 0 for keeping in kept}

    def gauges(self) -> Mapping[str, tuple[str, Callable[[], float]]]:
        """What this process has let go of."""
        words = "Rows let go of since the start"
        return {
            f"easypark_retention_{name}_removed": (words, partial(self._removed.__getitem__, name))
            for name in self._removed
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Look now and then, and let go of what is too old."""
        while not stop.is_set():
            try:
                await self.let_go(stop)
            except (SQLAlchemyError, psycopg.Error) as error:
                log.warning("what is too old could not be removed, trying later: %s", error)
            await _rest(stop, LOOK_REAL_S)

    async def let_go(self, stop: asyncio.Event) -> None:
        """Let go of all that is too old now, a piece at a time. Raises SQLAlchemyError."""
        for keeping in self._kept:
            more = True
            while more and not stop.is_set():
                began_real_s = time.perf_counter()
                async with transaction(self._engine) as conn:
                    rows, more = await keeping.let_go(conn, self._clock.now_ms() - self._keep_ms, PIECE)
                self._removed[keeping.name] += rows
                took_real_s = time.perf_counter() - began_real_s
                await _rest(stop, max(_REST_MIN_REAL_S, REST * took_real_s) if more else 0.0)


async def _rest(stop: asyncio.Event, real_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(real_s):
            await stop.wait()
