"""What goes into and comes out of the rules: inputs, setpoints, answers. Plain values, no behaviour.

The shell looks up what the rules cannot hold in memory (a million rights) and hands the matches over with the input.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.rules import clock_inputs, knowledge
from edge.rules.clock_inputs import ClockInput, TakeClock
from edge.rules.gathering import DiagnosticsGathered, GatherDiagnostics
from edge.rules.knowledge import Learned, StandingSeen
from edge.rules.orders import Order
from edge.rules.quarantine_requests import Misbehaved, ReleaseAsked
from edge.rules.requests import ChargingRequest, RequestReply
from edge.rules.station_inputs import ListRoomTold, SignatureChecked
from shared.commands import Command, CommandResult
from shared.devices import Arm, LaneSignal
from shared.events import Entry

Knowledge = knowledge.Knowledge
Matches = knowledge.Matches
NO_MATCHES = knowledge.NO_MATCHES
Started = clock_inputs.Started


@dataclass(frozen=True, slots=True)
class LaneSignalled:
    """A signal of a lane's device. ``matches`` is filled for a PlateRead."""

    signal: LaneSignal
    matches: Matches = NO_MATCHES


@dataclass(frozen=True, slots=True)
class StationOpened:
    """A charging station connected and authenticated."""

    station_id: str
    ocpp_version: str


@dataclass(frozen=True, slots=True)
class StationClosed:
    station_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class BootReported:
    station_id: str
    vendor: str
    model: str
    firmware: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectorReported:
    """``status`` is OCPP's ConnectorStatusEnumType: Available, Occupied, Reserved, Unavailable, Faulted."""

    station_id: str
    evse_id: int
    connector_id: int
    status: str


@dataclass(frozen=True, slots=True)
class SecurityReported:
    """A station reports a security event (OCPP 2.0.1 A04). ``at_ms`` is its own time of it."""

    station_id: str
    kind: str
    at_ms: int
    critical: bool
    info: str = ""


StationTask = Literal["FIRMWARE", "PUBLISH_FIRMWARE", "LOG"]


@dataclass(frozen=True, slots=True)
class TaskReported:
    """How far a station is with something that takes it a while. ``status`` is OCPP's word; ``request_id`` that of the
    order, None when nothing is under way or the OCPP version has none."""

    station_id: str
    task: StationTask
    request_id: int | None
    status: str
    info: str = ""


@dataclass(frozen=True, slots=True)
class ReservationUpdated:
    """A station let go of a reservation by itself. ``status`` is Expired or Removed."""

    station_id: str
    reservation_id: int
    status: str


@dataclass(frozen=True, slots=True)
class NeedsReported:
    """What a car said it needs (ISO 15118), None for what it did not say."""

    station_id: str
    evse_id: int
    energy_wh: int | None = None
    departure_ms: int | None = None
    power_max_w: int | None = None


@dataclass(frozen=True, slots=True)
class MessageByHand:
    """A person is about to send a station a message of the protocol itself."""

    station_id: str
    action: str
    sent_by: str


@dataclass(frozen=True, slots=True)
class AuthorizeAsked:
    """Answered with an Authorization."""

    station_id: str
    id_token: str
    evse_id: int | None = None
    matches: Matches = NO_MATCHES


@dataclass(frozen=True, slots=True)
class TransactionReported:
    """One TransactionEvent, or its 1.6 likeness. ``at_ms`` is the station's own time of the event.

    ``transaction_id`` empty: the station gives its transactions no names (OCPP 1.6). A Started is given one, which
    comes with its answer; anything else is of the transaction that runs on its EVSE.
    ``seq_no`` None: the station does not number its messages (OCPP 1.6). Then a message is known by its kind and
    time: one Started and one Ended count, a reading that comes again changes nothing, and no gap is looked for.
    ``id_token`` None when the message carried none. Answered with an Authorization when it carried one.
    ``remote_start_id`` is that of the StartCharging order that began it, as far as the station says so.
    ``signed``: the register came with the meter's own signature. ``stopped_by``: the token of who stopped it, where it
    need not be whose who pays (OCPP 1.6); answered with an Authorization too.
    """

    station_id: str
    transaction_id: str
    kind: Literal["Started", "Updated", "Ended"]
    seq_no: int | None
    at_ms: int
    evse_id: int | None = None
    id_token: str | None = None
    offline: bool = False
    charging_state: str | None = None
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = None
    signed: bool = False
    matches: Matches = NO_MATCHES
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class MeterReported:
    """A reading outside TransactionEvent (MeterValues)."""

    station_id: str
    evse_id: int
    at_ms: int
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None


@dataclass(frozen=True, slots=True)
class LoadMetered:
    """The building's meter: what draws on the grid connection beside the chargers."""

    load_w: int


