"""What a person may have done at a facility at once: asked, done at most once, never late, and answered.

Headquarters sends a ``CommandRequest`` twice. The first time it carries no challenge and nothing is done: the facility
answers with a fresh ``challenge``. The second time it carries that challenge, which the facility honours once and only
for ``WINDOW_REAL_MS`` of its own monotonic clock. So neither clocks nor what a broker keeps, repeats or delays can
make a command late: docs/decisions/0006 says why.
"""

from base64 import b64encode
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AnyUrl, Base64Bytes, Field, TypeAdapter, UrlConstraints, ValidationError, model_validator

from shared.facilities import Frozen
from shared.ids import Id, Plate, StationId

WINDOW_REAL_MS = 1_000
"""A challenge is honoured for so long after it was given, by the clock of who gave it."""
WATTS_MAX = 1_000_000
IdToken = Annotated[str, Field(min_length=1, max_length=36)]
EvseId = Annotated[int, Field(ge=1)]
Location = Annotated[
    AnyUrl, UrlConstraints(max_length=512, allowed_schemes=["ftp", "ftps", "sftp", "http", "https"], host_required=True)
]


class OpenGate(Frozen):
    """Raise a lane's arm for one car, whatever the lane thinks of it."""

    type: Literal["OpenGate"] = "OpenGate"
    lane_id: Id


class HoldGate(Frozen):
    """Raise a lane's arm and keep it up until ReleaseGate."""

    type: Literal["HoldGate"] = "HoldGate"
    lane_id: Id


class ReleaseGate(Frozen):
    """End a HoldGate: the arm comes down once nothing is under it."""

    type: Literal["ReleaseGate"] = "ReleaseGate"
    lane_id: Id


class StartCharging(Frozen):
    """Start a charge (OCPP 2.0.1 F01, F02) for a token, or for the car that is parked under a plate: one of them."""

    type: Literal["StartCharging"] = "StartCharging"
    station_id: StationId
    evse_id: EvseId
    id_token: IdToken | None = None
    plate: Plate | None = None

    @model_validator(mode="after")
    def _for_one(self) -> Self:
        if (self.id_token is None) == (self.plate is None):
            raise ValueError("give id_token or plate, one of them")
        return self


class StopCharging(Frozen):
    """End a running charge (F03)."""

    type: Literal["StopCharging"] = "StopCharging"
    station_id: StationId
    transaction_id: str = Field(min_length=1, max_length=36)


class UnlockConnector(Frozen):
    """Let go of a cable (F05)."""

    type: Literal["UnlockConnector"] = "UnlockConnector"
    station_id: StationId
    evse_id: EvseId
    connector_id: Annotated[int, Field(ge=1)] = 1


class ResetStation(Frozen):
    """Restart a station (B11, B12); ``when_idle``: once nobody charges there, else running charges are ended."""

    type: Literal["ResetStation"] = "ResetStation"
    station_id: StationId
    when_idle: bool = True


class ChangeAvailability(Frozen):
    """Take a station or one EVSE out of service, or back into it (G03, G04)."""

    type: Literal["ChangeAvailability"] = "ChangeAvailability"
    station_id: StationId
    operative: bool
    evse_id: EvseId | None = None


class SetLimit(Frozen):
    """A ceiling for one EVSE: 0 pauses what charges there, None lifts it."""

    type: Literal["SetLimit"] = "SetLimit"
    station_id: StationId
    evse_id: EvseId
    limit_w: Annotated[int, Field(ge=0, le=WATTS_MAX)] | None


class TrustCharger(Frozen):
    """End an EVSE's quarantine: what made it draw above its limits is mended."""

    type: Literal["TrustCharger"] = "TrustCharger"
    station_id: StationId
    evse_id: EvseId


class UpdateFirmware(Frozen):
    """Have a station fetch and install firmware (L01, L02). An answer means that it began, not that it is done."""

    type: Literal["UpdateFirmware"] = "UpdateFirmware"
    station_id: StationId
    location: Location
    signing_certificate: str = Field("", max_length=5_500)
    signature: str = Field("", max_length=800)


class CollectDiagnostics(Frozen):
    """Have a station upload its log to an address (N01). An answer means that it began, not that it is done."""

    type: Literal["CollectDiagnostics"] = "CollectDiagnostics"
    station_id: StationId
    location: Location


class CollectEdgeDiagnostics(Frozen):
    """Have the box itself gather what tells how it is into one file, without secrets, plates or tokens. Done: it is
    there; the result's details give its ``name``, ``bytes`` and ``sha256``."""

    type: Literal["CollectEdgeDiagnostics"] = "CollectEdgeDiagnostics"


LaneCommand = OpenGate | HoldGate | ReleaseGate
StationCommand = (
    StartCharging
    | StopCharging
    | UnlockConnector
    | ResetStation
    | ChangeAvailability
    | SetLimit
    | TrustCharger
    | UpdateFirmware
    | CollectDiagnostics
)
BoxCommand = CollectEdgeDiagnostics
Command = LaneCommand | StationCommand | BoxCommand
AnyCommand = Annotated[Command, Field(discriminator="type")]
_commands: TypeAdapter[Command] = TypeAdapter(AnyCommand)


