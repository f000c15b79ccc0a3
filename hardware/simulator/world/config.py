"""The world's configuration: a TOML (or ``.json``) file. Paths in it are relative to its own folder.

::

    seed = "7"
    timeline = "1764000000.0,1773054000000,60.0"   # as EASYPARK_TIMELINE; empty: real time
    starts_at_ms = 1773054000000                   # optional: cars that were due before then do not come
    journal = "world.jsonl"                        # who is where, over a restart

    [traffic]                                      # optional: fields of population.Settings but facility_ids
    vehicles_per_day = 640

    [[facilities]]
    facility_file = "boston-downtown.json"         # a shared.facilities.Facility
    ocpp_url = "ws://127.0.0.1:9101"               # station ids are added to it
    passwords_file = "boston-downtown.passwords"   # JSON: station id -> password
    api_url = "http://127.0.0.1:8101"              # the facility's own API, for the pay machine
    api_token_file = "boston-downtown.token"
    wire = "run/boston-downtown.pins"              # the edge's pin wire (Unix socket)
    meter = "run/boston-downtown.meter"            # optional: a pty with the building's meter appears here
    behaviours = { "boston-downtown-l2-03" = "IGNORES" }   # optional, device.Behaviour
    versions = { "boston-downtown-l2-04" = "1.6" }         # optional: the OCPP version that a station speaks

    [[facilities.lanes]]
    lane_id = "entry-1"
    plate_reader = "run/entry-1.camera"            # a pty appears here
    display = "run/entry-1.display"
    pins = { front = 4, under = 5, arm_up = 6, arm_down = 7, raise = 8, lower = 9 }
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hardware.simulator.device import Behaviour
from hardware.simulator.population import Settings
from hardware.wiring import GpioWiring, LanePins, LaneWiring, WiringError, check
from shared.clock import Timeline
from shared.facilities import Facility
from shared.ids import Id

Value = TypeVar("Value")


class ConfigError(ValueError):
    """The configuration cannot be used; one line that says where and what is allowed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Pins(_Strict):
    front: int
    under: int
    arm_up: int
    arm_down: int
    raise_: int = Field(alias="raise")
    lower: int


class _Lane(_Strict):
    lane_id: Id
    plate_reader: Path
    display: Path
    pins: _Pins


class _Facility(_Strict):
    facility_file: Path
    ocpp_url: str = Field(pattern=r"^wss?://")
    passwords_file: Path
    api_url: str = Field(pattern=r"^https?://")
    api_token_file: Path
    wire: Path
    meter: Path | None = None
    behaviours: dict[Id, Behaviour] = {}
    versions: dict[Id, Literal["1.6", "2.0.1"]] = {}
    lanes: tuple[_Lane, ...] = Field(min_length=1)


class _File(_Strict):
    seed: str = Field(min_length=1)
    timeline: str = ""
    starts_at_ms: int = 0
    journal: Path
    traffic: dict[str, int | float] = {}
    facilities: tuple[_Facility, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """One facility as the world sees it. ``passwords``, ``behaviours`` and ``versions`` are by station id."""

    facility: Facility
    ocpp_url: str
    passwords: dict[str, str]
    behaviours: dict[str, Behaviour]
    versions: dict[str, str]
    api_url: str
    api_token_file: Path
    wire: str
    meter: str | None
    lanes: tuple[LaneWiring, ...]


@dataclass(frozen=True, slots=True)
class WorldConfig:
    seed: str
    timeline: Timeline
    starts_at_ms: int
    journal: Path
    traffic: Settings
    sites: tuple[SiteConfig, ...]


def load(path: Path) -> WorldConfig:
    """Read the file and everything it names but the token. Raises ConfigError."""
    read = json.loads if path.suffix == ".json" else tomllib.loads
    raw = _checked(path, lambda: _File.model_validate(_parsed(path, read)))
    return _world(raw, path)


def _world(raw: _File, path: Path) -> WorldConfig:
    folder = path.parent
    sites = tuple(_site(site, folder) for site in raw.facilities)
    facility_ids = tuple(site.facility.facility_id for site in sites)
    traffic = _checked(path, lambda: Settings(facility_ids=facility_ids, **raw.traffic))  # type: ignore[arg-type]
    timeline = _checked(path, lambda: Timeline.parse(raw.timeline))
    return WorldConfig(raw.seed, timeline, raw.starts_at_ms, folder / raw.journal, traffic, sites)


def _site(raw: _Facility, folder: Path) -> SiteConfig:
    facility_file, passwords_file = folder / raw.facility_file, folder / raw.passwords_file
    facility = _checked(facility_file, lambda: Facility.model_validate(_parsed(facility_file, json.loads)))
    words: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
    passwords = _checked(passwords_file, lambda: words.validate_python(_parsed(passwords_file, json.loads)))
    stations = {station.station_id for station in facility.stations}
    if missing := sorted(stations - set(passwords)):
        raise ConfigError(f"{passwords_file}: no password of {', '.join(missing)}")
    for table, named in (("behaviours", set(raw.behaviours)), ("versions", set(raw.versions))):
        if unknown := sorted(named - stations):
            raise ConfigError(f"{facility_file}: has no station {', '.join(unknown)}, but {table} names it")
    lanes = tuple(
        LaneWiring(
            lane_id=lane.lane_id,
            plate_reader=str(folder / lane.plate_reader),
            display=str(folder / lane.display),
            pins=LanePins(**lane.pins.model_dump()),
        )
        for lane in raw.lanes
    )
    wire = str(folder / raw.wire)
    _checked(facility_file, lambda: check(GpioWiring("mock", wire), lanes))
    for lane in lanes:
        if facility.lane(lane.lane_id) is None:
            raise ConfigError(f"{facility_file}: has no lane {lane.lane_id}")
    return SiteConfig(
        facility=facility,
        ocpp_url=raw.ocpp_url,
        passwords=passwords,
        behaviours=dict(raw.behaviours),
        versions=dict(raw.versions),
        api_url=raw.api_url,
        api_token_file=folder / raw.api_token_file,
        wire=wire,
        meter=None if raw.meter is None else str(folder / raw.meter),
        lanes=lanes,
    )


def _parsed(path: Path, read: Callable[[str], Any]) -> Any:
    try:
        return read(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not readable: {error}") from error


def _checked(path: Path, make: Callable[[], Value]) -> Value:
    try:
        return make()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}") from error
    except ConfigError:
        raise
    except (WiringError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error
