"""Before a facility's conversation: which of the boxes of its name is the facility. A model of ``cloud/link/door.py``
around the cloud's own choice. Boxes are told apart by their logs alone."""

from collections.abc import Callable
from dataclasses import replace

from cloud.link.boxes import Box, Boxes, Verdict, refusal, spoke
from provisioning.simulation.happenings import Admitted
from provisioning.simulation.headquarters import Headquarters
from provisioning.simulation.surroundings import Surroundings
from shared.wire import Notice


class Door:
    """``tell`` hands a notice to the wire. The choice is a row of the tables; all else a process forgets."""

    def __init__(
        self, around: Surroundings, headquarters: Headquarters, facility_id: str, tell: Callable[[Notice], None]
    ) -> None:
        self._around = around
        self._headquarters = headquarters
        self._facility_id = facility_id
        self._tell = tell
        self._boxes = Boxes()
        self._heard_ms = 0

    def forget(self) -> None:
        """Another process goes on."""
        self._boxes, self._heard_ms = Boxes(), 0

    def is_ours(self, log_id: str) -> bool:
        """Whether the box that writes this log counts as the facility."""
        ours = self._boxes.ours
        return ours is not None and ours.log_id == log_id

    def admits(self, log_id: str) -> bool:
        """The box that writes this log said something. Whether to listen to it."""
        taken = self._is_undisputed(log_id) or self._judge(log_id) is Verdict.TAKEN
        if taken:
            self._heard_ms = self._around.universe.now_ms
            self._around.auditor.tell(Admitted(self._facility_id, log_id))
        return taken

    def _is_undisputed(self, log_id: str) -> bool:
        """Then nothing is to be judged, and when it spoke last is all that changes."""
        return self._boxes.candidate is None and self.is_ours(log_id)

    def _judge(self, log_id: str) -> Verdict:
        rows = self._headquarters.tables.rows.setdefault("boxes", {})
        self._boxes = replace(self._boxes, heard_real_ms=max(self._boxes.heard_real_ms, self._heard_ms))
        if not self.is_ours(log_id):
            self._look(rows.get(self._facility_id))
        self._boxes, verdict = spoke(self._boxes, Box(log_id), self._around.universe.now_ms)
        ours = self._boxes.ours
        if ours is not None:
            rows[self._facility_id] = ours.log_id
            if verdict is Verdict.REFUSED:
                self._around.counts["boxes refused"] += 1
                self._tell(Notice(log_id=log_id, instance="", text=refusal(ours, Box(log_id))))
        return verdict

    def _look(self, chosen: str | None) -> None:
        """What is written down counts: the last process's choice, or a person's."""
        ours = self._boxes.ours
        if chosen is not None and not self.is_ours(chosen):
            self._boxes = Boxes(ours=Box(chosen), heard_real_ms=self._around.universe.now_ms, rival=ours)
