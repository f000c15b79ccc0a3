"""The grid connection, seen from the cables: what building and stations may draw together.

A building does not ask before it draws more. What was promised until then may run out: so the stations are held
against the least that it drew since the longest promise of now may have been made.
"""

from collections import deque
from dataclasses import dataclass, field

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.building import METERED_EVERY_MS, SILENT_S
from provisioning.simulation.happenings import BuildingDrew, Drawing
from shared.facilities import PowerSettings


@dataclass(slots=True)
class _Site:
    drawn_w: int = 0
    loads: deque[tuple[int, int]] = field(default_factory=deque)
    """Since when it drew how much."""


class GridBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._sites = {name: _Site() for name in subject.facilities}

    def hears(self) -> Hearing:
        return {Drawing: self._drawing, BuildingDrew: self._drew}

    def _drawing(self, told: Drawing) -> None:
        self._sites[told.facility_id].drawn_w = told.total_w
        self._look(told.facility_id)

    def _drew(self, told: BuildingDrew) -> None:
        loads = self._sites[told.facility_id].loads
        loads.append((self._subject.now_ms(), told.load_w))
        since_ms = self._subject.now_ms() - _longest_ms(self._subject.facilities[told.facility_id].power)
        while len(loads) > 1 and loads[1][0] <= since_ms:
            loads.popleft()
        self._look(told.facility_id)

    def _look(self, facility_id: str) -> None:
        power, site = self._subject.facilities[facility_id].power, self._sites[facility_id]
        if power.building is None or not site.loads:
            return
        least_w = min(load_w for _, load_w in site.loads)
        if least_w + site.drawn_w > power.building.grid_w:
            self._subject.fail(
                f"{facility_id}: its stations may draw {site.drawn_w} W beside a building that drew {least_w} W at the"
                f" least, of {power.building.grid_w} W"
            )


def _longest_ms(power: PowerSettings) -> int:
    """From when a building draws more until nothing leans on its drawing less: its meter may have fallen silent."""
    return METERED_EVERY_MS + (SILENT_S + power.lease_s + power.renew_s + 5 * power.drift_s) * 1_000
