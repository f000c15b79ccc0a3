"""The name that a facility's boxes have at the broker: whoever connects last has it, and the other is cut off."""

from provisioning.simulation.box_link import BoxLink
from shared.sync import Ack, Batch
from shared.wire import Notice


class Name:
    """``links`` are of all boxes that live by this name; what the cloud sends to the name, the connected one hears."""

    def __init__(self) -> None:
        self.links: list[BoxLink] = []

    def join(self, link: BoxLink) -> None:
        """One more box."""
        self.links.append(link)
        link.on_dialled = lambda: self._oust_others(link)

    def hear_ack(self, ack: Ack) -> None:
        """The cloud says what it holds."""
        for link in self.links:
            link.hear_ack(ack)

    def hear_decisions(self, batch: Batch) -> None:
        """Decisions came."""
        for link in self.links:
            link.hear_decisions(batch)

    def hear_notice(self, notice: Notice) -> None:
        """The cloud does not take what one of them sends."""
        for link in self.links:
            link.hear_notice(notice)

    def _oust_others(self, link: BoxLink) -> None:
        for other in self.links:
            if other is not link and other.connected:
                other.ousted()
