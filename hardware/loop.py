"""An inductive loop on a contact."""

from collections.abc import Callable

from hardware.gpio import Contact
from shared.devices import LaneSignal, Loop, LoopChanged


class LoopDetector:
    """Signals of one loop: whether it is occupied at the start, then every change."""

    def __init__(self, lane_id: str, loop: Loop, contact: Contact) -> None:
        self._lane_id = lane_id
        self._loop = loop
        self._contact = contact

    def start(self, emit: Callable[[LaneSignal], None]) -> None:
        """Report now and from then on; later reports come from the pins' threads."""
        self._contact.watch(
            lambda occupied: emit(LoopChanged(lane_id=self._lane_id, loop=self._loop, occupied=occupied))
        )
