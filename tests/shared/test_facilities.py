"""A facility is consistent or it is refused with what was wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.facilities import ConnectorType, Evse, Facility, Hours, Lane, LaneDirection, Space, Station


def facility(**changes: Any) -> Facility:
    values: dict[str, Any] = {
        "facility_id": "boston-downtown",
        "name": "Boston Downtown",
        "address": "1 State Street",
        "zone": "America/New_York",
        "latitude": 42.36,
        "longitude": -71.06,
        "spaces": (space("s-1"), space("s-2")),
        "lanes": (Lane(lane_id="in", direction=LaneDirection.ENTRY),),
        "stations": (station("cs-1", evse(1, "s-1")),),
    }
    return Facility(**{**values, **changes})


def space(space_id: str) -> Space:
    return Space(space_id=space_id, level="2", aisle="B", number="17")


def evse(evse_id: int, space_id: str) -> Evse:
    return Evse(evse_id=evse_id, space_id=space_id, connector=ConnectorType.CCS, rating_w=50_000, minimum_w=4_000)


def station(station_id: str, *evses: Evse) -> Station:
    return Station(station_id=station_id, level="LEVEL2", evses=evses, password_salt="", password_sha256="")


def test_a_facility_survives_being_written_and_read() -> None:
    assert Facility.model_validate_json(facility().model_dump_json()) == facility()


def test_a_field_of_a_newer_version_is_ignored() -> None:
    body = {**facility().model_dump(mode="json"), "swimming_pool": True}
    assert Facility.model_validate(body) == facility()


def test_a_facility_is_never_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        facility().name = "Boston Uptown"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"spaces": (space("s-1"), space("s-1"))}, "space ids must be unique, twice: s-1"),
        ({"lanes": 2 * (Lane(lane_id="in", direction=LaneDirection.ENTRY),)}, "lane ids must be unique, twice: in"),
        ({"stations": 2 * (station("cs-1", evse(1, "s-1")),)}, "station ids must be unique, twice: cs-1"),
        ({"stations": (station("cs-1", evse(1, "s-9")),)}, "cs-1 serves unknown spaces: s-9"),
        ({"zone": "America/Bostn"}, "'America/Bostn' is not an IANA time zone"),
        ({"zone": "../etc/passwd"}, "is not an IANA time zone"),
        ({"zone": ""}, "is not an IANA time zone"),
        ({"facility_id": "Boston Downtown"}, "facility_id"),
        ({"latitude": 91}, "latitude"),
    ],
)
def test_a_facility_that_contradicts_itself_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        facility(**changes)


def test_a_station_numbers_each_evse_once() -> None:
    with pytest.raises(ValidationError, match="cs-1: evse ids must be unique, twice: 1"):
        station("cs-1", evse(1, "s-1"), evse(1, "s-2"))


@pytest.mark.parametrize("hours", [{"opens": "24:00"}, {"opens": "9:00"}, {"closes": "12:60"}, {"days": (7,)}])
def test_hours_that_no_clock_or_week_shows_are_refused(hours: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hours(**hours)


def test_things_are_found_by_their_ids_or_not_at_all() -> None:
    here = facility()
    assert here.station("cs-1") is here.stations[0]
    assert here.lane("in") is here.lanes[0]
    assert here.station("cs-2") is None
    assert here.lane("out") is None


def test_a_driver_is_told_where_a_space_is() -> None:
    assert space("s-1").label == "Level 2, aisle B, 17"
