"""What a facility is made of, as HQ configures it and as the edge obeys it.

Wiring (serial ports, pins, sockets) is not here: it belongs to the box on site and its own configuration file.
"""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.ids import Id, StationId


class Frozen(BaseModel):
    """A value that is compared by content and never changed; unknown fields of a newer version are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def __deepcopy__(self, _memo: dict[int, Any] | None = None) -> Self:
        """Itself: a copy of what holds it may hold the same."""
        return self


class Size(StrEnum):
    COMPACT = "COMPACT"
    STANDARD = "STANDARD"
    LARGE = "LARGE"


class SpaceKind(StrEnum):
    """Which price and which cars a space is for."""

    REGULAR = "REGULAR"
    EV = "EV"


class FacilityStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    MAINTENANCE = "MAINTENANCE"


class LaneDirection(StrEnum):
    ENTRY = "ENTRY"
    EXIT = "EXIT"


class ChargerLevel(StrEnum):
    LEVEL1 = "LEVEL1"
    LEVEL2 = "LEVEL2"
    DCFC = "DCFC"


class ConnectorType(StrEnum):
    """Plugs on the cable or in the socket; ``NACS`` is the Tesla plug."""

    CCS = "CCS"
    NACS = "NACS"
    CHADEMO = "CHADEMO"
    TYPE1 = "TYPE1"


class Space(Frozen):
    space_id: Id
    level: str
    aisle: str
    number: str
    size: Size = Size.STANDARD
    kind: SpaceKind = SpaceKind.REGULAR
    in_service: bool = True

    @property
    def label(self) -> str:
        """How a driver finds it: ``Level 2, aisle B, 17``."""
        return f"Level {self.level}, aisle {self.aisle}, {self.number}"


class Lane(Frozen):
    lane_id: Id
    direction: LaneDirection
    in_service: bool = True


class Evse(Frozen):
    """One outlet that charges one car at a time (OCPP 2.0.1 part 1, 2.2); numbered from 1 within its station."""

    evse_id: int = Field(ge=1)
    space_id: Id
    connector: ConnectorType
    rating_w: int = Field(gt=0, description="the most it can draw, unlimited")
    minimum_w: int = Field(ge=0, description="below this it pauses; IEC 61851 gives 6 A")
    voltage_v: int = Field(240, ge=100, le=1_000, description="line to neutral; on two lines, between them")
    phases: str = Field(
        "",
        pattern=r"^(L[123]|L1L2|L2L1|L2L3|L3L2|L3L1|L1L3|L1L2L3|L2L3L1|L3L1L2|L1L3L2|L3L2L1|L2L1L3)?$",
        description="the site's lines on its terminals, in order; empty is unknown, which may be any",
    )
    limit_unit: Literal["A", "W"] | None = Field(None, description="the one unit it takes limits in; None: it is asked")
    rounds_up: bool = Field(False, description="it makes a limit up to 1 A or 1 % more; counted so")
    meter_public_key: str = Field(
        "",
        pattern=r"^([0-9a-f]{2})*$",
        description="of its signing meter: DER SubjectPublicKeyInfo in hexadecimal; empty: the first one seen counts",
    )
    pauses: bool = Field(True, description="it takes a limit of 0; else its minimum is the lowest")


class Station(Frozen):
    """A charging station, known by the id in the URL it connects to and by the SHA-256 of its password."""

    station_id: StationId
    level: ChargerLevel
    evses: tuple[Evse, ...] = Field(min_length=1)
    password_salt: str
    password_sha256: str
    security_profile: Literal[1, 2, 3] = Field(
        1, description="the least it may connect with: 1 password, 2 password over TLS, 3 its own certificate over TLS"
    )

    @model_validator(mode="after")
    def _evses_are_numbered_once(self) -> Self:
        twice = _twice([str(e.evse_id) for e in self.evses])
        if twice:
            raise ValueError(f"station {self.station_id}: evse ids must be unique, twice: {', '.join(twice)}")
        return self


class Hours(Frozen):
    """Opening hours in the facility's zone; equal times mean round the clock. Days run Monday 0 to Sunday 6."""

    opens: str = Field("00:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field("00:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)


