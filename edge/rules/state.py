"""What a facility remembers. The booked part is the fold of its log; the sensed part is what devices last said and is
forgotten at a restart, because a level that nobody confirms any more is not known.

Only ``edge/rules/fold.py`` changes the booked part.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edge.rules.inputs import Matches
from edge.rules.reckoning import Numbers, Readings, StateChange
from edge.rules.state_power import Promises
from edge.rules.state_queueing import LocalListState, Refused, Reservation, Waiting, Withdrawal
from shared.commands import Outcome
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
    HELD = "HELD"


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
    """``grant`` and ``held_by`` are booked; the rest is sensed. ``reason`` is why the car in front was refused;
    ``resumed`` that the grant was given before a restart, so its car may be gone unseen. ``held_by`` is who keeps the
    arm up, ``opened_by`` who raised it for the next car; empty: nobody. ``judged_head``: the log's head when the car in
    front was last judged."""

    grant: EntryGrant | ExitGrant | None = None
    held_by: str = ""
    opened_by: str = ""
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
    judged_head: int = -1


@dataclass(slots=True)
class ParkingSession:
    """``tokens``: those that its customer may charge with, with their groups. ``blocked``: its plate was blocked while
    it was inside. ``stepped_ms``: by how much the clock was moved since its entry, in all."""

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
    tokens: dict[str, str] = field(default_factory=dict)
    blocked: bool = False
    stepped_ms: int = 0


@dataclass(slots=True)
class TaskState:
    """How far a station is with a task; see ``TaskReported``."""

    request_id: int | None
    status: str
    info: str = ""


@dataclass(slots=True)
class AlertState:
    """The newest booked security event of a kind: the station's time of it, and when it was booked."""

    reported_ms: int
    booked_ms: int


@dataclass(slots=True)
class EvNeeds:
    """What the car at an EVSE said it needs; forgotten when it is gone."""

    energy_wh: int | None
    departure_ms: int | None
    power_max_w: int | None
    told_ms: int


@dataclass(slots=True)
class StationState:
    """``connected`` is sensed; the rest is booked. ``statuses`` are by EVSE, made of those of its ``connectors``
    (``1/2`` is the second of the first EVSE). ``quarantine_ms`` is how long the last quarantine was to be.
    ``untimed``: our clock was moved, and it was not told the time since; ``behind_ms``: by how much, as far as that is
    known. ``kept_behind_ms``: by how much what it wrote down before it last connected is behind our clock of now."""

    connected: bool = False
    ocpp_version: str = ""
    model: str = ""
    firmware: str = ""
    statuses: dict[int, str] = field(default_factory=dict)
    connectors: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, TaskState] = field(default_factory=dict)
    alerts: dict[str, AlertState] = field(default_factory=dict)
    quarantined_until_ms: int = 0
    quarantine_ms: int = 0
    quarantine_reason: str = ""
    untimed: bool = False
    behind_ms: int = 0
    kept_behind_ms: int = 0


@dataclass(slots=True)
class Closing:
    """A transaction whose end is known or taken for granted, and that is closed when its missing messages are here,
    are known to be lost, or at ``close_at_ms``. ``cause`` as in ``TransactionClosing``; ``begun_ms`` is when it was
    booked, ``cap_w`` the person's ceiling that ended with it and comes back if it goes on."""

    cause: str
    ended_ms: int
    close_at_ms: int
    seq_no: int | None = None
    reason: str = ""
    offline: bool = False
    begun_ms: int = 0
    cap_w: int | None = None


@dataclass(slots=True)
class Target:
    """When to stop for the driver: at an energy or at a state of charge."""

    energy_wh: int | None = None
    soc_pct: int | None = None
    reached: bool = False


LAG_UNKNOWN_MS = 1 << 50


@dataclass(slots=True)
class SignatureState:
    """What the meter's signatures of a transaction are worth; see ``MeterSignatureJudged``."""

    proof: str
    begin_signed: bool = False


