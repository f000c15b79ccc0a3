"""The budget, seen from the cables: what all stations together may draw by what they hold and by their own clocks.

Limits that would be too much if a car stood at each are found as well, before one does.
"""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import Drawing


class DrawBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def hears(self) -> Hearing:
        return {Drawing: self._drawing}

    def _drawing(self, told: Drawing) -> None:
        budget_w = self._subject.facilities[told.facility_id].power.budget_w
        if told.total_w > budget_w:
            self._subject.fail(f"{told.facility_id}: its stations may draw {told.total_w} of {budget_w} W")
        elif told.cars_w > budget_w:
            self._subject.fail(f"{told.facility_id}: with cars, its stations may draw {told.cars_w} of {budget_w} W")
