"""Facts at a facility, past tense, numbered and immutable. Travel up; money is derived from them.

A type's meaning never changes and its fields are only ever added, with a default. What cannot be said that way gets a
new type. A receiver keeps the types it does not know (``parse_event`` gives None) and applies them after an update.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from shared.events import charging, lanes, operations, power, stations
from shared.events.charging import (
    ChargingRefused,
    ChargingStateChanged,
    EnergyMetered,
    TransactionAuthorized,
    TransactionEnded,
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
    LaneRestored,
    PaymentTaken,
    RunningCharge,
    TailgateDetected,
    VehicleEntered,
    VehicleExited,
)
from shared.events.operations import (
    DaemonStarted,
)
from shared.events.power import (
    EvseCapped,
    LimitAnswered,
    LimitSent,
    SitePowerSampled,
)
from shared.events.stations import (
    ConnectorStatusChanged,
    StationAnswered,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationOrdered,
)
from shared.facilities import Frozen

__all__ = [
    "KNOWN_TYPES",
    "MODULES",
    "ChargingRefused",
    "ChargingStateChanged",
    "ConnectorStatusChanged",
    "DaemonStarted",
    "EnergyMetered",
    "Entry",
    "EntryAbandoned",
    "EntryGranted",
    "EntryRefused",
    "Event",
    "EvseCapped",
    "ExitAbandoned",
    "ExitGranted",
    "ExitRefused",
    "LaneFaulted",
    "LaneRestored",
    "LimitAnswered",
    "LimitSent",
    "PaymentTaken",
    "RunningCharge",
    "SitePowerSampled",
    "StationAnswered",
    "StationBooted",
    "StationConnected",
    "StationDisconnected",
    "StationOrdered",
    "TailgateDetected",
    "TransactionAuthorized",
    "TransactionEnded",
    "TransactionStarted",
    "VehicleEntered",
    "VehicleExited",
    "entry",
    "parse_event",
]

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
    | StationOrdered
    | StationAnswered
    | ChargingRefused
    | TransactionStarted
    | TransactionAuthorized
    | EnergyMetered
    | ChargingStateChanged
    | TransactionEnded
    | LimitSent
    | LimitAnswered
    | EvseCapped
    | SitePowerSampled
)

MODULES = (lanes, stations, charging, power, operations)
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
    body = event.model_dump(mode="json", exclude={"type"}, exclude_defaults=True)
    return Entry(seq=seq, at_ms=at_ms, type=event.type, body=body)


def parse_event(written: Entry) -> Event | None:
    """The event of an entry; None for a type that this version does not know.

    Raises pydantic.ValidationError when a known type's body does not fit.
    """
    if written.type not in KNOWN_TYPES:
        return None
    return _events.validate_python({"type": written.type, **written.body})
