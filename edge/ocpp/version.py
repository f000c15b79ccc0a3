"""What the connection to a station needs to know of the OCPP version it speaks. The rules know none of it.

A version is one literal ``Version`` value (``v201.VERSION``); the shell holds them by subprotocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.ocpp.notes import Change
from edge.ocpp.rpc import Answered, Payload, Refused
from edge.ocpp.signed_values import SignedValue
from edge.rules.inputs import NO_MATCHES, Answer, Input, LimitSetpoint, Matches, OrderOutcome
from edge.rules.orders import Order
from shared.facilities import ChargerLevel, PowerSettings, Station

Registration = Literal["Accepted", "Pending", "Rejected"]
Named = tuple[str, str]
"""A variable, and which characteristic of it ("": its value)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A station's call, valid by its schema. ``matches`` is what the store holds for its id token, ``registration``
    what a boot is to be answered (B01 to B03), ``signs`` whether a certificate request will be passed on."""

    station_id: str
    payload: Payload
    received_at_ms: int
    matches: Matches = NO_MATCHES
    registration: Registration = "Accepted"
    signs: bool = False


def no_notes(_asked: Request) -> tuple[Change, ...]:
    """For messages that say nothing that is to be read back."""
    return ()


@dataclass(frozen=True, slots=True)
class Handler:
    """What one action means: inputs for the rules, and, once those are durable, the answer to the station. ``notes``:
    what it says of the station for people to read back."""

    inputs: Callable[[Request], tuple[Input, ...]]
    answer: Callable[[Request, Answer | None], Payload]
    notes: Callable[[Request], tuple[Change, ...]] = no_notes


@dataclass(frozen=True, slots=True)
class CallBody:
    """A call to a station, but for its message id."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Listing:
    """A call with a list that may be too long for a station. ``asked`` is the list's field; ``items`` and ``octets``
    name the variables by which stations declare the most that they take at once ("": there is none)."""

    asked: str
    items: str
    octets: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The variables by which stations declare how long a local list may be (in one message and in all), and how many
    charging profiles they keep on how many stack levels."""

    list_items: str
    list_entries: Named
    stack_level: str
    profiles: Named
    list_octets: str = ""


@dataclass(frozen=True, slots=True)
class InWatts:
    """Limits are sent in W."""


@dataclass(frozen=True, slots=True)
class InAmps:
    """Limits are sent in A per phase, because the station takes nothing else."""

    voltage_v: int
    phases: int


LimitUnit = InWatts | InAmps


def configured_unit(station: Station) -> LimitUnit | None:
    """The unit of a station whose EVSEs are configured to take only one; None when it is to be asked."""
    units = {evse.limit_unit for evse in station.evses}
    if station.level is ChargerLevel.DCFC or units == {"W"}:
        return InWatts()
    if "A" not in units:
        return None
    return configured_amps(station)


def configured_amps(station: Station) -> InAmps:
    """Amperes over the lines that a station is fed by. With lines that are not known, or not alike, the most there may
    be counts, so that the amperes sent stay on the safe side."""
    most = 1 if station.level is ChargerLevel.LEVEL1 else 3
    # Two lines carry one current, between them; ``voltage_v`` is then the one between them.
    lines = [{0: most, 3: 3}.get(len(evse.phases) // 2, 1) for evse in station.evses]
    return InAmps(max(evse.voltage_v for evse in station.evses), max(lines))


@dataclass(frozen=True, slots=True)
class LimitOutcome:
    outcome: Literal["ACCEPTED", "REJECTED", "UNKNOWN", "UNSENT"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What a station's answer to an order means; see ``OrderReplied``."""

    outcome: OrderOutcome
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def limits_are_the_books(_station: Station, action: str, payload: Payload) -> str | None:
    """Why a message may not be sent by hand: a limit that the books do not know may not be set, nor one be cleared."""
    if action in ("SetChargingProfile", "ClearChargingProfile") or "chargingProfile" in payload:
        return f"{action} would change limits behind the back of the power books: set a limit by its own operation"
    return None


def no_bounds_question() -> CallBody | None:
    """For a version whose inventory tells all at once."""
    return None


@dataclass(frozen=True, slots=True)
class Version:
    """One OCPP version.

    ``token_of``: the id token that a request carries. ``unit_question``: the call that finds out in which unit a
    station takes limits, None when that is known; ``unit_from`` reads its answer.
    ``limit_call`` and ``limit_outcome``: a limit as a call, and what the answer to it means.
    ``order_call`` and ``order_result``: an order as a call (None: this version has no word for it, nothing is sent),
    and what the answer to it means.
    ``settings_calls``: what every station is told once per connection; it may refuse each.
    ``inventory_call``: asks for all that a station can report of itself, under a request id.
    ``password_call`` and ``password_outcome``: a new password as a call, and what the answer to it means.
    ``certificate_call``: hands over a signed certificate; ``certificate_wanted`` makes the station ask for one;
    ``signs``: whether a SignCertificate is for a purpose that is signed here.
    ``listings``: by action, which calls are cut to what a station takes at once; ``bounds`` names what else it declares
    of that, and ``bounds_question`` asks for it.
    ``signed_values``: what the meter signed, in a message that brings a signed register.
    ``told``: what a valid answer to a call says of the station, as notes to be read back.
    ``why_not_by_hand``: why a message that a person wants to send may not be; None when it may.
    """

    name: str
    subprotocol: str
    handlers: Mapping[str, Handler]
    token_of: Callable[[Payload], str | None]
    unit_question: Callable[[Station], CallBody | None]
    unit_from: Callable[[Station, Answered | Refused], LimitUnit]
    limit_call: Callable[[LimitSetpoint, LimitUnit], CallBody]
    limit_outcome: Callable[[Answered | Refused], LimitOutcome]
    order_call: Callable[[Order], CallBody | None]
    order_result: Callable[[Order, Answered | Refused], OrderResult]
    settings_calls: Callable[[Station, PowerSettings], tuple[CallBody, ...]]
    password_call: Callable[[str], CallBody]
    password_outcome: Callable[[Answered | Refused], LimitOutcome]
    certificate_call: Callable[[str], CallBody]
    certificate_wanted: CallBody
    signs: Callable[[Payload], bool]
    inventory_call: Callable[[int], CallBody]
    listings: Mapping[str, Listing]
    bounds: Bounds
    told: Callable[[CallBody, Payload], tuple[Change, ...]]
    signed_values: Callable[[Payload], tuple[SignedValue, ...]]
    bounds_question: Callable[[], CallBody | None] = no_bounds_question
    why_not_by_hand: Callable[[Station, str, Payload], str | None] = limits_are_the_books
