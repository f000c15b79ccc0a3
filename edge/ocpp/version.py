"""What the connection to a station needs to know of the OCPP version it speaks. The rules know none of it.

A version is one literal ``Version`` value (``v201.VERSION``); the shell holds them by subprotocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.ocpp.rpc import Answered, Payload, Refused
from edge.rules.inputs import NO_MATCHES, Answer, Input, LimitSetpoint, Matches, OrderOutcome
from edge.rules.orders import Order
from shared.facilities import PowerSettings, Station


@dataclass(frozen=True, slots=True)
class Request:
    """A station's call, valid by its schema. ``matches`` is what the store holds for its id token."""

    station_id: str
    payload: Payload
    received_at_ms: int
    matches: Matches = NO_MATCHES


@dataclass(frozen=True, slots=True)
class Handler:
    """What one action means: inputs for the rules, and, once those are durable, the answer to the station."""

    inputs: Callable[[Request], tuple[Input, ...]]
    answer: Callable[[Request, Answer | None], Payload]


@dataclass(frozen=True, slots=True)
class CallBody:
    """A call to a station, but for its message id."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class InWatts:
    """Limits are sent in W."""


@dataclass(frozen=True, slots=True)
class InAmps:
    """Limits are sent in A per phase, because the station takes nothing else."""

    voltage_v: int
    phases: int


LimitUnit = InWatts | InAmps


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


@dataclass(frozen=True, slots=True)
class Version:
    """One OCPP version.

    ``token_of``: the id token that a request carries. ``unit_question``: the call that finds out in which unit a
    station takes limits, None when that is known; ``unit_from`` reads its answer.
    ``limit_call`` and ``limit_outcome``: a limit as a call, and what the answer to it means.
    ``order_call`` and ``order_result``: an order as a call (None: this version has no word for it, nothing is sent),
    and what the answer to it means.
    ``settings_calls``: what every station is told once per connection; it may refuse each.
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
