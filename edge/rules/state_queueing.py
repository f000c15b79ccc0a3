"""What is booked of those who wait for a charger, of EVSEs kept for someone, of whom a station may let charge by
itself, and of those who were not let charge."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Waiting:
    """A place in the line for a charger. ``connector`` empty: any that fits."""

    waiting_id: str
    plate: str
    connector: str
    joined_ms: int


@dataclass(slots=True)
class Reservation:
    """An EVSE kept until an instant for a token, or for the car of ``plate``. ``number`` is the station's name for it,
    ``waiting_id`` whose turn in the line it is. ``told``: its station may hold it too; ``due``: it is to be told, as
    soon as it is there."""

    reservation_id: str
    number: int
    station_id: str
    evse_id: int
    id_token: str
    plate: str
    until_ms: int
    waiting_id: str = ""
    told: bool = False
    due: bool = True


@dataclass(slots=True)
class Refused:
    """Someone was not let charge; see ``ChargingRefused``."""

    at_ms: int
    station_id: str
    evse_id: int | None
    id_token: str
    status: str
    reason: str


@dataclass(slots=True)
class Withdrawal:
    """A reservation that was cancelled and that its station may still hold, to its time at the latest. ``due``: it is
    to be told, as soon as it is there; ``order_id`` is what it was last told by."""

    station_id: str
    number: int
    until_ms: int
    order_id: str = ""
    due: bool = True


@dataclass(slots=True)
class LocalListState:
    """The local list of a station: what was last sent (``in_flight`` is that order until it is answered) and, when
    ``known``, what the station holds, group by token. ``refused``: it keeps no list. ``in_step_with`` is sensed: the
    ``tokens_version`` that it was last compared with. ``per_message`` and ``in_all``: the most tokens that the station
    says it takes; None: it does not say."""

    version: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    sent_ms: int = 0
    in_flight: str = ""
    known: bool = False
    refused: bool = False
    in_step_with: int = -1
    per_message: int | None = None
    in_all: int | None = None
