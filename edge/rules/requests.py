"""What people ask of the charging side on site: plain values, answered with a RequestReply."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetAsked:
    """Stop charging at an energy or a state of charge, whichever comes first; both None: go on until it is full.
    ``departure_ms``: when the car leaves, for the sharing of power."""

    station_id: str
    transaction_id: str
    by: str
    energy_wh: int | None = None
    soc_pct: int | None = None
    departure_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """Pause a transaction, or let it go on."""

    station_id: str
    transaction_id: str
    paused: bool
    by: str


@dataclass(frozen=True, slots=True)
class WaitAsked:
    """Put the car of a plate at the end of the line. ``connector`` empty: any charger will do."""

    plate: str
    connector: str
    by: str


@dataclass(frozen=True, slots=True)
class WaitCancelled:
    waiting_id: str


@dataclass(frozen=True, slots=True)
class ReservationAsked:
    """Keep an EVSE for a token, or for the car of a plate, until an instant."""

    station_id: str
    evse_id: int
    until_ms: int
    by: str
    id_token: str = ""
    plate: str = ""


@dataclass(frozen=True, slots=True)
class ReservationCancelled:
    reservation_id: str


ChargingRequest = TargetAsked | PauseAsked | WaitAsked | WaitCancelled | ReservationAsked | ReservationCancelled


@dataclass(frozen=True, slots=True)
class RequestReply:
    """``id`` names what was made of the request; ``problem`` says why nothing was. ``found`` False: what the request is
    about does not exist."""

    id: str = ""
    problem: str | None = None
    found: bool = True
