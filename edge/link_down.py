"""The way down: the decisions of headquarters are stored, then acknowledged, then known to the rules."""

from collections.abc import Callable

from edge.rules.inputs import Knowledge
from edge.store import Store
from shared.clock import Clock
from shared.sync import Ack, Batch, receive


class Downlink:
    """``held`` and ``head`` are positions in the cloud's log of decisions, as last heard. ``knowledge_at_ms`` is the
    lived instant at which this facility last knew that it holds every one; None: not since the daemon started."""

    def __init__(self, store: Store, clock: Clock, *, learn: Callable[[Knowledge], None]) -> None:
        self.held = 0
        self.head = 0
        self.knowledge_at_ms: int | None = None
        self._store = store
        self._clock = clock
        self._learn = learn
        self._log_id = ""

    def is_of_another_log(self, batch: Batch) -> bool:
        """Whether it is of another log of decisions than the batch before; a restored cloud begins a new one."""
        return batch.log_id != self._log_id

    async def take(self, batch: Batch) -> Ack:
        """Store what is new of a batch. Returns how much is held, durably. Raises sqlite3.Error when nothing could be
        stored."""
        self._log_id = batch.log_id
        held = self._store.decisions_held(batch.log_id)
        entries, upto = receive(held, batch)
        if upto > held:
            changed = await self._store.in_writer(
                self._store.apply_decisions, batch.log_id, entries, upto, complete=upto >= batch.head
            )
            if changed:
                self._learn(self._store.knowledge())
        self.held, self.head = upto, max(batch.head, upto)
        if upto >= batch.head:
            self.knowledge_at_ms = self._clock.now_ms()
        return Ack(log_id=batch.log_id, upto=upto)
