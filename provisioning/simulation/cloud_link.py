"""The cloud's talk with one facility. A model of ``cloud/link/conversation.py`` around the real ``Sender``."""

from provisioning.simulation.box_link import BoxLink
from provisioning.simulation.happenings import Acknowledged
from provisioning.simulation.headquarters import Headquarters
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.wire import Wire
from shared.sync import Ack, Batch, Sender

RESEND_MS = 5_000


class CloudLink:
    """What it believes of the facility is gone after a crash, and asked for anew."""

    def __init__(self, around: Surroundings, headquarters: Headquarters, edge: BoxLink, wire: Wire) -> None:
        self._around = around
        self._headquarters = headquarters
        self._edge = edge
        self._wire = wire
        self._online = False
        self.sender = Sender(headquarters.tables.decisions.log_id)

    def start_over(self) -> None:
        """Forget what the facility was believed to hold, and ask it."""
        self.sender = Sender(self._headquarters.tables.decisions.log_id)
        self.pump()

    def hear_presence(self, online: bool) -> None:
        """The broker says whether the facility is there."""
        self._online = online
        if online and self._headquarters.up:
            self.start_over()

    def hear_events(self, facility_id: str, batch: Batch) -> None:
        """A batch came up."""
        self._headquarters.ingest(facility_id, batch, self._acknowledge)

    def _acknowledge(self, ack: Ack) -> None:
        self._around.auditor.tell(Acknowledged(ack.log_id, ack.upto))
        self._wire.send(ack, self._edge.hear_ack)

    def hear_ack(self, ack: Ack) -> None:
        """The facility says what it holds."""
        if self._headquarters.up:
            self._around.counts["inputs"] += 1
            self.sender = self.sender.acknowledged(ack, self._headquarters.tables.decisions.version)
            self.pump()

    def pump(self) -> None:
        """Send the next decisions if it is time: first an empty batch, which asks."""
        universe, rows = self._around.universe, self._headquarters.tables.decisions
        if not (self._headquarters.up and self._online):
            return
        if self.sender.log_id != rows.log_id:
            self.sender = Sender(rows.log_id)
        if not self.sender.wants_to_send(rows.version, universe.now_ms):
            return
        batch = Batch(log_id=rows.log_id, after=0, upto=0, entries=(), head=rows.version)
        if self.sender.acked is not None:
            batch = rows.read_batch(rows.log_id, self.sender.acked)
        self._wire.send(batch, self._edge.hear_decisions)
        self.sender = self.sender.offered(batch.upto, universe.now_ms + RESEND_MS)
        universe.after(RESEND_MS, self.pump)
