"""Payloads that an earlier version sent, kept as they were: a newer one reads them for ever.

Never record them anew. When the form of a message grows, put a payload of the new form beside these.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cloud.link.rules import check_without_gaps, read, to_line
from edge.rules import facility as rules
from shared.decisions import Decision
from shared.events import KNOWN_TYPES, Entry, parse_event
from shared.sync import Ack, Batch
from shared.wire import Presence, decode

RECORDED = Path(__file__).parent / "recorded"
LOG = "boston-downtown-4f0c21aa"


def payload(name: str) -> bytes:
    return (RECORDED / f"{name}.zlib").read_bytes()


def as_json(name: str) -> dict[str, Any]:
    """What stands in a payload, read without any code of ours."""
    told: dict[str, Any] = json.loads(zlib.decompress(payload(name)))
    return told


def changed(name: str, **fields: object) -> bytes:
    return zlib.compress(json.dumps({**as_json(name), **fields}).encode())


def test_a_batch_of_an_older_edge_is_read_to_its_last_field() -> None:
    told, batch = as_json("events"), decode(Batch, payload("events"))
    assert (batch.log_id, batch.after, batch.upto, batch.head) == (LOG, 2_600, 3_100, 8_000)
    assert [e._asdict() for e in batch.entries] == told["entries"]
    check_without_gaps(batch)


def test_every_event_of_an_older_edge_means_something_here() -> None:
    lines = [to_line(e, 0) for e in decode(Batch, payload("events")).entries]
    told, refused = read(lines, KNOWN_TYPES)
    assert (len(told), refused) == (500, [])
    assert len({t.type for t in told}) == 12


def test_the_log_of_an_older_edge_folds_into_a_state() -> None:
    """Its first entries are not there, so what they opened is not known; that must not matter."""
    state = rules.new_state(LOG)
    state.head = 2_600
    for line in (to_line(e, 0) for e in decode(Batch, payload("events")).entries):
        if line.type in ("VehicleEntered", "EntryGranted", "TransactionStarted"):
            rules.apply(state, Entry(seq=state.head + 1, at_ms=line.at_ms, type=line.type, body=line.body))
    assert state.sessions


def test_an_event_of_an_unknown_type_passes_through_whole_and_means_nothing_yet() -> None:
    body = {"at_ms": 5, "type": "DroneLanded", "body": {"pad": "roof", "rotors": [1, {"rpm": 2.5}]}}
    newer = changed("events", entries=[{"position": 1, "body": body}], after=0, upto=1)
    line = to_line(decode(Batch, newer).entries[0], 0)
    assert line == (1, 5, "DroneLanded", {"pad": "roof", "rotors": [1, {"rpm": 2.5}]})
    assert parse_event(Entry(**line._asdict())) is None


@pytest.mark.parametrize("where", ["batch", "entry", "entry's body", "event"])
def test_an_unknown_field_of_a_newer_edge_is_passed_over(where: str) -> None:
    told = as_json("events")
    place = {
        "batch": told,
        "entry": told["entries"][0],
        "entry's body": told["entries"][0]["body"],
        "event": told["entries"][0]["body"]["body"],
    }[where]
    place["since_version_9"] = {"a": [1]}
    batch = decode(Batch, zlib.compress(json.dumps(told).encode()))
    events, refused = read([to_line(e, 0) for e in batch.entries], KNOWN_TYPES)
    before, _ = read([to_line(e, 0) for e in decode(Batch, payload("events")).entries], KNOWN_TYPES)
    assert (events, refused) == (before, [])


def test_decisions_of_an_older_cloud_are_read() -> None:
    batch = decode(Batch, payload("decisions"))
    decisions = [TypeAdapter[Decision](Decision).validate_python(e.body) for e in batch.entries]
    assert [d.type for d in decisions] == [
        "FacilityConfigured",
        "TariffPublished",
        "TariffPublished",
        "RightAssigned",
        "PlateBlocked",
    ]


def test_an_ack_and_a_presence_of_an_older_version_are_read() -> None:
    assert decode(Ack, payload("ack")) == Ack(log_id=LOG, upto=1_500)
    presence = decode(Presence, payload("presence"))
    assert (presence.facility_id, presence.online, presence.log_id, presence.head) == (
        "boston-downtown",
        True,
        LOG,
        8_000,
    )
