"""The two facilities of the launch, as headquarters would configure them. Pure: passwords are given, not drawn.

Level 2 stations are single-phase, as Level 2 is in North America: 11 kW, and at least 6 A (IEC 61851), which is 1,440 W
at 240 V, the highest voltage that a site may have. Fast chargers give 150 kW and at least 5 kW.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.facilities import (
    BuildingLoad,
    ChargerLevel,
    ConnectorType,
    Evse,
    Facility,
    Lane,
    LaneDirection,
    PowerSettings,
    Size,
    Space,
    SpaceKind,
    Station,
)

ZONE = "America/New_York"
BUDGET_W = 400_000
BUILDING = BuildingLoad(grid_w=520_000, load_w_max=160_000, silent_s=120)
"""On the grid connection of the second site: its chargers have 350 kW when the worst is assumed."""
LEVEL2_W, LEVEL2_MINIMUM_W = 11_000, 1_440
FAST_W, FAST_MINIMUM_W = 150_000, 5_000
CUSTOMERS = 240
"""Of both facilities together: as many as their EV chargers need in a day, and few enough to be registered quickly."""
LEVELS = ("1", "2", "3", "4")
AISLES = ("A", "B")
PER_AISLE = 25
LEVEL2_STATIONS, FAST_STATIONS = 20, 4
EV_LEVEL, EV_AISLE = "1", "E"


@dataclass(frozen=True, slots=True)
class Site:
    facility_id: str
    name: str
    address: str
    latitude: float
    longitude: float
    building: BuildingLoad | None = None


SITES = (
    Site("boston-downtown", "Boston Downtown", "1 Post Office Square, Boston, MA 02109", 42.3562, -71.0554),
    Site(
        "philadelphia-center-city",
        "Philadelphia Center City",
        "1500 Arch St, Philadelphia, PA 19102",
        39.9549,
        -75.1657,
        BUILDING,
    ),
)
FACILITY_IDS = tuple(site.facility_id for site in SITES)
METERED = frozenset(site.facility_id for site in SITES if site.building is not None)


@dataclass(frozen=True, slots=True)
class Password:
    """What a charging station proves itself with, and the salt that its hash is kept with."""

    text: str
    salt: str

    @property
    def sha256(self) -> str:
        """What the facility compares with: the hash of salt and password."""
        return hashlib.sha256((self.salt + self.text).encode()).hexdigest()


def station_ids() -> tuple[str, ...]:
    """The stations of each facility, ``l2-01`` ... ``l2-20`` and ``dc-01`` ... ``dc-04``, in the order of their spaces:
    every sixth is a fast one, so that cars come to them all day."""
    level2 = iter(range(1, LEVEL2_STATIONS + 1))
    fast = iter(range(1, FAST_STATIONS + 1))
    every = (LEVEL2_STATIONS + FAST_STATIONS) // FAST_STATIONS
    return tuple(
        f"dc-{next(fast):02d}" if place % every == 0 else f"l2-{next(level2):02d}"
        for place in range(LEVEL2_STATIONS + FAST_STATIONS)
    )


def facility(site: Site, passwords: Mapping[str, Password]) -> Facility:
    """One facility with 200 regular and 24 EV spaces; ``passwords`` has one for each of ``station_ids()``."""
    ev_spaces = tuple(_ev_space(number) for number in range(1, LEVEL2_STATIONS + FAST_STATIONS + 1))
    return Facility(
        facility_id=site.facility_id,
        name=site.name,
        address=site.address,
        zone=ZONE,
        latitude=site.latitude,
        longitude=site.longitude,
        spaces=_regular_spaces() + ev_spaces,
        lanes=(
            Lane(lane_id="entry-1", direction=LaneDirection.ENTRY),
            Lane(lane_id="entry-2", direction=LaneDirection.ENTRY),
            Lane(lane_id="exit-1", direction=LaneDirection.EXIT),
            Lane(lane_id="exit-2", direction=LaneDirection.EXIT),
        ),
        stations=tuple(
            _station(station_id, space, passwords[station_id])
            for station_id, space in zip(station_ids(), ev_spaces, strict=True)
        ),
        power=PowerSettings(budget_w=BUDGET_W, building=site.building),
    )


def with_new_passwords(site: Site, draw: Callable[[], str]) -> tuple[Facility, dict[str, str]]:
    """A facility whose stations have passwords from ``draw``, and the passwords by station."""
    drawn = {station_id: Password(text=draw(), salt=draw()) for station_id in station_ids()}
    return facility(site, drawn), {station_id: password.text for station_id, password in drawn.items()}


def _regular_spaces() -> tuple[Space, ...]:
    """Per aisle of 25: the first 5 compact, the last 2 large, the rest standard."""
    return tuple(
        Space(
            space_id=f"{level}{aisle.lower()}-{number:02d}",
            level=level,
            aisle=aisle,
            number=f"{number:02d}",
            size=Size.COMPACT if number <= 5 else Size.LARGE if number > PER_AISLE - 2 else Size.STANDARD,
        )
        for level in LEVELS
        for aisle in AISLES
        for number in range(1, PER_AISLE + 1)
    )


def _ev_space(number: int) -> Space:
    """EV spaces are wide enough for any car: a space is chosen for its charger, not for its size."""
    return Space(
        space_id=f"ev-{number:02d}",
        level=EV_LEVEL,
        aisle=EV_AISLE,
        number=f"{number:02d}",
        size=Size.LARGE,
        kind=SpaceKind.EV,
    )


def _station(station_id: str, space: Space, password: Password) -> Station:
    number = int(station_id[-2:])
    fast = station_id.startswith("dc-")
    tesla_plug = number % 4 == 0
    if fast:
        connector = ConnectorType.NACS if tesla_plug else ConnectorType.CCS
    else:
        connector = ConnectorType.NACS if tesla_plug else ConnectorType.TYPE1
    return Station(
        station_id=station_id,
        level=ChargerLevel.DCFC if fast else ChargerLevel.LEVEL2,
        evses=(
            Evse(
                evse_id=1,
                space_id=space.space_id,
                connector=connector,
                rating_w=FAST_W if fast else LEVEL2_W,
                minimum_w=FAST_MINIMUM_W if fast else LEVEL2_MINIMUM_W,
            ),
        ),
        password_salt=password.salt,
        password_sha256=password.sha256,
    )
