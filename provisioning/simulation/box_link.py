"""The facility's end of both logs. A model of ``edge/link.py`` around the real ``Sender`` and ``receive``."""

from collections.abc import Callable

from provisioning.simulation.box import Box
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Believed
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.wire import Wire
from shared.sync import Ack, Batch, Sender, receive

RESEND_MS = 10_000


class BoxLink:
    """``to_events`` and ``to_acks`` are where the cloud listens; ``says_online`` is the retained presence."""

    def __init__(self, around: Surroundings, box: Box, wire: Wire) -> None:
        self.connected = False
        self.sender = Sender(box.disk.log_id)
        self.to_events: Callable[[Batch], None] = lambda _batch: None
        self.to_acks: Callable[[Ack], None] = lambda _ack: None
        self.says_online: Callable[[bool], None] = lambda _online: None
        self._held_whole: set[str] = set()
        self._decisions_log = ""
        self._around = around
        self._box = box
        self._wire = wire
        box.on_appended = self.pump
        box.on_started.append(self.connect)

    def connect(self) -> None:
        """A new connection: ask what the other side holds."""
        if self._wire.cut:
            return
        self.connected = True
        self._start_over()
        self.says_online(True)
        self.pump()

    def redial(self) -> None:
        """Connect, if that is not done and can be."""
        if not self.connected and self._box.up:
            self.connect()

    def drop(self) -> None:
        """The connection is known to be gone."""
        self.connected = False
        self.says_online(False)

    def pump(self) -> None:
        """Send the next batch if it is time."""
        universe, disk = self._around.universe, self._sent
        if not (self.connected and self._box.up and self.sender.wants_to_send(disk.head, universe.now_ms)):
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
        return Batch(log_id=disk.log_id, after=acked or 0, upto=upto, entries=entries, head=disk.head)

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
        sent, acked = self._sent, self.sender.acked
        if ack.log_id != sent.log_id:
            return
        if sent is not self._box.disk and ack.upto >= sent.head:
            self._held_whole.add(ack.log_id)
            self.sender = Sender(self._sent.log_id)
        elif sent is self._box.disk and self._held_whole and acked is not None and ack.upto < acked:
            self._start_over()
        else:
            self.sender = self.sender.acknowledged(ack, sent.head)

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
