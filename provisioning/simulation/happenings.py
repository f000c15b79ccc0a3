"""What the auditor is told, in the words of the outside: what became durable, what devices were told, what HQ did.

``at_ms`` is true time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.decisions import Decision
from shared.devices import Arm
from shared.events import Entry, Event


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry is durable at a facility. ``event`` is read back from it; None when no book wants its type."""

    facility_id: str
    log_id: str
    entry: Entry
    event: Event | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The cloud committed entries of a log, which it now holds up to ``upto``."""

    facility_id: str
    log_id: str
    entries: Sequence[Entry]
    upto: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The cloud sends an Ack."""

    log_id: str
    upto: int


@dataclass(frozen=True, slots=True)
class Believed:
    """A facility counts its entries up to here as delivered."""

    log_id: str
    upto: int


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of all that a facility's box has on its disk was made."""

    facility_id: str
    copy_id: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A facility's box is another from here on: with what a copy held, or with nothing (``copy_id`` None). ``kept``: up
    to where it has the logs of before."""

    facility_id: str
    copy_id: int | None
    kept: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Commanded:
    """A person's command is at a facility's door, perhaps not for the first time."""

    facility_id: str
    command_id: str
    in_time: bool


@dataclass(frozen=True, slots=True)
class ArmTold:
    """A barrier was told where its arm should be; ``under`` is whether a car stands below it."""

    facility_id: str
    lane_id: str
    arm: Arm
    under: bool


@dataclass(frozen=True, slots=True)
class LimitTold:
    """A limit left for a station."""

    facility_id: str
    request_id: int
    limit_w: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """What all stations of a facility may draw together, now, by what they hold and by their own clocks."""

    facility_id: str
    at_ms: int
    total_w: int


@dataclass(frozen=True, slots=True)
class BuildingDrew:
    """What the building beside the stations draws from here on, in truth."""

    facility_id: str
    load_w: int


@dataclass(frozen=True, slots=True)
class Decided:
    """HQ committed a decision, for all facilities."""

    version: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Heard:
    """A facility holds decisions of a log, durably; ``complete``: all that the log has by now."""

    facility_id: str
    log_id: str
    decisions: Sequence[Decision]
    complete: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """The cloud went back to a backup: it holds ``held`` of each log, and decisions up to ``version``."""

    held: Mapping[str, int]
    version: int


@dataclass(frozen=True, slots=True)
class Charged:
    """One charge as the cloud's tables have it at the end."""

    session_id: str
    total_cents: int
    paid_cents: int
    is_paid: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything is healed and has had its time: the last look at all tables.

    ``events`` are the cloud's, by log; ``transfers`` the sums of each transfer's postings; ``decisions`` what each
    facility holds, by key; ``rebuilt`` whether its living state is what its log tells; ``waiting`` what is not over.
    """

    events: Mapping[str, Sequence[Entry]]
    charges: Sequence[Charged]
    transfers: Mapping[str, int]
    decisions: Mapping[str, Mapping[str, Decision]]
    rebuilt: Mapping[str, bool]
    waiting: Sequence[str]


Happening = (
    Logged
    | Stored
    | Acknowledged
    | Believed
    | Copied
    | Replaced
    | Commanded
    | ArmTold
    | LimitTold
    | Drawing
    | BuildingDrew
    | Decided
    | Heard
    | Restored
    | Settled
)
