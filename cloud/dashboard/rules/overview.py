"""One round of the live page as values. Instants are milliseconds UTC; None is unknown and is never shown as zero."""

from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """Whether a facility is in touch. NEVER: it was configured and has not been heard of yet."""

    ONLINE = "ONLINE"
    AWAY = "AWAY"
    NEVER = "NEVER"


class Tone(StrEnum):
    """How much something wants of a person. The page never says it by colour alone."""

    CALM = "calm"
    ATTENTION = "attention"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Spaces:
    """Spaces in service and cars in them. More cars than spaces (a tailgate, a space taken out of service) is full."""

    total: int
    cars: int

    @property
    def free(self) -> int:
        return max(0, self.total - self.cars)


@dataclass(frozen=True, slots=True)
class Chargers:
    """EVSEs there are, those with a car plugged in, and of these the ones that energy flows through."""

    total: int
    in_use: int
    charging: int


@dataclass(frozen=True, slots=True)
class Sync:
    """How far the cloud's copy of a facility's log is behind what the facility told of, and when it last grew."""

    events_behind: int
    taken_in_at_ms: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a facility knows of headquarters' decisions: up to which instant it is known to have held them all, and how
    many it has not confirmed."""

    at_ms: int
    decisions_behind: int

    @property
    def current(self) -> bool:
        return not self.decisions_behind


@dataclass(frozen=True, slots=True)
class Watts:
    """What the chargers of a site draw together, what they may draw at worst, and the budget, at an instant."""

    at_ms: int
    drawn_w: int
    worst_case_w: int
    budget_w: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A minute of the power curve: the highest draw in it and when, the highest worst case, the lowest budget."""

    at_ms: int
    peak_at_ms: int
    drawn_w: int
    worst_case_w: int
    budget_w: int


@dataclass(frozen=True, slots=True)
class FacilityNow:
    """A facility as headquarters knows it. ``watts`` None: no sample ever came. ``sync`` None: no log ever came.
    ``knowledge`` None: it never confirmed a decision. ``contested``: a second box of its name was refused just now."""

    facility_id: str
    name: str
    zone: str
    presence: Presence
    heard_at_ms: int | None
    regular: Spaces
    ev: Spaces
    chargers: Chargers
    sync: Sync | None
    watts: Watts | None
    curve: tuple[CurvePoint, ...]
    knowledge: Knowledge | None = None
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """An event worth telling, in words."""

    facility_id: str
    at_ms: int
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """What became of a session's charge. ``plate`` is empty where it was never read."""

    charge_id: str
    facility_id: str
    plate: str
    left_at_ms: int
    total_cents: int
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Totals:
    """Sessions that ended today, by each facility's own day. ``paid_cents`` and ``open_cents`` are parts of
    ``charged_cents``."""

    charges: int
    charged_cents: int
    paid_cents: int
    open_cents: int


@dataclass(frozen=True, slots=True)
class Concerns:
    """What waits for a person: events that could not be taken in, money that did not come out as it should."""

    parked_events: int
    discrepancies: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the live page, read in one snapshot of the database at ``at_ms``."""

    at_ms: int
    facilities: tuple[FacilityNow, ...]
    happenings: tuple[Happening, ...]
    receipts: tuple[ReceiptLine, ...]
    totals: Totals
    concerns: Concerns

    def facility(self, facility_id: str) -> FacilityNow | None:
        """The facility of that id, or None."""
        return next((f for f in self.facilities if f.facility_id == facility_id), None)

    @property
    def zone(self) -> str:
        """The zone that all facilities share; UTC when they do not, or when there are none."""
        zones = {f.zone for f in self.facilities}
        return zones.pop() if len(zones) == 1 else "UTC"
