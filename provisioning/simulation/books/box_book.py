"""Of two boxes of one name the cloud listens to one: to another only when the first was silent for a while, or when a
person said so. What both booked is in the book of copies."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import Admitted, Chosen, Restored

QUIET_MS = 15_000


class BoxBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._heard: dict[str, tuple[str, int]] = {}
        self._chosen_by_hand: set[str] = set()

    def hears(self) -> Hearing:
        return {Admitted: self._admitted, Chosen: self._chosen, Restored: self._restored}

    def _admitted(self, told: Admitted) -> None:
        now_ms = self._subject.now_ms()
        log_id, at_ms = self._heard.get(told.facility_id, (told.log_id, now_ms))
        by_hand = told.log_id in self._chosen_by_hand
        if log_id != told.log_id and now_ms - at_ms < QUIET_MS and not by_hand:
            self._subject.fail(
                f"{told.facility_id}: the cloud takes what {told.log_id} says, {now_ms - at_ms} ms after {log_id}"
            )
        self._heard[told.facility_id] = (told.log_id, now_ms)

    def _chosen(self, told: Chosen) -> None:
        """The other one is still listened to until this one speaks."""
        self._chosen_by_hand.add(told.log_id)

    def _restored(self, _told: Restored) -> None:
        """It may be of a time when another box counted, or none."""
        self._heard.clear()
