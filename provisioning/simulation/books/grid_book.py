"""The grid connection, seen from the cables: what building and stations may draw together.

A building does not ask before it draws more. What was promised until then may run out: so the stations are held
against the least that its meter told since the longest promise of now may have been made, and where it told nothing in
so long, against the most that the building may draw.
"""

from collections import deque
from dataclasses import dataclass, field

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.building import METERED_EVERY_MS, SILENT_S
from provisioning.simulation.happenings import BuildingMetered, Drawing
from shared.facilities import PowerSettings


@dataclass(slots=True)
class _Site:
    drawn_w: int = 0
    loads: deque[tuple[int, int]] = field(default_factory=deque)
    """When its meter told of how much."""


class GridBook:
    reads: frozenset[str] = frozenset()

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._sites = {name: _Site() for name in subject.facilities}

    def hears(self) -> Hearing:
        return {Drawing: self._drawing, BuildingMetered: self._metered}

    def _drawing(self, told: Drawing) -> None:
        self._sites[told.facility_id].drawn_w = told.total_w
        self._look(told.facility_id)

    def _metered(self, told: BuildingMetered) -> None:
        self._sites[told.facility_id].loads.append((self._subject.now_ms(), told.load_w))
        self._look(told.facility_id)

    def _look(self, facility_id: str) -> None:
        power, site = self._subject.facilities[facility_id].power, self._sites[facility_id]
        if power.building is None:
            return
        since_ms = self._subject.now_ms() - _longest_ms(power)
        while site.loads and site.loads[0][0] < since_ms:
            site.loads.popleft()
        least_w = min((load_w for _, load_w in site.loads), default=power.building.load_w_max)
        if least_w + site.drawn_w > power.building.grid_w:
            self._subject.fail(
                f"{facility_id}: its stations may draw {site.drawn_w} W beside a building that may draw {least_w} W at"
                f" the least, of {power.building.grid_w} W"
            )


def _longest_ms(power: PowerSettings) -> int:
    """From when a building draws more until nothing leans on its drawing less: its meter may have fallen silent."""
    return METERED_EVERY_MS + (SILENT_S + power.lease_s + power.renew_s + 5 * power.drift_s) * 1_000