@dataclass(frozen=True, slots=True)
class LimitReplied:
    """What a station said to a limit, that it said nothing in time (UNKNOWN), or that it was never sent (UNSENT)."""

    request_id: int
    station_id: str
    evse_id: int
    outcome: Literal["ACCEPTED", "REJECTED", "UNKNOWN", "UNSENT"]
    reason: str = ""


OrderOutcome = Literal["ACCEPTED", "REJECTED", "UNSUPPORTED", "UNKNOWN", "UNSENT"]


@dataclass(frozen=True, slots=True)
class OrderReplied:
    """What became of an OrderSetpoint: the station's word, UNSUPPORTED when it or its OCPP version has none for it,
    UNKNOWN when it may have been done, UNSENT when it surely was not. ``details`` are what the answer carried beside
    its status, as plain JSON values."""

    order_id: str
    station_id: str
    outcome: OrderOutcome
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuoteAsked:
    """The pay machine or the attendant asks what a session costs now. By session id, or by the parked car's plate.
    Answered with a Due."""

    session_id: str | None = None
    plate: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentOffered:
    """Money was taken on site for a session; ``reference`` makes a repeat harmless. Answered with a PaymentResult."""

    session_id: str
    amount_cents: int
    method: Literal["CASH", "CARD"]
    reference: str
    taken_by: str
    priced_until_ms: int


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """A person's command. What becomes of it is told by a CommandSettled. A station's order of it must leave within
    ``within_ms`` of lived time. ``until_real_ms`` is on the process's own monotonic clock; an input that waited until
    after it comes with ``late`` and is not done."""

    command_id: str
    command: Command
    by: str
    within_ms: int
    until_real_ms: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed and nothing else happened."""


Input = (
    ClockInput
    | LaneSignalled
    | StationOpened
    | StationClosed
    | BootReported
    | ConnectorReported
    | SecurityReported
    | TaskReported
    | ReservationUpdated
    | NeedsReported
    | ListRoomTold
    | MessageByHand
    | Misbehaved
    | ReleaseAsked
    | AuthorizeAsked
    | TransactionReported
    | SignatureChecked
    | MeterReported
    | LoadMetered
    | LimitReplied
    | OrderReplied
    | QuoteAsked
    | PaymentOffered
    | StandingSeen
    | ChargingRequest
    | CommandGiven
    | DiagnosticsGathered
    | Ticked
    | Learned
)


@dataclass(frozen=True, slots=True)
class ArmSetpoint:
    lane_id: str
    arm: Arm


@dataclass(frozen=True, slots=True)
class DisplaySetpoint:
    lane_id: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitSetpoint:
    """A limit to send to a station. ``until_ms`` None: the permanent fallback (in OCPP a TxDefaultProfile on stack
    level 0); otherwise a lease over it (stack level 1, valid from ``from_ms`` to ``until_ms``)."""

    request_id: int
    station_id: str
    evse_id: int
    limit_w: int
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class OrderSetpoint:
    """Something to ask of a station. ``order_id`` is made from a log position, so it is never used twice. It is sent
    at most once; one that has not left by ``deadline_ms`` is dropped as UNSENT."""

    order_id: str
    station_id: str
    order: Order
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class CommandSettled:
    """What became of a command, for who gave it. Said again when the same command is given again."""

    result: CommandResult


Setpoint = (
    ArmSetpoint | DisplaySetpoint | LimitSetpoint | OrderSetpoint | CommandSettled | GatherDiagnostics | TakeClock
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """``status`` is OCPP's AuthorizationStatusEnumType. ``transaction_id`` is the name that we gave to a transaction
    whose station gives it none; ``group_id`` the group whose tokens may stop what is charged under this one."""

    status: Literal[
        "Accepted",
        "Blocked",
        "ConcurrentTx",
        "Expired",
        "Invalid",
        "NoCredit",
        "NotAllowedTypeEVSE",
        "NotAtThisLocation",
        "NotAtThisTime",
        "Unknown",
    ]
    reason: str = ""
    transaction_id: str = ""
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """What a session costs up to ``priced_until_ms``; ``problem`` says why there is no price."""

    session_id: str | None
    total_cents: int = 0
    paid_cents: int = 0
    due_cents: int = 0
    priced_until_ms: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class NeedsTaken:
    """Whether what a car needs will be looked at."""

    taken: bool


@dataclass(frozen=True, slots=True)
class PaymentResult:
    accepted: bool
    problem: str | None = None


Answer = Authorization | Due | PaymentResult | NeedsTaken | RequestReply


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one input led to: entries to make durable first, then setpoints to send and the answer to give."""

    entries: tuple[Entry, ...] = ()
    setpoints: tuple[Setpoint, ...] = ()
    answer: Answer | None = None
