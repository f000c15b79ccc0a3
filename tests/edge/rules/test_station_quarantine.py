"""Stations that break the protocol are kept out, longer each time; a person may end it."""

from edge.rules import facility
from edge.rules.inputs import Knowledge
from edge.rules.quarantine_requests import Misbehaved, ReleaseAsked
from edge.rules.state import FacilityState
from edge.rules.station_quarantine import FIRST_MS, FORGIVEN_AFTER_MS, LONGEST_MS, until
from tests.edge.stations_kit import facility as site

NOW_MS = 1_700_000_000_000
KNOWN = Knowledge(facility=site("dc-1"))


def misbehave(state: FacilityState, now_ms: int) -> int | None:
    """How long the station is kept out."""
    facility.advance(state, KNOWN, Misbehaved("dc-1", "garbage"), now_ms)
    found = until(state, "dc-1", now_ms)
    return None if found is None else found - now_ms


def test_a_quarantine_ends_by_itself() -> None:
    state = facility.new_state("log-1")
    assert until(state, "dc-1", NOW_MS) is None
    assert misbehave(state, NOW_MS) == FIRST_MS
    assert state.stations["dc-1"].quarantine_reason == "garbage"
    assert until(state, "dc-1", NOW_MS + FIRST_MS) is None
    assert until(state, "dc-2", NOW_MS) is None


def test_each_is_twice_as_long_as_the_last_and_a_day_of_peace_begins_anew() -> None:
    state, now_ms = facility.new_state("log-1"), NOW_MS
    lengths = []
    for _ in range(8):
        length = misbehave(state, now_ms) or 0
        lengths.append(length)
        now_ms += length
    assert lengths[:3] == [FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS]
    assert lengths[-1] == LONGEST_MS
    assert misbehave(state, now_ms + FORGIVEN_AFTER_MS) == FIRST_MS


def test_what_it_does_meanwhile_makes_it_no_longer() -> None:
    state = facility.new_state("log-1")
    misbehave(state, NOW_MS)
    assert misbehave(state, NOW_MS + 1_000) == FIRST_MS - 1_000


def test_a_person_ends_it_and_is_on_record() -> None:
    state = facility.new_state("log-1")
    misbehave(state, NOW_MS)
    booked = facility.advance(state, KNOWN, ReleaseAsked("dc-1", "mara"), NOW_MS + 1).entries
    assert [(e.type, e.body["released_by"]) for e in booked if e.type == "StationReleased"] == [
        ("StationReleased", "mara")
    ]
    assert until(state, "dc-1", NOW_MS + 1) is None
    again = facility.advance(state, KNOWN, ReleaseAsked("dc-1", "mara"), NOW_MS + 2).entries
    assert "StationReleased" not in [e.type for e in again]
