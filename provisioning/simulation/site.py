"""One facility with all that stands there: box, lanes, chargers, its way to the cloud."""

from collections.abc import Sequence

from edge.rules.inputs import ArmSetpoint, CommandGiven, DisplaySetpoint, LimitSetpoint, OrderSetpoint, Setpoint
from provisioning.simulation.box import Box
from provisioning.simulation.box_link import BoxLink
from provisioning.simulation.building import Building
from provisioning.simulation.disk import Disk
from provisioning.simulation.gear import Gear
from provisioning.simulation.happenings import Commanded, Drawing
from provisioning.simulation.name import Name
from provisioning.simulation.outlet import Outlet
from provisioning.simulation.station import ChargingStation
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import LocalClock, Process
from provisioning.simulation.wire import Quality, Wire
from shared.facilities import Facility, LaneDirection
from shared.facilities import Station as Configured

PPM_MAX = 50
STANDINGS_EVERY_MS = 900_000
BACK_OFF_MS = 400_000
"""Some stations wait longer and longer before they dial again."""


class Site:
    """``settings`` is what HQ has configured; the box knows it when it hears it."""

    def __init__(self, around: Surroundings, settings: Facility) -> None:
        universe = around.universe
        self.settings = settings
        self.facility_id = settings.facility_id
        self.wire = Wire(universe, Quality(delay_ms=universe.random.choice(((20, 100), (200, 2_000), (1_000, 9_000)))))
        self.clock = LocalClock(
            universe, offset_ms=universe.between(-2_000, 2_000), ppm=universe.between(-PPM_MAX, PPM_MAX)
        )
        disk = Disk(settings.facility_id, f"{settings.facility_id}-log-1")
        self.box = Box(around, settings.facility_id, disk, self.clock)
        self.link = BoxLink(around, self.box, self.wire)
        self.name = Name()
        self.name.join(self.link)
        self.gear = {x.lane_id: Gear(around, self.box, x.lane_id) for x in settings.lanes}
        self.stations = {s.station_id: self._station(around, s) for s in settings.stations}
        self._around = around
        self.box.obey = self._obey
        self.box.on_started.append(self._started)
        around.universe.begin(self.look_at_standings())
        building = settings.power.building
        self.building = None if building is None else Building(around, self.box, building)
        if self.building is not None:
            around.universe.begin(self.building.live())
        self.box.on_crashed = self._crashed
        self.box.on_stepped = self._stepped

    def look_at_standings(self) -> Process:
        """Now and then, for as long as it takes; rarer than in life, to save steps."""
        while True:
            yield STANDINGS_EVERY_MS
            self.box.look_at_standings()

    def lanes(self, direction: LaneDirection) -> Sequence[Gear]:
        """The lanes of one direction."""
        return [self.gear[x.lane_id] for x in self.settings.lanes if x.direction is direction]

    def station_at(self, space_id: str) -> ChargingStation | None:
        """The charger of a space."""
        return next((s for s in self.stations.values() if s.space_id == space_id), None)

    def command(self, given: CommandGiven) -> None:
        """A person's command is at the box's door."""
        self._around.auditor.tell(Commanded(self.facility_id, given.command_id, not given.late))
        self.box.give(given)

    def _crashed(self) -> None:
        """Whoever talked to the box notices."""
        self.link.drop()
        for station in self.stations.values():
            station.drop()

    def _stepped(self, by_ms: int) -> None:
        for station in self.stations.values():
            station.outlet.box_stepped(by_ms)

    def _station(self, around: Surroundings, configured: Configured) -> ChargingStation:
        drift_ms = self.settings.power.drift_s * 1_000
        off_ms = around.universe.random.choice((-drift_ms, 0, drift_ms)) * 9 // 10
        outlet = Outlet(around.universe, self.clock, configured.evses[0].rating_w, off_ms)
        outlet.changed = self._drawing
        return ChargingStation(around, self.box, configured, outlet)

    def _drawing(self) -> None:
        outlets = [s.outlet for s in self.stations.values()]
        total_w, cars_w = sum(x.may_draw_w() for x in outlets), sum(x.car_may_draw_w() for x in outlets)
        self._around.auditor.tell(Drawing(self.facility_id, self._around.universe.now_ms, total_w, cars_w))

    def _obey(self, setpoint: Setpoint) -> None:
        match setpoint:
            case ArmSetpoint() | DisplaySetpoint():
                self.gear[setpoint.lane_id].obey(setpoint)
            case LimitSetpoint():
                self.stations[setpoint.station_id].obey(setpoint)
            case OrderSetpoint():
                self.stations[setpoint.station_id].order(setpoint)

    def _started(self) -> None:
        for gear in self.gear.values():
            gear.report()
        universe = self._around.universe
        for station in self.stations.values():
            longest_ms = BACK_OFF_MS if universe.chance(0.4) else 20_000
            universe.after(universe.between(1_000, longest_ms), station.connect)
