"""What a facility remembers. The booked part is the fold of its log; the sensed part is what devices last said and is
forgotten at a restart, because a level that nobody confirms any more is not known.

Only ``edge/rules/fold.py`` changes the booked part.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from edge.rules.inputs import Matches
from shared.devices import ArmPosition
from shared.events import RunningCharge
from shared.facilities import SpaceKind
from shared.rating import ChargingUse
from shared.rights import RightRef


class Phase(StrEnum):
    """Where a lane is in serving one car; the table is in ``edge/rules/lane.py``."""

    IDLE = "IDLE"
    WAITING = "WAITING"
    REFUSED = "REFUSED"
    RAISING = "RAISING"
    OPEN = "OPEN"
    PASSING = "PASSING"
    TAILGATED = "TAILGATED"
    LOWERING = "LOWERING"
    FAULTED = "FAULTED"


@dataclass(slots=True)
class EntryGrant:
    plate: str
    right: RightRef
    space_id: str
    space_kind: SpaceKind
    is_ev: bool


@dataclass(slots=True)
class ExitGrant:
    session_id: str
    plate: str
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    priced_until_ms: int
    running: tuple[RunningCharge, ...] = ()


@dataclass(slots=True)
class Reading:
    """What the camera last said that no decision has used yet."""

    plate: str
    confidence_pct: int
    matches: Matches
    at_ms: int


@dataclass(slots=True)
class LaneState:
    """``grant`` is booked; the rest is sensed. ``reason`` is why the car in front was refused; ``resumed`` that the
    grant was given before a restart, so its car may be gone unseen."""

    grant: EntryGrant | ExitGrant | None = None
    phase: Phase = Phase.IDLE
    deadline_ms: int | None = None
    front: bool = False
    under: bool = False
    front_cleared: bool = False
    resumed: bool = False
    arm: ArmPosition | None = None
    reading: Reading | None = None
    plate: str = ""
    reason: str = ""
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ParkingSession:
    session_id: str
    plate: str
    right: RightRef
    space_id: str
    space_kind: SpaceKind
    is_ev: bool
    entered_ms: int
    charging: list[ChargingUse] = field(default_factory=list)
    paid_cents: int = 0
    paid_until_ms: int | None = None
    payment_references: list[str] = field(default_factory=list)


@dataclass(slots=True)
class StationState:
    """``connected`` is sensed; the rest is booked."""

    connected: bool = False
    ocpp_version: str = ""
    model: str = ""
    statuses: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class TransactionState:
    """A charging transaction that has not ended. ``finished_ms`` is when the car stopped taking energy, if it has.

    ``taken_w`` is what the car took when a reading last showed that it, not its limit, was what held it; None when it
    takes all that it may. ``seen`` are the sequence numbers booked.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    started_ms: int
    id_token: str = ""
    session_id: str | None = None
    right: RightRef | None = None
    offline: bool = False
    charging_state: str = ""
    finished_ms: int | None = None
    register_first_wh: int | None = None
    register_last_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    metered_ms: int = 0
    taken_w: int | None = None
    seen: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Lease:
    request_id: int
    limit_w: int
    from_ms: int
    until_ms: int


@dataclass(slots=True)
class Promises:
    """Every limit that may be in force at one EVSE (see ``edge/rules/power.py``)."""

    fallback_w: int | None = None
    fallback_pending: dict[int, int] = field(default_factory=dict)
    accepted: Lease | None = None
    pending: list[Lease] = field(default_factory=list)
    in_flight: int | None = None
    refuses_limits: bool = False
    retry_at_ms: int = 0


@dataclass(slots=True)
class OpenOrder:
    """An order that no answer was booked for."""

    station_id: str
    order: str
    purpose: str


@dataclass(slots=True)
class FacilityState:
    log_id: str
    head: int = 0
    requests: int = 0
    lanes: dict[str, LaneState] = field(default_factory=dict)
    sessions: dict[str, ParkingSession] = field(default_factory=dict)
    session_of_plate: dict[str, str] = field(default_factory=dict)
    session_of_space: dict[str, str] = field(default_factory=dict)
    held_spaces: dict[str, str] = field(default_factory=dict)
    stations: dict[str, StationState] = field(default_factory=dict)
    transactions: dict[str, TransactionState] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    promises: dict[str, Promises] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    orders: dict[str, OpenOrder] = field(default_factory=dict)
    sampled_ms: int = 0
    settled_ms: int = 0

    def lane(self, lane_id: str) -> LaneState:
        """The state of a lane, new when it was never heard of."""
        return self.lanes.setdefault(lane_id, LaneState())

    def station(self, station_id: str) -> StationState:
        """The state of a station, new when it was never heard of."""
        return self.stations.setdefault(station_id, StationState())

    def promise(self, station_id: str, evse_id: int) -> Promises:
        """The promises at one EVSE, none when nothing was ever sent."""
        return self.promises.setdefault(evse_key(station_id, evse_id), Promises())


def evse_key(station_id: str, evse_id: int) -> str:
    """How an EVSE is named within a facility: ``acme-07/1``."""
    return f"{station_id}/{evse_id}"


def transaction_key(station_id: str, transaction_id: str) -> str:
    """How a transaction is named within a facility; transaction ids are unique only within their station."""
    return f"{station_id}/{transaction_id}"