PolicyName = Literal["need", "proportional", "equal", "first-come", "least-laxity"]


class PeakWindow(Frozen):
    """Hours of some days of the week (Monday 0), in the facility's zone, in which the chargers' budget is lower. One
    that closes no later than it opens ends on the day after."""

    opens: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4)
    budget_w: int = Field(gt=0)


class BuildingLoad(Frozen):
    """What else hangs on the grid connection. The chargers get what the building leaves of it, less a margin, and never
    more than their budget. A meter that is silent for ``silent_s`` counts as ``load_w_max``."""

    grid_w: int = Field(gt=0, description="what the connection carries in all")
    load_w_max: int = Field(ge=0, description="the most that the building can draw")
    margin_w: int = Field(10_000, ge=0)
    silent_s: int = Field(30, ge=5)

    @model_validator(mode="after")
    def _something_is_left_at_worst(self) -> Self:
        if self.grid_w <= self.load_w_max + self.margin_w:
            raise ValueError(
                f"grid_w must be more than load_w_max and margin_w together, so that the chargers' fallbacks fit; "
                f"got {self.grid_w} W, {self.load_w_max} W and {self.margin_w} W"
            )
        return self


class PowerSettings(Frozen):
    """The electrical promise of the site. All durations are lived time, in seconds.

    ``lease_s``: a limit above the fallback ends by itself after this long. ``drift_s``: how far a station's clock
    may be off before its next time synchronisation; the books count a promise that much longer (or shorter).
    ``meter_interval_s``: how often cars are metered; a charger that draws above its limit is noticed within this and
    ten seconds.
    """

    budget_w: int = Field(400_000, gt=0)
    policy: PolicyName = "need"
    peaks: tuple[PeakWindow, ...] = ()
    building: BuildingLoad | None = None
    lease_s: int = Field(300, ge=30)
    renew_s: int = Field(100, ge=5)
    drift_s: int = Field(30, ge=0)
    sample_s: int = Field(30, ge=5)
    meter_interval_s: int = Field(15, ge=5)


def _twice(names: list[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


class Facility(Frozen):
    facility_id: Id
    name: str
    address: str
    zone: str = Field(description="IANA time zone")
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    operator: str = "EasyParkPlus"
    status: FacilityStatus = FacilityStatus.ACTIVE
    hours: Hours = Hours()
    spaces: tuple[Space, ...]
    lanes: tuple[Lane, ...]
    stations: tuple[Station, ...] = ()
    power: PowerSettings = PowerSettings()
    only_evs_in_ev_spaces: bool = True
    evs_only_in_ev_spaces: bool = False
    plate_confidence_min_pct: int = Field(70, ge=0, le=100)
    paid_grace_s: int = Field(900, ge=0, description="time from paying at the machine to the exit")
    charger_hold_s: int = Field(600, ge=60, description="how long a free charger is kept for the next car in line")

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not an IANA time zone such as America/New_York") from error
        return zone

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        for what, names in (
            ("space", [s.space_id for s in self.spaces]),
            ("lane", [x.lane_id for x in self.lanes]),
            ("station", [s.station_id for s in self.stations]),
        ):
            twice = _twice(names)
            if twice:
                raise ValueError(f"{what} ids must be unique, twice: {', '.join(twice)}")
        known = {s.space_id for s in self.spaces}
        for station in self.stations:
            lost = [e.space_id for e in station.evses if e.space_id not in known]
            if lost:
                raise ValueError(f"station {station.station_id} serves unknown spaces: {', '.join(lost)}")
        return self

    def station(self, station_id: str) -> Station | None:
        """The station of that id, or None."""
        return next((s for s in self.stations if s.station_id == station_id), None)

    def lane(self, lane_id: str) -> Lane | None:
        """The lane of that id, or None."""
        return next((x for x in self.lanes if x.lane_id == lane_id), None)
