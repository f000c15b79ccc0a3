"""Before a facility's conversation: whether what comes is from the box that is the facility, or from another."""

import logging
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import boxes
from cloud.link.boxes import Box, Boxes, Verdict, refusal, spoke
from shared.clock import Clock
from shared.wire import Notice

log = logging.getLogger(__name__)


class Door:
    """``tell`` hands a notice to the wire. Only what is not from the known box costs a look into the database."""

    def __init__(
        self,
        facility_id: str,
        engine: AsyncEngine,
        clock: Clock,
        *,
        monotonic_ms: Callable[[], int],
        tell: Callable[[Notice], object],
    ) -> None:
        self._facility_id = facility_id
        self._engine = engine
        self._clock = clock
        self._monotonic_ms = monotonic_ms
        self._tell = tell
        self._boxes = Boxes()
        self._speaker = Box("")
        self._loaded = False

    def is_ours(self, box: Box) -> bool:
        """Whether this is the very process that counts as the facility, or cannot be told from it."""
        ours = self._boxes.ours
        return ours is not None and box.log_id == ours.log_id and box.instance in ("", ours.instance)

    async def announced(self, box: Box) -> bool:
        """A box says that it is there, which it does first on every connection. Whether it is the facility."""
        self._speaker = box
        return await self._admits(box)

    async def sent(self, log_id: str) -> bool:
        """Something of a log came. Whether to take it."""
        instance = self._speaker.instance if self._speaker.log_id == log_id else ""
        return await self._admits(Box(log_id, instance))

    async def _admits(self, box: Box) -> bool:
        before = self._boxes
        if not (self._loaded and self.is_ours(box)):
            await self._look()
            before = self._boxes
        self._boxes, verdict = spoke(before, box, self._monotonic_ms())
        if self._boxes.ours != before.ours and self._boxes.ours is not None:
            async with transaction(self._engine) as conn:
                await boxes.choose(conn, self._facility_id, self._boxes.ours, now_ms=self._clock.now_ms())
        if verdict is Verdict.REFUSED:
            await self._refuse(box)
        return verdict is Verdict.TAKEN

    async def _look(self) -> None:
        """What is written down counts: the last process's choice, or a person's."""
        async with transaction(self._engine) as conn:
            chosen = await boxes.chosen(conn, self._facility_id)
        ours = self._boxes.ours
        if chosen is not None and (ours is None or ours.log_id != chosen.log_id):
            rival = None if ours is None else ours
            self._boxes = Boxes(ours=chosen, heard_real_ms=self._monotonic_ms(), rival=rival)
        self._loaded = True

    async def _refuse(self, box: Box) -> None:
        ours = self._boxes.ours
        if ours is None:
            return
        log.error("%s: two boxes have this name: %s is it, %s is refused", self._facility_id, ours, box)
        self._tell(Notice(log_id=box.log_id, instance=box.instance, text=refusal(ours, box)))
        async with transaction(self._engine) as conn:
            await boxes.note_rival(conn, self._facility_id, box, now_ms=self._clock.now_ms())
