"""Facts at a facility, past tense, numbered and immutable. Travel up; money is derived from them.

A type's meaning never changes and its fields are only ever added, with a default. What cannot be said that way gets a
new type. A receiver keeps the types it does not know (``parse_event`` gives None) and applies them after an update.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from shared.facilities import Frozen, SpaceKind
from shared.ids import Id, StationId
from shared.rating import ChargingUse
from shared.rights import RightRef


class DaemonStarted(Frozen):
    type: Literal["DaemonStarted"] = "DaemonStarted"
    version: str


# Lanes. A session opens when the car is through the arm (VehicleEntered), not when the arm is told to rise.


class EntryGranted(Frozen):
    type: Literal["EntryGranted"] = "EntryGranted"
    lane_id: Id
    plate: str
    right: RightRef
    space_id: Id
    space_kind: SpaceKind
    is_ev: bool = False


class EntryRefused(Frozen):
    type: Literal["EntryRefused"] = "EntryRefused"
    lane_id: Id
    plate: str
    reason: str


class EntryAbandoned(Frozen):
    """Granted, but the car backed out or never drove through; the space is free again."""

    type: Literal["EntryAbandoned"] = "EntryAbandoned"
    lane_id: Id
    plate: str
    space_id: Id


class VehicleEntered(Frozen):
    """A parking session began. ``plate`` is empty for a ticket taken with an unread plate."""

    type: Literal["VehicleEntered"] = "VehicleEntered"
    session_id: Id
    lane_id: Id
    plate: str
    right: RightRef
    space_id: Id
    space_kind: SpaceKind
    is_ev: bool = False


class RunningCharge(Frozen):
    """A charging transaction that had not ended when its car was let out, as far as it was known then."""

    station_id: StationId
    transaction_id: str
    use: ChargingUse


class ExitGranted(Frozen):
    """``quoted_cents`` is the whole price at the moment of the grant, by ``shared.rating``; what the cloud charges.
    ``running`` is part of that price, whatever is heard of those transactions later."""

    type: Literal["ExitGranted"] = "ExitGranted"
    session_id: Id
    lane_id: Id
    plate: str
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    priced_until_ms: int
    running: tuple[RunningCharge, ...] = ()


class ExitRefused(Frozen):
    type: Literal["ExitRefused"] = "ExitRefused"
    lane_id: Id
    plate: str
    reason: str
    session_id: Id | None = None
    due_cents: int | None = None


class ExitAbandoned(Frozen):
    type: Literal["ExitAbandoned"] = "ExitAbandoned"
    session_id: Id
    lane_id: Id
    plate: str


class VehicleExited(Frozen):
    """A parking session ended. It is priced from entry to ``priced_until_ms``, the moment the exit was granted (for one
    paid at the machine: the moment of paying), so that a slow arm costs the driver nothing."""

    type: Literal["VehicleExited"] = "VehicleExited"
    session_id: Id
    lane_id: Id
    plate: str
    space_id: Id
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    priced_until_ms: int
    paid_cents: int = 0
    running: tuple[RunningCharge, ...] = ()


class TailgateDetected(Frozen):
    """A car went under the arm without a grant; occupancy is unsure by one until reconciled."""

    type: Literal["TailgateDetected"] = "TailgateDetected"
    lane_id: Id


class LaneFaulted(Frozen):
    """The lane has stopped deciding. ``fault`` is one of the names in ``edge/rules/lane.py``."""

    type: Literal["LaneFaulted"] = "LaneFaulted"
    lane_id: Id
    fault: str


class LaneRestored(Frozen):
    type: Literal["LaneRestored"] = "LaneRestored"
    lane_id: Id


class PaymentTaken(Frozen):
    """Money received on site (pay machine or attendant) against an open session."""

    type: Literal["PaymentTaken"] = "PaymentTaken"
    session_id: Id
    amount_cents: int
    method: Literal["CASH", "CARD"]
    reference: str
    taken_by: str
    priced_until_ms: int


# Charging. A transaction is OCPP's: from authorised and plugged in to unplugged. Keyed by station and transaction id.


class StationConnected(Frozen):
    type: Literal["StationConnected"] = "StationConnected"
    station_id: StationId
    ocpp_version: str


class StationDisconnected(Frozen):
    type: Literal["StationDisconnected"] = "StationDisconnected"
    station_id: StationId
    reason: str


class StationBooted(Frozen):
    type: Literal["StationBooted"] = "StationBooted"
    station_id: StationId
    vendor: str
    model: str
    firmware: str
    reason: str


class ConnectorStatusChanged(Frozen):
    type: Literal["ConnectorStatusChanged"] = "ConnectorStatusChanged"
    station_id: StationId
    evse_id: int
    connector_id: int
    status: str


class ChargingRefused(Frozen):
    type: Literal["ChargingRefused"] = "ChargingRefused"
    station_id: StationId
    evse_id: int | None
    id_token: str
    reason: str


class TransactionStarted(Frozen):
    """``seq_no`` counts a station's messages of one transaction from 0 (OCPP 2.0.1 E01.FR.07)."""

    type: Literal["TransactionStarted"] = "TransactionStarted"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    started_at_ms: int
    id_token: str = ""
    session_id: Id | None = None
    right: RightRef | None = None
    register_wh: int | None = None
    offline: bool = False


