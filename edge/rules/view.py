"""The facility as people see it: a reading of the state for pages and the API, no decisions."""

from dataclasses import dataclass

from edge.rules.books import Books, Site, sites
from edge.rules.budget import budget
from edge.rules.inputs import Knowledge
from edge.rules.state import FacilityState, LaneState, StationState
from shared.clock import SECOND_MS
from shared.facilities import Facility, SpaceKind


@dataclass(frozen=True, slots=True)
class LaneView:
    lane_id: str
    direction: str
    phase: str
    plate: str
    reason: str
    arm: str | None
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChargerView:
    """``limit_w`` is what the EVSE has confirmed, ``worst_case_w`` what may be in force; power None is unknown."""

    station_id: str
    evse_id: int
    connected: bool
    status: str
    limit_w: int
    worst_case_w: int
    drawn_w: int | None
    soc_pct: int | None
    plate: str


@dataclass(frozen=True, slots=True)
class SpacesView:
    kind: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class FacilityView:
    facility_id: str
    name: str
    zone: str
    sessions: int
    lanes: tuple[LaneView, ...]
    spaces: tuple[SpacesView, ...]
    chargers: tuple[ChargerView, ...]
    drawn_w: int
    worst_case_w: int
    budget_w: int


def view(state: FacilityState, knowledge: Knowledge, now_ms: int) -> FacilityView | None:
    """What to show of a facility at an instant; None until headquarters has configured it."""
    facility = knowledge.facility
    if facility is None:
        return None
    rows = sites(state, facility, now_ms)
    allowed = budget(state, facility, now_ms)
    return FacilityView(
        facility_id=facility.facility_id,
        name=facility.name,
        zone=facility.zone,
        sessions=len(state.sessions),
        lanes=tuple(_lane(state, lane.lane_id, lane.direction) for lane in facility.lanes),
        spaces=tuple(_spaces(state, facility, kind) for kind in SpaceKind),
        chargers=tuple(_charger(state, row, facility, now_ms) for row in rows),
        drawn_w=sum(r.transaction.power_w or 0 for r in rows if r.transaction is not None),
        worst_case_w=Books(rows, allowed, facility.power.drift_s, now_ms).total_w,
        budget_w=allowed.at_w(now_ms),
    )


def _lane(state: FacilityState, lane_id: str, direction: str) -> LaneView:
    lane = state.lanes.get(lane_id) or LaneState()
    return LaneView(lane_id, direction, lane.phase, lane.plate, lane.reason, lane.arm, tuple(lane.failed))


def _spaces(state: FacilityState, facility: Facility, kind: SpaceKind) -> SpacesView:
    usable = [s.space_id for s in facility.spaces if s.kind is kind and s.in_service]
    taken = state.session_of_space.keys() | state.held_spaces.keys()
    return SpacesView(kind, len(usable), sum(s not in taken for s in usable))


def _charger(state: FacilityState, row: Site, facility: Facility, now_ms: int) -> ChargerView:
    station = state.stations.get(row.station_id) or StationState()
    running = row.transaction
    session = state.sessions.get(running.session_id or "") if running else None
    return ChargerView(
        station_id=row.station_id,
        evse_id=row.evse.evse_id,
        connected=row.connected,
        status=station.statuses.get(row.evse.evse_id, ""),
        limit_w=row.effective_w(now_ms),
        worst_case_w=row.worst_w(now_ms, facility.power.drift_s * SECOND_MS),
        drawn_w=None if running is None else running.power_w,
        soc_pct=None if running is None else running.soc_pct,
        plate="" if session is None else session.plate,
    )
