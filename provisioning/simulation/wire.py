"""Links and the broker between: messages get lost, repeated, reordered, late; a cut link carries nothing.

A model of MQTT over a bad network. A broker that forgets loses all that is under way. What one sends of a sample of
messages is what the other reads, through ``shared.wire``; the rest are handed over as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from provisioning.simulation.universe import Universe
from shared.sync import Ack, Batch
from shared.wire import Notice, decode, encode

SAMPLED = 200
"""One message in so many goes through bytes."""

M = TypeVar("M", Batch, Ack, Notice)


@dataclass(slots=True)
class Quality:
    """How bad a link is."""

    delay_ms: tuple[int, int] = (20, 200)
    lost: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    late_ms: int = 30_000


class Wire:
    """One facility's way to the cloud and back."""

    def __init__(self, universe: Universe, quality: Quality) -> None:
        self.quality = quality
        self.cut = False
        self._universe = universe
        self._epoch = 0
        self._sent = 0

    def send(self, message: M, deliver: Callable[[M], None]) -> None:
        """Hand a message over; it may come never, late or twice."""
        self._sent += 1
        if self._sent % SAMPLED == 0:
            message = decode(type(message), encode(message))
        if self.cut or self._universe.chance(self.quality.lost):
            return
        self._carry(message, deliver)
        if self._universe.chance(self.quality.repeated):
            self._carry(message, deliver)

    def forget(self) -> None:
        """Lose all that is under way."""
        self._epoch += 1

    def _carry(self, message: M, deliver: Callable[[M], None]) -> None:
        delay_ms = self._universe.between(*self.quality.delay_ms)
        if self._universe.chance(self.quality.late):
            delay_ms += self._universe.between(0, self.quality.late_ms)
        self._universe.after(delay_ms, self._arrive, self._epoch, message, deliver)

    def _arrive(self, epoch: int, message: M, deliver: Callable[[M], None]) -> None:
        if epoch == self._epoch and not self.cut:
            deliver(message)