class TransactionAuthorized(Frozen):
    """The token came after the cable: who pays for a transaction that has already started."""

    type: Literal["TransactionAuthorized"] = "TransactionAuthorized"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    id_token: str
    session_id: Id
    right: RightRef | None = None


class EnergyMetered(Frozen):
    """A meter reading within a transaction, taken by the station at ``metered_at_ms``; power is the station's own
    figure or derived from the register."""

    type: Literal["EnergyMetered"] = "EnergyMetered"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    metered_at_ms: int
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None


class ChargingStateChanged(Frozen):
    """``state`` is OCPP's ChargingStateEnumType: Charging, EVConnected, SuspendedEV, SuspendedEVSE, Idle."""

    type: Literal["ChargingStateChanged"] = "ChargingStateChanged"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    state: str
    changed_at_ms: int


class TransactionEnded(Frozen):
    """``finished_at_ms`` is when energy last flowed: idle time runs from there to ``ended_at_ms`` (unplugged)."""

    type: Literal["TransactionEnded"] = "TransactionEnded"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    started_at_ms: int
    finished_at_ms: int
    ended_at_ms: int
    energy_wh: int
    session_id: Id | None = None
    right: RightRef | None = None
    reason: str = ""
    offline: bool = False


# Power. Every limit sent and its answer are on record; the auditor recomputes the worst case from them.


class LimitSent(Frozen):
    """A limit for one EVSE. ``until_ms`` None is the permanent fallback; otherwise a lease that ends by itself."""

    type: Literal["LimitSent"] = "LimitSent"
    request_id: int
    station_id: StationId
    evse_id: int
    limit_w: int
    from_ms: int
    until_ms: int | None


class LimitAnswered(Frozen):
    """``outcome``: ACCEPTED, REJECTED (the station said no or CALLERROR), UNKNOWN (no answer: it may be in force) or
    UNSENT (it never left, so it is surely not in force and says nothing about the station)."""

    type: Literal["LimitAnswered"] = "LimitAnswered"
    request_id: int
    station_id: StationId
    evse_id: int
    outcome: Literal["ACCEPTED", "REJECTED", "UNKNOWN", "UNSENT"]
    reason: str = ""


class SitePowerSampled(Frozen):
    """What the chargers draw together, what could be drawn at worst under the limits that may be in force, and the
    budget."""

    type: Literal["SitePowerSampled"] = "SitePowerSampled"
    drawn_w: int
    worst_case_w: int
    budget_w: int


Event = (
    DaemonStarted
    | EntryGranted
    | EntryRefused
    | EntryAbandoned
    | VehicleEntered
    | ExitGranted
    | ExitRefused
    | ExitAbandoned
    | VehicleExited
    | TailgateDetected
    | LaneFaulted
    | LaneRestored
    | PaymentTaken
    | StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorStatusChanged
    | ChargingRefused
    | TransactionStarted
    | TransactionAuthorized
    | EnergyMetered
    | ChargingStateChanged
    | TransactionEnded
    | LimitSent
    | LimitAnswered
    | SitePowerSampled
)

_events: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
KNOWN_TYPES: frozenset[str] = frozenset(kind.model_fields["type"].default for kind in Event.__args__)


class Entry(Frozen):
    """One numbered line of a facility's log. ``body`` is the event as it was written, so that nothing of a newer
    version is lost on its way through an older one."""

    seq: int = Field(ge=1)
    at_ms: int
    type: str
    body: dict[str, Any]


def entry(seq: int, at_ms: int, event: Event) -> Entry:
    """Number an event. The body leaves out what has its default and what the entry says already."""
    body = event.model_dump(mode="json", exclude={"type"}, exclude_defaults=True)
    return Entry(seq=seq, at_ms=at_ms, type=event.type, body=body)


def parse_event(written: Entry) -> Event | None:
    """The event of an entry; None for a type that this version does not know.

    Raises pydantic.ValidationError when a known type's body does not fit.
    """
    if written.type not in KNOWN_TYPES:
        return None
    return _events.validate_python({"type": written.type, **written.body})
