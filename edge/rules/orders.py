"""What a charging station can be asked to do beside keeping a limit, in words that no OCPP version owns.

An order leaves as an ``OrderSetpoint`` and comes back as an ``OrderReplied`` (``edge/rules/inputs.py``). Each version
(``edge/ocpp/version.py``) says how to write an order as a call, or that it has no word for it: then the reply is
UNSUPPORTED and nothing was sent.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class StartCharging:
    """Remote start (OCPP 2.0.1 F01, F02). ``remote_start_id`` comes back with the transaction, but not in 1.6."""

    evse_id: int
    id_token: str
    remote_start_id: int


@dataclass(frozen=True, slots=True)
class StopCharging:
    """Remote stop (F03)."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """F05."""

    evse_id: int
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class ResetStation:
    """B11, B12. ``when_idle``: after running transactions; else they are ended. ``evse_id`` None: the whole station."""

    when_idle: bool = False
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """G03, G04. ``evse_id`` None: the whole station."""

    operative: bool
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateFirmware:
    """L01, L02. The statuses that follow carry ``request_id``."""

    request_id: int
    location: str
    retrieve_at_ms: int
    signing_certificate: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class CollectLog:
    """N01, N02: the station uploads its log to ``location``."""

    request_id: int
    location: str
    kind: Literal["DIAGNOSTICS", "SECURITY"] = "DIAGNOSTICS"


@dataclass(frozen=True, slots=True)
class ReserveEvse:
    """H01. ``evse_id`` None: any of the station's."""

    reservation_id: int
    id_token: str
    expires_ms: int
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class CancelReservation:
    """H02."""

    reservation_id: int


@dataclass(frozen=True, slots=True)
class AskTransaction:
    """E14, GetTransactionStatus: whether messages of a transaction are still to come. 1.6 cannot say. The answer's
    details are ``messagesInQueue`` and, where the station says so, ``ongoingIndicator``."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class AskMessage:
    """TriggerMessage (F06). ``message`` is OCPP 2.0.1's MessageTriggerEnumType; 1.6 maps what it has."""

    message: str
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class LocalToken:
    """One line of a station's local list. ``accepted`` False blocks the token while the link is down."""

    id_token: str
    expires_ms: int | None = None
    accepted: bool = True
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class SendLocalList:
    """D01. ``full``: replaces the list; else tokens are added or changed, and ``removed`` taken off."""

    version: int
    tokens: tuple[LocalToken, ...]
    full: bool = True
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearCache:
    """C11."""


Order = (
    StartCharging
    | StopCharging
    | UnlockConnector
    | ResetStation
    | ChangeAvailability
    | UpdateFirmware
    | CollectLog
    | ReserveEvse
    | CancelReservation
    | AskTransaction
    | AskMessage
    | SendLocalList
    | ClearCache
)
