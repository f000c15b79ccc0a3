"""Hand-written 1.6 messages through the handlers, judged by the schemas on both sides."""

import json
from collections.abc import Callable
from typing import Any

from edge.ocpp.v16 import HANDLERS
from edge.ocpp.version import Request
from edge.rules.inputs import NO_MATCHES, Answer, Input, Matches
from edge.schemas import v16_dialect

NOON = 1_700_000_000_000
NOON_TEXT = "2023-11-14T22:13:20Z"
RECEIVED = NOON + 5_000


def request(action: str, payload: dict[str, Any], matches: Matches = NO_MATCHES) -> Request:
    problem = v16_dialect().requests[action](payload)
    assert problem is None, f"the test itself must send what the schema allows: {problem}"
    return Request("dc-1", payload, RECEIVED, matches)


def heard(action: str, matches: Matches = NO_MATCHES, **payload: Any) -> tuple[Input, ...]:
    return HANDLERS[action].inputs(request(action, payload, matches))


def answered(action: str, answer: Answer | None = None, **payload: Any) -> dict[str, Any]:
    reply = HANDLERS[action].answer(request(action, payload), answer)
    assert v16_dialect().responses[action](reply) is None
    told: dict[str, Any] = json.loads(json.dumps(reply))
    return told


def said(give: Callable[[Input], Answer | None], asked: Request, action: str, *, received_at_ms: int) -> dict[str, Any]:
    """One message through rules: its inputs are given in their order, the last answer is told the station."""
    asked = Request(asked.station_id, asked.payload, received_at_ms, asked.matches)
    answer: Answer | None = None
    for given in HANDLERS[action].inputs(asked):
        answer = give(given)
    reply = HANDLERS[action].answer(asked, answer)
    assert v16_dialect().responses[action](reply) is None
    return reply


def sampled(value: str, **more: str) -> dict[str, Any]:
    return {"value": value, **more}


def meter(*values: dict[str, Any], timestamp: str = NOON_TEXT) -> dict[str, Any]:
    return {"timestamp": timestamp, "sampledValue": list(values)}