def parse_command(body: dict[str, Any]) -> Command:
    """The command in a request. Raises pydantic.ValidationError for one that this version does not know."""
    return _commands.validate_python(body)


class Outcome(StrEnum):
    DONE = "DONE"
    """Done; a station's order: the station accepted it."""
    REFUSED = "REFUSED"
    """Not done: the facility's rules or the station said no; ``reason`` says why."""
    FAILED = "FAILED"
    """Not done: it surely never reached who should do it."""
    EXPIRED = "EXPIRED"
    """Not done: it came too late."""
    UNKNOWN = "UNKNOWN"
    """It may or may not have been done. Never repeated by itself."""


class Reason(StrEnum):
    """Our own reasons not to do it. A station's reasons are its own words."""

    NOT_CONFIGURED = "NOT_CONFIGURED"
    UNKNOWN_LANE = "UNKNOWN_LANE"
    NOT_HELD = "NOT_HELD"
    UNKNOWN_STATION = "UNKNOWN_STATION"
    UNKNOWN_EVSE = "UNKNOWN_EVSE"
    UNKNOWN_TRANSACTION = "UNKNOWN_TRANSACTION"
    NOT_IN_QUARANTINE = "NOT_IN_QUARANTINE"
    STATION_AWAY = "STATION_AWAY"
    EVSE_BUSY = "EVSE_BUSY"
    NOT_INSIDE = "NOT_INSIDE"
    UNKNOWN_BUNDLE = "UNKNOWN_BUNDLE"
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    TOO_LATE = "TOO_LATE"


TEXTS: dict[str, str] = {
    Reason.NOT_CONFIGURED: "the facility has no configuration yet",
    Reason.UNKNOWN_LANE: "the facility has no such lane",
    Reason.NOT_HELD: "the lane is not held open",
    Reason.UNKNOWN_STATION: "the facility has no such station",
    Reason.UNKNOWN_EVSE: "the station has no such EVSE",
    Reason.UNKNOWN_TRANSACTION: "no such charge is running at the station",
    Reason.NOT_IN_QUARANTINE: "the EVSE is in no quarantine",
    Reason.STATION_AWAY: "the station is not connected",
    Reason.EVSE_BUSY: "something is charging there already",
    Reason.NOT_INSIDE: "no car with this plate is parked here",
    Reason.UNKNOWN_BUNDLE: "the box has no such bundle; it keeps the newest few",
    Reason.UNKNOWN_COMMAND: "the facility's version does not know this command",
    Reason.TOO_LATE: "it came too late and was not done",
}
NOWHERE = frozenset(
    {
        Reason.UNKNOWN_LANE,
        Reason.UNKNOWN_STATION,
        Reason.UNKNOWN_EVSE,
        Reason.UNKNOWN_TRANSACTION,
        Reason.UNKNOWN_BUNDLE,
    }
)
"""The reasons that mean that what was named is not there."""


class CommandResult(Frozen):
    """What became of a command. ``reason`` is a Reason or the station's own words; ``details`` what it added."""

    command_id: Id
    outcome: Outcome
    reason: str = ""
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        return TEXTS.get(self.reason, self.reason)


class CommandRequest(Frozen):
    """From headquarters to one box, which is named by the log it writes. ``command`` is opaque here, so that a box of
    an older version can say that it does not know it. ``issued_at_ms`` is for people: no clock decides anything."""

    command_id: Id
    facility_id: Id
    log_id: str
    by: str
    command: dict[str, Any]
    issued_at_ms: int = 0
    challenge: str = ""


class CommandResponse(Frozen):
    """From a box to headquarters: a challenge to confirm, or what became of the command."""

    command_id: Id
    log_id: str
    challenge: str = ""
    result: CommandResult | None = None


BUNDLE_PATTERN = r"^diagnostics-[A-Za-z0-9_-]{1,100}\.zip$"
BundleName = Annotated[str, Field(pattern=BUNDLE_PATTERN)]
BUNDLE_BYTES_MAX = 8 * 1024 * 1024
PIECE_BYTES_MAX = 64 * 1024


class ReadDiagnostics(Frozen):
    """The piece of a bundle that begins at ``offset``. It changes nothing, so it stands in a CommandRequest but is no
    command: the box answers it at once, without a challenge, and nothing of it is booked."""

    type: Literal["ReadDiagnostics"]
    name: BundleName
    offset: int = Field(ge=0, le=BUNDLE_BYTES_MAX)


class BundlePiece(Frozen):
    """The details of the answer to a ReadDiagnostics."""

    bytes_total: int = Field(ge=0, le=BUNDLE_BYTES_MAX)
    data: Base64Bytes

    @classmethod
    def of(cls, bytes_total: int, data: bytes) -> Self:
        """The piece with these bytes."""
        return cls(bytes_total=bytes_total, data=b64encode(data))


def parse_reading(body: dict[str, Any]) -> ReadDiagnostics | None:
    """The reading in a request, None for anything else."""
    try:
        return ReadDiagnostics.model_validate(body)
    except ValidationError:
        return None
