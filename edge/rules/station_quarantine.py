"""Stations that break the protocol are kept out for a while, longer each time; a person may end it."""

from edge.rules.quarantine_requests import Misbehaved, ReleaseAsked
from edge.rules.state import FacilityState
from edge.rules.turn import Turn
from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS
from shared.events import StationQuarantined, StationReleased

FIRST_MS = 5 * MINUTE_MS
LONGEST_MS = 4 * HOUR_MS
FORGIVEN_AFTER_MS = DAY_MS
"""A station that kept the peace for so long begins with the shortest quarantine again."""


def until(state: FacilityState, station_id: str, now_ms: int) -> int | None:
    """When the quarantine of a station ends; None when it is in none."""
    station = state.stations.get(station_id)
    if station is None or station.quarantined_until_ms <= now_ms:
        return None
    return station.quarantined_until_ms


def misbehaved(turn: Turn, given: Misbehaved) -> None:
    """Book a quarantine, twice as long as the one before it within a day."""
    station = turn.state.station(given.station_id)
    if until(turn.state, given.station_id, turn.now_ms) is not None:
        return
    again = turn.now_ms - station.quarantined_until_ms < FORGIVEN_AFTER_MS
    length_ms = min(LONGEST_MS, max(FIRST_MS, station.quarantine_ms * 2)) if again else FIRST_MS
    turn.record(StationQuarantined(station_id=given.station_id, reason=given.reason, until_ms=turn.now_ms + length_ms))


def release(turn: Turn, given: ReleaseAsked) -> None:
    """Book that a person ended a quarantine, if there is one."""
    if until(turn.state, given.station_id, turn.now_ms) is not None:
        turn.record(StationReleased(station_id=given.station_id, released_by=given.asked_by))
