"""One protocol carries both logs: a sender offers batches, a receiver answers with how far it holds.

The sender counts an entry as delivered only when an Ack covers it, and the receiver sends that Ack only after it
committed. One batch is in flight, resent only at its deadline; a receiver ignores what it has and answers a gap with
what it holds, so loss, repeats, reordering and crashes on either side need no other rule.

A batch covers the positions ``after + 1`` to ``upto``. For events the entries are without gaps. For decisions,
positions that a newer one of the same key replaced, or that concern other facilities, are left out: that is the
compacted read.
"""

from collections.abc import Sequence
from operator import lt
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from shared.facilities import Frozen
from shared.ids import Id


class SyncEntry(NamedTuple):
    """A position, from 1 on, and what stands there, opaque to the protocol. A tuple, since a backlog is made of
    millions of them."""

    position: int
    body: dict[str, Any]


def _to_entries(told: object) -> tuple[SyncEntry, ...]:
    if not isinstance(told, list | tuple):
        raise ValueError(f"entries are a list, not {type(told).__name__}")  # noqa: TRY004 - pydantic takes no other
    return tuple([one if type(one) is SyncEntry else _to_entry(one) for one in told])


def _to_entry(told: object) -> SyncEntry:
    if isinstance(told, dict):
        position, body = told.get("position"), told.get("body")
        if type(position) is int and type(body) is dict:
            return SyncEntry(position, body)
    raise ValueError(f"an entry has a position, which is a whole number, and a body, not {str(told)[:100]}")


def _to_told(entries: Sequence[SyncEntry]) -> list[dict[str, Any]]:
    return [entry._asdict() for entry in entries]


class Batch(Frozen):
    """What a sender offers. Positions ascend within the covered stretch: one beyond it would be taken twice."""

    log_id: Id
    after: int = Field(ge=0)
    upto: int = Field(ge=0)
    entries: Annotated[tuple[SyncEntry, ...], PlainValidator(_to_entries), PlainSerializer(_to_told)]
    head: int = Field(
        0, ge=0, description="the sender's newest position, so the receiver can tell how far behind it is"
    )
    sent_at_ms: int = 0
    sent_by: str = Field(
        "", description="the log that the sending box writes now, when this batch is of a former one; else empty"
    )

    @model_validator(mode="after")
    def _entries_lie_within(self) -> Self:
        positions = [self.after, *[e.position for e in self.entries]]
        if positions[-1] > self.upto or not all(map(lt, positions, positions[1:])):
            raise ValueError(f"positions must ascend within {self.after + 1} to {self.upto}")
        return self


class Ack(Frozen):
    """The receiver holds, durably, everything of ``log_id`` up to and with ``upto``."""

    log_id: Id
    upto: int = Field(ge=0)


class Sender(NamedTuple):
    """Sending side of one log: pure state, moved by ``offer``, ``acknowledged`` and ``appended``.

    ``acked`` None: nothing is known of the receiver yet (after a start), so the first thing sent is an empty probe
    batch, which the receiver answers with what it holds.
    """

    log_id: str
    acked: int | None = None
    in_flight_upto: int | None = None
    resend_at_ms: int = 0

    def wants_to_send(self, head: int, now_ms: int) -> bool:
        """Whether ``offer`` would be useful now: something is new or unanswered for too long."""
        if self.in_flight_upto is not None and now_ms < self.resend_at_ms:
            return False
        return self.acked is None or self.acked < head or self.in_flight_upto is not None

    def offered(self, upto: int, deadline_ms: int) -> "Sender":
        """A batch up to ``upto`` was handed to the wire; it counts as lost at ``deadline_ms``."""
        return Sender(self.log_id, self.acked, upto, deadline_ms)

    def acknowledged(self, ack: Ack, head: int) -> "Sender":
        """Take an Ack. A lower one than before is believed: the receiver was restored from a backup.

        An Ack for another log, or beyond what was ever written, is ignored.
        """
        if ack.log_id != self.log_id or ack.upto > head:
            return self
        return Sender(self.log_id, ack.upto)


def receive(held_upto: int, batch: Batch) -> tuple[tuple[SyncEntry, ...], int]:
    """Receiving side: the entries that are new, and the position held once they are stored.

    A batch that starts beyond what is held is a gap: nothing is taken and the answer tells the sender where to go on.
    """
    if batch.after > held_upto or batch.upto <= held_upto:
        return (), held_upto
    fresh = batch.entries if batch.after == held_upto else [e for e in batch.entries if e.position > held_upto]
    return tuple(fresh), batch.upto
