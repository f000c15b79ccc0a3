"""The cloud's talk with one facility. A model of ``cloud/link/conversation.py`` around the real ``Sender``."""

from provisioning.simulation.door import Door
from provisioning.simulation.happenings import Acknowledged
from provisioning.simulation.headquarters import Headquarters
from provisioning.simulation.site import Site
from provisioning.simulation.surroundings import Surroundings
from shared.sync import Ack, Batch, Sender
from shared.wire import Notice

RESEND_MS = 5_000


class CloudLink:
    """What it believes of the facility is gone after a crash, and asked for anew."""

    def __init__(self, around: Surroundings, headquarters: Headquarters, site: Site) -> None:
        self._around = around
        self._headquarters = headquarters
        self._facility_id = site.facility_id
        self._edge = site.name
        self._wire = site.wire
        self._door = Door(around, headquarters, site.facility_id, self._refuse)
        self._announced = ""
        self._online = False
        self.sender = Sender(headquarters.tables.decisions.log_id)

    def begin(self) -> None:
        """Another process goes on here."""
        self._door.forget()
        self.start_over()

    def start_over(self) -> None:
        """Forget what the facility was believed to hold, and ask it."""
        self.sender = Sender(self._headquarters.tables.decisions.log_id)
        self.pump()

    def hear_presence(self, online: bool, log_id: str) -> None:
        """The broker says whether a box of the facility's name is there."""
        if not self._headquarters.up:
            self._online = online
        elif online and not self._door.admits(log_id):
            self._announced = log_id
        elif online or self._door.is_ours(log_id):
            self._said(online)

    def _said(self, online: bool) -> None:
        self._announced, self._online = "", online
        if online:
            self.start_over()

    def hear_events(self, batch: Batch) -> None:
        """A batch came up. If the box that sent it only now comes to count as the facility, it is there from here
        on."""
        written_by = batch.sent_by or batch.log_id
        if not self._headquarters.up or not self._door.admits(written_by):
            return
        if self._announced == written_by:
            self._said(True)
        self._headquarters.ingest(self._facility_id, batch, self._acknowledge)

    def _refuse(self, notice: Notice) -> None:
        self._wire.send(notice, self._edge.hear_notice)

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
