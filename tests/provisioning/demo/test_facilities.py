"""The two facilities of the launch are as they were ordered."""

import hashlib
from collections import Counter
from itertools import count

import pytest

from provisioning.demo.facilities import SITES, Site, station_ids, with_new_passwords
from shared.facilities import ChargerLevel, Facility, LaneDirection, Size, SpaceKind


@pytest.fixture(params=SITES, ids=lambda site: site.facility_id)
def facility(request: pytest.FixtureRequest) -> Facility:
    site: Site = request.param
    numbers = count()
    return with_new_passwords(site, lambda: f"drawn-{next(numbers)}")[0]


def test_it_has_200_regular_and_24_ev_spaces(facility: Facility) -> None:
    assert Counter(space.kind for space in facility.spaces) == {SpaceKind.REGULAR: 200, SpaceKind.EV: 24}


def test_its_regular_spaces_are_of_all_sizes(facility: Facility) -> None:
    sizes = Counter(space.size for space in facility.spaces if space.kind is SpaceKind.REGULAR)
    assert sizes == {Size.COMPACT: 40, Size.STANDARD: 144, Size.LARGE: 16}


def test_it_has_two_lanes_in_and_two_out(facility: Facility) -> None:
    assert Counter(lane.direction for lane in facility.lanes) == {LaneDirection.ENTRY: 2, LaneDirection.EXIT: 2}


def test_every_ev_space_has_its_own_charger(facility: Facility) -> None:
    charged = [evse.space_id for station in facility.stations for evse in station.evses]
    assert sorted(charged) == sorted(space.space_id for space in facility.spaces if space.kind is SpaceKind.EV)
    assert Counter(station.level for station in facility.stations) == {ChargerLevel.LEVEL2: 20, ChargerLevel.DCFC: 4}


def test_all_chargers_together_could_draw_twice_the_budget(facility: Facility) -> None:
    """So the budget is what keeps the site's promise, not the size of its chargers."""
    rated_w = sum(evse.rating_w for station in facility.stations for evse in station.evses)
    assert (rated_w, facility.power.budget_w) == (820_000, 400_000)


def test_the_least_that_all_chargers_need_fits_the_budget(facility: Facility) -> None:
    evses = [evse for station in facility.stations for evse in station.evses]
    assert sum(evse.minimum_w for evse in evses) <= facility.power.budget_w
    assert all(0 < evse.minimum_w < evse.rating_w for evse in evses)


def test_each_station_has_a_password_of_its_own_and_is_known_by_its_hash() -> None:
    numbers = count()
    facility, passwords = with_new_passwords(SITES[0], lambda: f"drawn-{next(numbers)}")
    assert set(passwords) == set(station_ids()) == {station.station_id for station in facility.stations}
    assert len(set(passwords.values())) == len(passwords)
    for station in facility.stations:
        salted = station.password_salt + passwords[station.station_id]
        assert station.password_sha256 == hashlib.sha256(salted.encode()).hexdigest()


def test_facilities_are_told_apart_and_are_where_they_are() -> None:
    assert len({site.facility_id for site in SITES}) == len(SITES) == 2
    assert [(round(site.latitude), round(site.longitude)) for site in SITES] == [(42, -71), (40, -75)]
