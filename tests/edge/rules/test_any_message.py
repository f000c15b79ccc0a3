"""No message that the schema of OCPP 2.0.1 allows makes the rules raise: that would end the daemon, and the lanes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ocpp.v201 import HANDLERS
from edge.ocpp.version import Request
from edge.rules import facility
from edge.rules.inputs import Knowledge, StationOpened
from edge.station_book import StationBook
from tests.edge.ocpp.samples import arbitrary, schema
from tests.edge.stations_kit import facility as site

pytestmark = pytest.mark.anyio
NOW_MS = 1_700_000_000_000
KNOWN = Knowledge(facility=site("dc-1", "ac-1"))


def near(part: Any) -> Any:
    """A payload whose EVSEs and transactions are often those that exist."""
    if isinstance(part, dict):
        return {name: _nearer(name, near(value)) for name, value in part.items()}
    return [near(value) for value in part] if isinstance(part, list) else part


def _nearer(name: str, value: Any) -> Any:
    if name in ("evseId", "connectorId", "id") and isinstance(value, int):
        return value % 3
    return f"tx-{len(value) % 2}" if name == "transactionId" else value


@pytest.mark.parametrize("action", sorted(HANDLERS))
def test_any_conversation_of_one_kind_of_message_is_taken(action: str) -> None:
    root = schema(f"{action}Request")

    @settings(max_examples=25, deadline=None)
    @given(st.lists(arbitrary(root, root), min_size=1, max_size=4), st.booleans())
    def check(payloads: list[dict[str, Any]], nearby: bool) -> None:
        state = facility.new_state("log-1")
        facility.advance(state, KNOWN, StationOpened("dc-1", "2.0.1"), NOW_MS)
        for number, payload in enumerate(payloads):
            told = near(payload) if nearby else payload
            for given_input in HANDLERS[action].inputs(Request("dc-1", told, NOW_MS)):
                facility.advance(state, KNOWN, given_input, NOW_MS + 1_000 * number)

    check()


@pytest.mark.parametrize("action", sorted(HANDLERS))
async def test_any_message_can_be_noted(action: str) -> None:
    root = schema(f"{action}Request")
    found: list[dict[str, Any]] = []

    @settings(max_examples=10, deadline=None)
    @given(arbitrary(root, root))
    def gather(payload: dict[str, Any]) -> None:
        found.append(payload)

    gather()
    book = StationBook()
    for payload in found:
        await book.keep("dc-1", HANDLERS[action].notes(Request("dc-1", payload, NOW_MS)), NOW_MS)
    book.close()
