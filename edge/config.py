"""The box's own configuration file: where it keeps its data, whom it talks to, how its lanes are wired.

What the facility *is* (spaces, prices, chargers) does not stand here: headquarters decides it and the link brings it.
Relative paths are meant from the folder of the file. An error names the key, the value and what is allowed.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from shared.broker_url import BrokerUrl
from shared.clock import Timeline
from shared.ids import Id

_STRICT = ConfigDict(extra="forbid")

Port = Annotated[int, Field(ge=1, le=65_535)]
Pin = Annotated[int, Field(ge=0, le=63, description="BCM number")]


class ConfigError(Exception):
    """The configuration cannot be used; one line that says where and what is allowed."""


def _readable_broker(url: str) -> str:
    BrokerUrl.parse(url)
    return url


def _readable_timeline(text: str) -> str:
    Timeline.parse(text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Tls:
    """The port for security profiles 2 and 3. ``certificate`` (with those above it) and ``key`` are PEM files of this
    server; stations with a certificate of this site's own authority, or of ``client_ca``, need no password, unless
    ``revoked`` lists it (revocation lists, or serial numbers)."""

    port: Port
    certificate: Path
    key: Path
    client_ca: Path | None = None
    revoked: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Listen:
    """Where charging stations connect to: ``port`` without encryption (security profile 1; None: not at all), and
    ``tls``. A site that moves to TLS has both for a while."""

    port: Port | None = None
    host: str = "0.0.0.0"
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Api:
    """Where pages and machines on site ask. ``token_file`` has lines ``<sha256 of a token> <role>``."""

    port: Port
    token_file: Path
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Gpio:
    """``native`` is this machine's own header; ``mock`` needs ``wire``, the Unix socket that moves its pins."""

    factory: Literal["native", "mock"] = "native"
    wire: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Pins:
    """BCM pin numbers of one lane; ``raise_`` is written ``raise`` in the file."""

    front: Pin
    under: Pin
    arm_up: Pin
    arm_down: Pin
    lower: Pin
    raise_: Pin = Field(alias="raise")


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class LaneWires:
    """``plate_reader`` and ``display`` are serial lines: a path, or ``socket://host:port`` for a converter."""

    plate_reader: str
    display: str
    pins: Pins


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class MeterWires:
    """The meter of what the building draws beside the chargers, over Modbus: see ``MeterWiring`` in
    ``hardware/wiring.py``. ``kind`` is written ``type`` in the file."""

    url: Annotated[str, Field(min_length=1)]
    register: Annotated[int, Field(ge=0, le=65_535, description="counted from 0")]
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    table: Literal["holding", "input"] = "holding"
    kind: Literal["int16", "uint16", "int32", "uint32", "float32"] = Field("float32", alias="type")
    word_order: Literal["big", "little"] = "big"
    scale_w: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    exports: bool = False
    poll_s: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    baud: Annotated[int, Field(ge=300)] = 9_600
    parity: Literal["N", "E", "O"] = "N"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Keeping:
    """How long entries that the cloud holds are kept: ``days``; while the disk has less than ``disk_free_min_mb`` left,
    counting the room within the file, no longer than that."""

    days: Annotated[int, Field(ge=1)] = 30
    disk_free_min_mb: Annotated[int, Field(ge=0)] = 500


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Copying:
    """Copies of the facility's file: a new one every ``every_h`` real hours into ``folder`` (None: ``backups`` below
    ``data_dir``; another disk is better), the ``keep`` newest stay."""

    folder: Path | None = None
    every_h: Annotated[float, Field(gt=0)] = 6.0
    keep: Annotated[int, Field(ge=1)] = 2


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Config:
    """Everything the daemon is told at its start. ``lanes`` is by lane id. ``broker_url`` holds a password."""

    facility_id: Id
    data_dir: Path
    broker_url: Annotated[str, AfterValidator(_readable_broker)] = Field(repr=False)
    ocpp: Listen
    api: Api
    timeline: Annotated[str, AfterValidator(_readable_timeline)] = ""
    gpio: Gpio = Gpio()
    retention: Keeping = Keeping()
    backup: Copying = Copying()
    meter: MeterWires | None = None
    lanes: dict[Id, LaneWires] = Field(default_factory=dict)

    @property
    def backup_folder(self) -> Path:
        """Where copies of the facility's file are."""
        return self.backup.folder or self.data_dir / "backups"


_reader = TypeAdapter(Config)


def read_config(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    return parse_config(table, path)


def parse_config(table: dict[str, Any], path: Path) -> Config:
    """The configuration in a table as TOML gives it; ``path`` is where it came from. Raises ConfigError."""
    try:
        config = _reader.validate_python(_anchored(table, path.parent))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from None  # its own text may hold the broker's password
    if config.ocpp.port is None and config.ocpp.tls is None:
        raise ConfigError(f"{path}: ocpp.port is missing, or a section [ocpp.tls]: stations must connect somewhere")
    if config.gpio.factory == "mock" and config.gpio.wire is None:
        raise ConfigError(f'{path}: gpio.wire is missing: with factory = "mock" it is the path of a Unix socket')
    return config


_TLS_FILES = ("certificate", "key", "client_ca", "revoked")


def _anchored(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same table with the paths that are relative meant from ``folder``."""
    table = dict(table)
    ocpp = table.get("ocpp")
    if isinstance(ocpp, dict) and isinstance(ocpp.get("tls"), dict):
        files = {k: folder / v for k, v in ocpp["tls"].items() if k in _TLS_FILES and isinstance(v, str)}
        table["ocpp"] = {**ocpp, "tls": {**ocpp["tls"], **files}}
    for section, key in ((None, "data_dir"), ("api", "token_file"), ("gpio", "wire"), ("backup", "folder")):
        holder = table if section is None else table.get(section)
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            anchored = {**holder, key: folder / holder[key]}
            table = anchored if section is None else {**table, section: anchored}
    return table


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key} is not a setting; check its spelling"
    shown = "" if "broker_url" in first["loc"] else f" = {first['input']!r}"
    return f"{key}{shown}: {first['msg']}"
