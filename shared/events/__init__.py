"""Facts at a facility, past tense, numbered and immutable. Travel up; money is derived from them.

A type's meaning never changes and its fields are only ever added, with a default. What cannot be said that way gets a
new type. A receiver keeps the types it does not know (``parse_event`` gives None) and applies them after an update.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from shared.events import charging, lanes, operations, power, queueing, stations
from shared.events.charging import (
    ChargingRefused,
    ChargingStateChanged,
    ChargingToken,
    EnergyMetered,
    MessageHeard,
    MeterKeySeen,
    MeterSignatureJudged,
    StandingChanged,
    TargetReached,
    TargetSet,
    TransactionAuthorized,
    TransactionClosing,
    TransactionEnded,
    TransactionFlagged,
    TransactionNumbered,
    TransactionResumed,
    TransactionStarted,
)
from shared.events.lanes import (
    EntryAbandoned,
    EntryGranted,
    EntryRefused,
    ExitAbandoned,
    ExitGranted,
    ExitRefused,
    LaneFaulted,
    LaneOpened,
    LaneReleased,
    LaneRestored,
    PaymentTaken,
    RunningCharge,
    TailgateDetected,
    VehicleEntered,
    VehicleExited,
)
from shared.events.operations import (
    ClockDiffers,
    ClockStepped,
    CommandCompleted,
    CommandTaken,
    DaemonStarted,
    DataLost,
    DataRecovered,
    StationTimed,
)
from shared.events.power import (
    BuildingLoadChanged,
    BuildingLoadExceeded,
    EvseCapped,
    LimitAnswered,
    LimitBreached,
    LimitObeyed,
    LimitRoundedUp,
    LimitSent,
    NeedsKnown,
    SitePowerSampled,
)
from shared.events.queueing import (
    EvseReserved,
    ReservationEnded,
    WaitingJoined,
    WaitingLeft,
)
from shared.events.stations import (
    ConnectorStatusChanged,
    EvNeedsReported,
    LocalListBounded,
    SecurityEventReported,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationMessageSent,
    StationOrdered,
    StationQuarantined,
    StationReleased,
    StationReservationEnded,
    StationTaskProgressed,
)
from shared.facilities import Frozen

__all__ = [
    "KNOWN_TYPES",
    "MODULES",
    "BuildingLoadChanged",
    "BuildingLoadExceeded",
    "ChargingRefused",
    "ChargingStateChanged",
    "ChargingToken",
    "ClockDiffers",
    "ClockStepped",
    "CommandCompleted",
    "CommandTaken",
    "ConnectorStatusChanged",
    "DaemonStarted",
    "DataLost",
    "DataRecovered",
    "EnergyMetered",
    "Entry",
    "EntryAbandoned",
    "EntryGranted",
    "EntryRefused",
    "EvNeedsReported",
    "Event",
    "EvseCapped",
    "EvseReserved",
    "ExitAbandoned",
    "ExitGranted",
    "ExitRefused",
    "LaneFaulted",
    "LaneOpened",
    "LaneReleased",
    "LaneRestored",
    "LimitAnswered",
    "LimitBreached",
    "LimitObeyed",
    "LimitRoundedUp",
    "LimitSent",
    "LocalListBounded",
    "MessageHeard",
    "MeterKeySeen",
    "MeterSignatureJudged",
    "NeedsKnown",
    "PaymentTaken",
    "ReservationEnded",
    "RunningCharge",
    "SecurityEventReported",
    "SitePowerSampled",
    "StandingChanged",
    "StationAnswered",
    "StationBooted",
    "StationConnected",
    "StationDisconnected",
    "StationMessageSent",
    "StationOrdered",
    "StationQuarantined",
    "StationReleased",
    "StationReservationEnded",
    "StationTaskProgressed",
    "StationTimed",
    "TailgateDetected",
    "TargetReached",
    "TargetSet",
    "TransactionAuthorized",
    "TransactionClosing",
    "TransactionEnded",
    "TransactionFlagged",
    "TransactionNumbered",
    "TransactionResumed",
    "TransactionStarted",
    "VehicleEntered",
    "VehicleExited",
    "WaitingJoined",
    "WaitingLeft",
    "entry",
    "parse_event",
]

Event = (
    DaemonStarted
    | DataRecovered
    | DataLost
    | ClockDiffers
    | ClockStepped
    | StationTimed
    | CommandTaken
    | CommandCompleted
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
    | LaneOpened
    | LaneReleased
    | PaymentTaken
    | StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorStatusChanged
    | StationOrdered
    | StationAnswered
    | SecurityEventReported
    | StationTaskProgressed
    | StationReservationEnded
    | EvNeedsReported
    | LocalListBounded
    | StationMessageSent
    | StationQuarantined
    | StationReleased
    | ChargingRefused
    | TransactionNumbered
    | TransactionResumed
    | TransactionStarted
    | TransactionAuthorized
    | EnergyMetered
    | ChargingStateChanged
    | TransactionEnded
    | MessageHeard
    | MeterKeySeen
    | MeterSignatureJudged
    | TransactionFlagged
    | TransactionClosing
    | StandingChanged
    | TargetSet
    | TargetReached
    | WaitingJoined
    | WaitingLeft
    | EvseReserved
    | ReservationEnded
    | LimitSent
    | LimitAnswered
    | LimitBreached
    | LimitObeyed
    | NeedsKnown
    | BuildingLoadChanged
    | BuildingLoadExceeded
    | LimitRoundedUp
    | EvseCapped
    | SitePowerSampled
)

MODULES = (lanes, stations, charging, power, queueing, operations)
"""Where the events are defined, for whoever must know whether their meaning changed."""

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
    body = event.model_dump(mode="json", exclude_defaults=True)
    return Entry(seq=seq, at_ms=at_ms, type=event.type, body=body)


def parse_event(written: Entry) -> Event | None:
    """The event of an entry; None for a type that this version does not know.

    Raises pydantic.ValidationError when a known type's body does not fit.
    """
    if written.type not in KNOWN_TYPES:
        return None
    return _events.validate_python({"type": written.type, **written.body})
