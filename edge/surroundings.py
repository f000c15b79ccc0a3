"""What every connection to a station needs of the daemon around it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from edge.ocpp.rpc import Payload
from edge.rules.inputs import Answer, Input, Knowledge, Matches
from edge.station_book import StationBook
from edge.station_guard import Guard
from shared.clock import Clock

Journal = Callable[[str, Literal["in", "out"], str], None]
"""Told of every frame as it is on the wire: station, direction, text."""


class Signer(Protocol):
    """Who signs the certificates of stations."""

    def problem(self, station_id: str, payload: Payload) -> str | None:
        """Why a SignCertificate will not lead to a certificate; None when it will."""

    def sign(self, station_id: str, payload: Payload) -> None:
        """Sign later, and send the certificate to the station."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``signer`` None: nobody signs, and stations are told so. ``guard`` remembers who breaks the protocol. ``untimed``
    says whether a station must be told the time, because our clock was moved; ``meter_keys`` by which keys its meters
    were seen to sign."""

    submit: Callable[[Input], Awaitable[Answer | None]]
    knowledge: Callable[[], Knowledge]
    clock: Clock
    matches_for_token: Callable[[str], Awaitable[Matches]]
    book: StationBook
    guard: Guard
    journal: Journal | None = None
    call_timeout_real_s: float = 30.0
    signer: Signer | None = None
    untimed: Callable[[str], bool] = lambda _station_id: False
    meter_keys: Callable[[str], tuple[str, ...]] = lambda _station_id: ()