@dataclass(slots=True)
class TransactionState:
    """A charging transaction that has not ended. ``finished_ms`` is when the car stopped taking energy, if it has.

    ``taken_w`` is what the car took when a reading last showed that it, not its limit, was what held it; None when it
    takes all that it may. ``finished_ms`` follows from ``changes``. ``begun``: its Started message is here. ``closing``
    is set when it is over but for messages lost on the way. ``steps_ms``: what our clock was moved by since it began;
    all its times are by the clock of its beginning. ``astray_ms``: the first time that its station told and that could
    not be; None as long as all could. ``rating_w`` is the EVSE's; None when not configured.
    ``metered_ms`` is by the station's clock. ``lag_ms``: by how much its messages come later than it says, at the
    least; ``power_heard_ms``: when that reading came or, had it come as promptly as the best, would have;
    ``catching_up``: it came more promptly than all before, so how promptly messages come at best is not known yet.
    Sensed: ``above``, how many readings up to that of ``above_ms`` were a little above the limit.
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
    rating_w: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    metered_ms: int = 0
    power_heard_ms: int = 0
    catching_up: bool = False
    above: int = 0
    above_ms: int = 0
    lag_ms: int = LAG_UNKNOWN_MS
    taken_w: int | None = None
    begun: bool = False
    heard_ms: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    readings: Readings = field(default_factory=Readings)
    changes: list[StateChange] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    closing: Closing | None = None
    target: Target | None = None
    energy_wh: int | None = None
    departure_ms: int | None = None
    remote_start_id: int | None = None
    steps_ms: list[int] = field(default_factory=list)
    astray_ms: int | None = None


@dataclass(slots=True)
class OpenOrder:
    """An order that no answer was booked for."""

    station_id: str
    order: str
    purpose: str


@dataclass(slots=True)
class CommandState:
    """A command that was taken. ``outcome`` None: it is not known yet; ``order_id`` is the order that will tell."""

    order_id: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class FacilityState:
    """``load_heard_ms`` is sensed: when the building's meter last spoke. So is ``load_lower_ms``: since when its
    readings are a little lower than what is booked, the highest of them ``load_lower_w``. ``asks`` and ``stops`` are
    sensed: by transaction, when to ask its station whether it has ended or lost messages, and when to ask again that it
    stops. A restart forgets them and loses nothing by it: all stations come back then, whoever comes back is asked
    about all that runs there, and a stop that is due is asked for again at once. ``clock_asks`` is sensed: when each
    station was asked for a message that is answered with the time. ``clock_off_ms``: how far the wall clock is ahead of
    the time lived, when it was moved and the box has not followed yet; ``stepped``: it was moved once. ``begun_ms``:
    when this log began, perhaps in the place of another box's; None when that is no matter any more. ``rest_ms``
    is sensed: before which instant a look at the promises comes to nothing; 0 when something came that a look reads, or
    the last one found the site not at rest. ``wake_ms`` and ``woken_head`` are sensed: when the next of the rules that
    act in time has something to do, None when that is not known, and the log's head when they were last asked."""

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
    numbers: dict[str, int] = field(default_factory=dict)
    last_number: int = 0
    promises: dict[str, Promises] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    needs: dict[str, EvNeeds] = field(default_factory=dict)
    orders: dict[str, OpenOrder] = field(default_factory=dict)
    line: list[Waiting] = field(default_factory=list)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    reservation_number: int = 0
    withdrawn: dict[str, Withdrawal] = field(default_factory=dict)
    local_lists: dict[str, LocalListState] = field(default_factory=dict)
    tokens_version: int = 0
    meter_keys: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, SignatureState] = field(default_factory=dict)
    charge_times_ms: list[int] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    asks: dict[str, int] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)
    commands: dict[str, CommandState] = field(default_factory=dict)
    building_load_w: int | None = None
    load_heard_ms: int = 0
    load_lower_ms: int | None = None
    load_lower_w: int = 0
    clock_off_ms: int = 0
    stepped: bool = False
    begun_ms: int | None = None
    clock_asks: dict[str, int] = field(default_factory=dict)
    sampled_ms: int = 0
    settled_ms: int = 0
    look_ms: int = 0
    rest_ms: int = 0
    wake_ms: int | None = None
    woken_head: int = -1

    def lane(self, lane_id: str) -> LaneState:
        """The state of a lane, new when it was never heard of."""
        return self.lanes.get(lane_id) or self.lanes.setdefault(lane_id, LaneState())

    def station(self, station_id: str) -> StationState:
        """The state of a station, new when it was never heard of: whoever it had the time from, it was not us since our
        clock was moved."""
        known = self.stations.get(station_id)
        return known or self.stations.setdefault(station_id, StationState(untimed=self.stepped))

    def local_list(self, station_id: str) -> LocalListState:
        """The local list of a station, new when none was ever sent."""
        return self.local_lists.get(station_id) or self.local_lists.setdefault(station_id, LocalListState())

    def promise(self, station_id: str, evse_id: int) -> Promises:
        """The promises at one EVSE, none when nothing was ever sent."""
        return self.promises.get(key := evse_key(station_id, evse_id)) or self.promises.setdefault(key, Promises())


def evse_key(station_id: str, evse_id: int) -> str:
    """How an EVSE is named within a facility: ``acme-07/1``."""
    return f"{station_id}/{evse_id}"


def connector_key(evse_id: int, connector_id: int) -> str:
    """How a connector is named within its station: ``1/2``."""
    return f"{evse_id}/{connector_id}"


def transaction_key(station_id: str, transaction_id: str) -> str:
    """How a transaction is named within a facility; transaction ids are unique only within their station."""
    return f"{station_id}/{transaction_id}"


def start_key(station_id: str, evse_id: int, started_at_ms: int, register_wh: int | None, id_token: str) -> str:
    """By what a start is known again whose station gives it no name."""
    return f"{station_id}/{evse_id}/{started_at_ms}/{register_wh}/{id_token}"
