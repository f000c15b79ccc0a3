"""What else hangs on a site's grid connection, and the meter that tells the box of it, now and then: rarer than in
life, to save steps, so it may also be silent for longer before the worst is taken for granted."""

from edge.rules.inputs import LoadMetered
from provisioning.simulation.box import Box
from provisioning.simulation.happenings import BuildingMetered
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import Process
from shared.facilities import BuildingLoad

METERED_EVERY_MS = 300_000
SILENT_S = 900


class Building:
    """``silent``: its meter says nothing, whatever it draws."""

    def __init__(self, around: Surroundings, box: Box, settings: BuildingLoad) -> None:
        self.silent = False
        self._around = around
        self._box = box
        self._most_w = settings.load_w_max

    def live(self) -> Process:
        """Draw more and less, by little or all at once, and never more than was said."""
        universe = self._around.universe
        load_w = universe.between(0, self._most_w)
        while True:
            by_w = self._most_w if universe.chance(0.1) else self._most_w // 50
            load_w = min(self._most_w, max(0, load_w + universe.between(-by_w, by_w)))
            if not self.silent:
                self._around.auditor.tell(BuildingMetered(self._box.facility_id, load_w))
                self._box.give(LoadMetered(load_w))
            yield METERED_EVERY_MS
