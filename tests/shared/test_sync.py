"""One protocol, two sides, and everything between them that may go wrong: what is appended arrives exactly once."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.sync import Ack, Batch, Sender, SyncEntry, receive

LOG = "boston-1f"
BATCH_MAX = 3
TIMEOUT_MS = 100


def batch(after: int, upto: int) -> Batch:
    entries = tuple(SyncEntry(position=n, body={"n": n}) for n in range(after + 1, upto + 1))
    return Batch(log_id=LOG, after=after, upto=upto, entries=entries)


@dataclass
class World:
    """A sender's log, a receiver's store and two wires that lose, repeat and reorder.

    ``taken`` is what the receiver made durable together with its cursor; a crash loses everything else.
    """

    head: int = 0
    now_ms: int = 0
    sender: Sender = field(default_factory=lambda: Sender(LOG))
    taken: list[int] = field(default_factory=list)
    held_upto: int = 0
    up: list[Batch] = field(default_factory=list)
    down: list[Ack] = field(default_factory=list)

    def append(self, _: int) -> None:
        self.head += 1

    def send(self, _: int) -> None:
        if not self.sender.wants_to_send(self.head, self.now_ms):
            return
        known = self.sender.acked
        offer = batch(0, 0) if known is None else batch(known, min(self.head, known + BATCH_MAX))
        self.up.append(offer)
        self.sender = self.sender.offered(offer.upto, self.now_ms + TIMEOUT_MS)

    def deliver_up(self, choice: int, *, keep: bool = False) -> None:
        if self.up:
            offered = self.up[choice % len(self.up)] if keep else self.up.pop(choice % len(self.up))
            new, self.held_upto = receive(self.held_upto, offered)
            self.taken.extend(e.position for e in new)
            self.down.append(Ack(log_id=LOG, upto=self.held_upto))

    def deliver_down(self, choice: int, *, keep: bool = False) -> None:
        if self.down:
            ack = self.down[choice % len(self.down)] if keep else self.down.pop(choice % len(self.down))
            self.sender = self.sender.acknowledged(ack, self.head)

    def repeat_up(self, choice: int) -> None:
        self.deliver_up(choice, keep=True)

    def repeat_down(self, choice: int) -> None:
        self.deliver_down(choice, keep=True)

    def lose(self, choice: int) -> None:
        wire: list[Batch] | list[Ack] = self.up if choice % 2 else self.down
        if wire:
            wire.pop(choice % len(wire))

    def crash_sender(self, _: int) -> None:
        self.sender = Sender(LOG)

    def crash_receiver_before_its_ack(self, choice: int) -> None:
        acks = len(self.down)
        self.deliver_up(choice)
        del self.down[acks:]

    def wait(self, _: int) -> None:
        self.now_ms += TIMEOUT_MS

    def heal(self) -> None:
        """No more faults: what is in the air arrives or was lost; then send, deliver, wait, as long as needed."""
        self.up.clear()
        for _ in range(2 * self.head + 4):
            self.wait(0)
            self.send(0)
            self.deliver_up(0)
            while self.down:
                self.deliver_down(0)


STEPS = (
    "append", "append", "send", "send", "deliver_up", "deliver_down", "repeat_up", "repeat_down", "lose",
    "crash_sender", "crash_receiver_before_its_ack", "wait",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=80))
def test_through_loss_repeats_reordering_and_crashes_everything_arrives_once_and_in_order(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for name, choice in steps:
        getattr(world, name)(choice)
        assert world.taken == list(range(1, world.held_upto + 1)), "what is held is an exact prefix at every moment"
        assert world.held_upto <= world.head
    world.heal()
    assert world.taken == list(range(1, world.head + 1))
    assert world.sender.acked == world.head
    assert not world.sender.wants_to_send(world.head, world.now_ms)


@given(st.integers(0, 12), st.integers(0, 12))
def test_after_the_receiver_is_restored_from_an_old_backup_the_sender_rewinds(head: int, backup: int) -> None:
    world = World(head=head)
    world.heal()
    del world.taken[backup:]
    world.held_upto = len(world.taken)
    world.append(0)
    world.heal()
    assert world.taken == list(range(1, head + 2))


def test_after_a_start_a_sender_first_asks_what_is_held() -> None:
    fresh = Sender(LOG)
    assert fresh.wants_to_send(head=0, now_ms=0)
    assert receive(5, batch(0, 0)) == ((), 5)
    assert fresh.acknowledged(Ack(log_id=LOG, upto=5), head=9).acked == 5


def test_one_batch_is_in_flight_and_is_sent_again_only_at_its_deadline() -> None:
    waiting = Sender(LOG, acked=0).offered(3, deadline_ms=100)
    assert not waiting.wants_to_send(head=9, now_ms=99)
    assert waiting.wants_to_send(head=9, now_ms=100)


def test_an_idle_sender_is_silent() -> None:
    assert not Sender(LOG, acked=4).wants_to_send(head=4, now_ms=10**9)


@pytest.mark.parametrize("ack", [Ack(log_id="another-life", upto=2), Ack(log_id=LOG, upto=10)])
def test_an_ack_of_another_log_or_of_what_was_never_written_is_ignored(ack: Ack) -> None:
    sender = Sender(LOG, acked=1).offered(3, deadline_ms=100)
    assert sender.acknowledged(ack, head=9) == sender


def test_a_receiver_takes_only_what_is_new() -> None:
    new, held = receive(2, batch(0, 4))
    assert [e.position for e in new] == [3, 4]
    assert held == 4


def test_a_receiver_takes_nothing_across_a_gap_and_says_what_it_holds() -> None:
    assert receive(2, batch(3, 5)) == ((), 2)


def test_a_compacted_batch_moves_the_receiver_past_what_was_left_out() -> None:
    compacted = Batch(log_id=LOG, after=0, upto=9, entries=(SyncEntry(position=7, body={}),))
    new, held = receive(0, compacted)
    assert [e.position for e in new] == [7]
    assert held == 9


@pytest.mark.parametrize(
    ("after", "upto", "positions"), [(2, 4, (2,)), (2, 4, (5,)), (2, 4, (4, 3)), (2, 4, (3, 3)), (2, 1, ())]
)
def test_a_batch_that_says_more_than_it_covers_is_refused(after: int, upto: int, positions: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="positions must ascend within"):
        Batch(log_id=LOG, after=after, upto=upto, entries=tuple(SyncEntry(position=p, body={}) for p in positions))
