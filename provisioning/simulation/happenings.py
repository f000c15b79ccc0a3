"""What the auditor is told, in the words of the outside: what became durable, what devices were told, what HQ did.

``at_ms`` is true time. Tuples, since a story tells of hundreds of thousands.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.decisions import Decision
from shared.devices import Arm
from shared.events import Entry, Event


class Logged(NamedTuple):
    """An entry is durable at a facility. ``event`` is read back from it; None when no book wants its type."""

    facility_id: str
    log_id: str
    entry: Entry
    event: Event | None


class LoggedAside(NamedTuple):
    """An entry is durable at a box that was replaced and lives on."""

    facility_id: str
    log_id: str
    entry: Entry


class Admitted(NamedTuple):
    """The cloud listened to the box that writes this log."""

    facility_id: str
    log_id: str


class Chosen(NamedTuple):
    """A person at HQ said which box is the facility."""

    facility_id: str
    log_id: str


class Stored(NamedTuple):
    """The cloud committed entries of a log, which it now holds up to ``upto``."""

    facility_id: str
    log_id: str
    entries: Sequence[Entry]
    upto: int


class Acknowledged(NamedTuple):
    """The cloud sends an Ack."""

    log_id: str
    upto: int


class Believed(NamedTuple):
    """A facility counts its entries up to here as delivered."""

    log_id: str
    upto: int


class Removed(NamedTuple):
    """A facility keeps the entries of a log up to here no more."""

    log_id: str
    upto: int


class Copied(NamedTuple):
    """A copy of all that a facility's box has on its disk was made."""

    facility_id: str
    copy_id: int


class Replaced(NamedTuple):
    """A facility's box is another from here on: with what a copy held, or with nothing (``copy_id`` None). ``kept``: up
    to where it has the logs of before."""

    facility_id: str
    copy_id: int | None
    kept: Mapping[str, int]


class Commanded(NamedTuple):
    """A person's command is at a facility's door, perhaps not for the first time."""

    facility_id: str
    command_id: str
    in_time: bool


class ArmTold(NamedTuple):
    """A barrier was told where its arm should be; ``under`` is whether a car stands below it."""

    facility_id: str
    lane_id: str
    arm: Arm
    under: bool


class LimitTold(NamedTuple):
    """A limit left for a station."""

    facility_id: str
    request_id: int
    limit_w: int


class Drawing(NamedTuple):
    """What all stations of a facility may draw together, now, by what they hold and by their own clocks; ``cars_w``:
    and if a car stood at each that was ever lent anything."""

    facility_id: str
    at_ms: int
    total_w: int
    cars_w: int


class BuildingMetered(NamedTuple):
    """What the building beside the stations draws, as its meter tells the box."""

    facility_id: str
    load_w: int


class Decided(NamedTuple):
    """HQ committed a decision, for all facilities."""

    version: int
    decision: Decision


class Heard(NamedTuple):
    """A facility holds decisions of a log, durably; ``complete``: all that the log has by now."""

    facility_id: str
    log_id: str
    decisions: Sequence[Decision]
    complete: bool


class Restored(NamedTuple):
    """The cloud went back to a backup: it holds ``held`` of each log, and decisions up to ``version``."""

    held: Mapping[str, int]
    version: int


class Charged(NamedTuple):
    """One charge as the cloud's tables have it at the end; ``paid_cents`` on site."""

    session_id: str
    total_cents: int
    paid_cents: int
    by_card_cents: int
    is_paid: bool


class Taken(NamedTuple):
    """The provider of card payments took money, in truth; ``payment_id`` is what the cloud asked it for."""

    intent_id: str
    payment_id: str
    charge_id: str
    amount_cents: int


class GivenBack(NamedTuple):
    """The provider gives money back of what it took, in truth; below zero, it came back."""

    intent_id: str
    amount_cents: int


class CardsSettled(NamedTuple):
    """The last look at what the cloud's tables say of cards, by charge: what stands with the provider, what is owed,
    and what the customer has to get back. ``noted`` are the ids of what a person is to settle."""

    at_provider_cents: Mapping[str, int]
    owed_cents: Mapping[str, int]
    credit_cents: Mapping[str, int]
    noted: frozenset[str]


class Settled(NamedTuple):
    """Everything is healed and has had its time: the last look at all tables.

    ``events`` are those that the cloud keeps, by log, ``held`` up to where it holds each; ``transfers`` the sums of
    each transfer's postings; ``decisions`` what each facility holds, by key; ``rebuilt`` whether its living state is
    what its log tells; ``waiting`` what is not over.
    """

    events: Mapping[str, Sequence[Entry]]
    held: Mapping[str, int]
    charges: Sequence[Charged]
    transfers: Mapping[str, int]
    decisions: Mapping[str, Mapping[str, Decision]]
    rebuilt: Mapping[str, bool]
    waiting: Sequence[str]


Happening = (
    Logged
    | LoggedAside
    | Admitted
    | Chosen
    | Stored
    | Acknowledged
    | Believed
    | Removed
    | Copied
    | Replaced
    | Commanded
    | ArmTold
    | LimitTold
    | Drawing
    | BuildingMetered
    | Decided
    | Heard
    | Restored
    | Taken
    | GivenBack
    | CardsSettled
    | Settled
)
