"""What a site's chargers were allowed at each instant, told from its configuration and what its log says of the
building beside them.

Peak windows are known beforehand, so they bind at once. A building whose load rises does not ask before: what was
promised until then may run out, so its fall binds when the longest promise has ended. So it is with a charger that
refuses limits and goes away.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.facilities import Facility

_MINUTE_MS = 60_000


class Allowance:
    """Tell it of the building in order of time, then ask. Without ``from_start`` the building was told of before: until
    it is again, it is taken to draw nothing, so that nothing is found that may have been allowed. ``phased``: whether
    the lines of the supply are known."""

    def __init__(self, facility: Facility, *, from_start: bool = True) -> None:
        power = facility.power
        self.facility = facility
        self._power = power
        self._zone = ZoneInfo(facility.zone)
        self._grace_ms = (power.lease_s + power.renew_s + 5 * power.drift_s) * 1000
        self._load_w: int | None = None if from_start else 0
        self.phased = any(evse.phases for station in facility.stations for evse in station.evses)
        self._least_w = self._ceiling_w(None)
        self._unwatched_w = 0
        self._ceilings: list[tuple[int, int]] = [(0, self._ceiling_w(self._load_w))]

    def _ceiling_w(self, load_w: int | None) -> int:
        building = self._power.building
        if building is None:
            return self._power.budget_w
        assumed_w = building.load_w_max if load_w is None else load_w
        return max(0, min(self._power.budget_w, building.grid_w - assumed_w - building.margin_w))

    def building_draws(self, load_w: int | None, at_ms: int) -> None:
        """The building's load from an instant on; None when its meter fell silent."""
        self._load_w = load_w
        self._note(at_ms)

    def unwatched_draw(self, unwatched_w: int, at_ms: int) -> None:
        """What chargers that nobody can limit or see may draw from an instant on."""
        if unwatched_w != self._unwatched_w:
            self._unwatched_w = unwatched_w
            self._note(at_ms)

    def step(self, by_ms: int) -> None:
        """The clock moved."""
        self._ceilings = [(at_ms + by_ms if at_ms else 0, ceiling_w) for at_ms, ceiling_w in self._ceilings]

    def _note(self, at_ms: int) -> None:
        self._ceilings.append((at_ms, self._ceiling_w(self._load_w) - self._unwatched_w))

    def at_w(self, at_ms: int, *, at_least_w: int = 0) -> int:
        """The most that may be promised at an instant. ``at_least_w``: the fallbacks, which no charger left alone can
        be brought below; they bind only where they fit what the site may ever draw."""
        while len(self._ceilings) > 1 and self._ceilings[1][0] < at_ms - self._grace_ms:
            del self._ceilings[0]
        allowed_w = max(min(at_least_w, self._least_w), *[ceiling_w for _, ceiling_w in self._ceilings])
        return min([allowed_w, *self._peaks_w(at_ms)]) if self._power.peaks else allowed_w

    def edges(self, after_ms: int, before_ms: int) -> set[int]:
        """Whole minutes at which a window opens, between two instants."""
        if not self._power.peaks or before_ms - after_ms > 400 * 24 * 60 * _MINUTE_MS:
            return set()
        minutes = range(after_ms // _MINUTE_MS + 1, before_ms // _MINUTE_MS + 1)
        opens = {peak.opens for peak in self._power.peaks}
        return {m * _MINUTE_MS for m in minutes if self._local(m * _MINUTE_MS).strftime("%H:%M") in opens}

    def _peaks_w(self, at_ms: int) -> list[int]:
        local = self._local(at_ms)
        clock, today, yesterday = local.strftime("%H:%M"), local.weekday(), (local - timedelta(days=1)).weekday()
        found = []
        for peak in self._power.peaks:
            over_midnight = peak.closes <= peak.opens
            evening = today in peak.days and clock >= peak.opens and (over_midnight or clock < peak.closes)
            morning = over_midnight and yesterday in peak.days and clock < peak.closes
            found += [peak.budget_w] if evening or morning else []
        return found

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone)
