"""What every connection to a station needs of the daemon around it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from edge.ocpp.rpc import Payload
from edge.rules.inputs import Answer, Input, Knowledge, Matches
from edge.station_book import StationBook
from shared.clock import Clock

Journal = Callable[[str, Literal["in", "out"], str], None]
"""Told of every frame as it is on the wire: station, direction, text."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``sign`` passes a station's SignCertificate on to who signs it; None: nobody does, and the station is told so."""

    submit: Callable[[Input], Awaitable[Answer | None]]
    knowledge: Callable[[], Knowledge]
    clock: Clock
    matches_for_token: Callable[[str], Awaitable[Matches]]
    book: StationBook
    journal: Journal | None = None
    call_timeout_real_s: float = 30.0
    sign: Callable[[str, Payload], None] | None = None
