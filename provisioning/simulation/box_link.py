"""The facility's end of both logs. A model of ``edge/link_up.py`` and its siblings, around the real ``Sender`` and
``receive``."""

from collections.abc import Callable

from provisioning.simulation.box import Box
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Believed
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.wire import Wire
from shared.sync import Ack, Batch, Sender, receive
from shared.wire import Notice

RESEND_MS = 10_000
RETURNS_MS = 1_000
"""A box that lives is back so soon when the broker gave its name to another."""
REFUSED_MS = 60_000


class BoxLink:
    """``to_events`` and ``to_acks`` are where the cloud listens; ``says_online`` is the retained presence. ``acked`` is
    how much of the present log the cloud said that it holds, None while it has not. ``gap``: it lacks entries that are
    not kept here any more, which the box says aloud."""

    def __init__(self, around: Surroundings, box: Box, wire: Wire) -> None:
        self.connected = False
        self.acked: int | None = None
        self.gap = False
        self.sender = Sender(box.disk.log_id)
        self.to_events: Callable[[Batch], None] = lambda _batch: None
        self.to_acks: Callable[[Ack], None] = lambda _ack: None
        self.says_online: Callable[[bool, str], None] = lambda _online, _log_id: None
        self.on_dialled: Callable[[], None] = lambda: None
        self._rests_until_ms = 0
        self._ended = False
        self._held_whole: set[str] = set()
        self._decisions_log = ""
        self._around = around
        self._box = box
        self._wire = wire
        box.on_appended = self.pump
        box.on_started.append(self._begin)

    def _begin(self) -> None:
        self.acked, self.gap, self._rests_until_ms = None, False, 0
        self.connect()

    def connect(self) -> None:
        """A new connection: ask what the other side holds."""
        if self._wire.cut or self._around.universe.now_ms < self._rests_until_ms:
            return
        self.on_dialled()
        self.connected = True
        self._start_over()
        self.says_online(True, self._box.disk.log_id)
        self.pump()

    def redial(self) -> None:
        """Connect, if that is not done and can be."""
        if not self.connected and self._box.up:
            self.connect()

    def drop(self) -> None:
        """The connection, if there is one, is known to be gone."""
        if self.connected:
            self.connected = False
            self.says_online(False, self._box.disk.log_id)

    def ousted(self) -> None:
        """Another box of this name connected."""
        self.drop()
        self._around.universe.after(RETURNS_MS, self.redial)

    def start(self) -> None:
        """This box is switched on, unless it was switched off for good."""
        if not self._ended:
            self._box.start()

    def end(self) -> None:
        """This box is switched off for good."""
        self._ended = True
        if self._box.up:
            self._box.crash()
        self.drop()

    def hear_notice(self, notice: Notice) -> None:
        """The cloud takes another box for the facility: leave the wire to it for a while, then ask again."""
        if self._box.up and self.connected and notice.log_id == self._box.disk.log_id:
            self.connected = False
            self._rests_until_ms = self._around.universe.now_ms + REFUSED_MS
            self._around.universe.after(REFUSED_MS, self.redial)

    def pump(self) -> None:
        """Send the next batch if it is time."""
        if not (self.connected and self._box.up):
            return
        universe, disk = self._around.universe, self._sent
        if not self.sender.wants_to_send(disk.head, universe.now_ms):
            return
        if self.sender.acked is not None:
            self._around.auditor.tell(Believed(disk.log_id, self.sender.acked))
        batch = self._batch()
        self._wire.send(batch, self.to_events)
        self.sender = self.sender.offered(batch.upto, universe.now_ms + RESEND_MS)
        universe.after(RESEND_MS, self.pump)

    def _batch(self) -> Batch:
        disk, acked = self._sent, self.sender.acked
        entries = () if acked is None else disk.sync_entries(acked)
        upto = entries[-1].position if entries else acked or 0
        self._around.counts["batches"] += 1
        by = "" if disk is self._box.disk else self._box.disk.log_id
        return Batch(log_id=disk.log_id, after=acked or 0, upto=upto, entries=entries, head=disk.head, sent_by=by)

    def hear_ack(self, ack: Ack) -> None:
        """The cloud says what it holds."""
        if self._box.up and self.connected:
            self._around.counts["inputs"] += 1
            self._take(ack)
            self.pump()

    @property
    def _sent(self) -> Disk:
        """Whose log goes up now: those of before come first."""
        return self._box.disk.sending(self._held_whole)

    def _take(self, ack: Ack) -> None:
        sent = self._sent
        if ack.log_id != sent.log_id:
            return
        if sent is not self._box.disk:
            self._take_former(ack, sent)
        elif ack.upto < sent.base:
            self._ask_later(ack)
        elif self._held_whole and self.acked is not None and ack.upto < self.acked:
            self._start_over()
            self.acked = None
        else:
            self.sender = self.sender.acknowledged(ack, sent.head)
            self.acked, self.gap = ack.upto, False

    def _take_former(self, ack: Ack, former: Disk) -> None:
        if former.base <= ack.upto < former.head:
            self.sender = self.sender.acknowledged(ack, former.head)
        else:
            former.drained = former.drained or ack.upto >= former.head
            self._held_whole.add(ack.log_id)
            self.sender, self.acked = Sender(self._sent.log_id), None

    def _ask_later(self, ack: Ack) -> None:
        """What comes next is not here, and the cloud takes no gap: ask again from time to time, send nothing."""
        universe = self._around.universe
        self.sender = Sender(ack.log_id).offered(0, universe.now_ms + RESEND_MS)
        self.acked, self.gap = ack.upto, True
        universe.after(RESEND_MS, self.pump)

    def _start_over(self) -> None:
        """Nothing is known of what the other side holds, of any log."""
        self._held_whole = set()
        self.sender = Sender(self._sent.log_id)

    def hear_decisions(self, batch: Batch) -> None:
        """Decisions came: keep what is new, then say what is held."""
        if not (self._box.up and self.connected):
            return
        self._around.counts["inputs"] += 1
        if self._held_whole and batch.log_id != self._decisions_log:
            self._start_over()
            self.pump()
        self._decisions_log = batch.log_id
        held = self._box.disk.decisions.held(batch.log_id)
        entries, upto = receive(held, batch)
        if upto > held:
            self._box.decisions_came(batch.log_id, entries, upto, complete=upto >= batch.head)
        self._wire.send(Ack(log_id=batch.log_id, upto=upto), self.to_acks)
