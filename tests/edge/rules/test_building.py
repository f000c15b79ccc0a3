"""The building beside the chargers: what its meter says, and what that leaves."""

from edge.rules.inputs import LoadMetered
from shared.events import BuildingLoadChanged, BuildingLoadExceeded
from shared.facilities import BuildingLoad
from tests.builders import facility
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import limits
from tests.edge.rules.test_power_sites import busy, over_w, with_power

BESIDE = BuildingLoad(grid_w=200_000, load_w_max=120_000, margin_w=10_000, silent_s=30)


def beside_a_building() -> Site:
    site = Site(with_power(facility(*[50_000] * 4, budget_w=150_000), building=BESIDE))
    busy(site, 4)
    return site


def metered(site: Site, *loads_w: int, every_s: int = 5) -> None:
    for load_w in loads_w:
        site.give(LoadMetered(load_w))
        site.wait(every_s)
        site.accept_limits()


def booked(site: Site) -> list[int | None]:
    return [e.load_w for e in site.of(BuildingLoadChanged)]


def test_a_load_that_wavers_is_booked_at_its_highest_and_moves_no_limits():
    site = beside_a_building()
    metered(site, 80_000, 83_000)
    before = booked(site)
    metered(site, *[80_500, 82_900, 79_000] * 10)
    assert before[-1] == 83_000
    assert booked(site) == before


def test_a_rise_counts_at_once_and_so_does_a_fall_that_is_worth_it():
    site = beside_a_building()
    metered(site, 80_000, 81_000, 82_500, 60_000)
    assert booked(site) == [80_000, 81_000, 83_000, 60_000]
    assert limits(site).keys() == {"cs-1", "cs-2", "cs-3", "cs-4"}


def test_a_small_fall_counts_when_it_has_lasted_and_then_to_the_highest_reading_meanwhile():
    site = beside_a_building()
    metered(site, 80_000)
    metered(site, *[76_000, 78_000, 77_000] * 4)
    assert booked(site) == [80_000]
    metered(site, 76_000)
    assert booked(site) == [80_000, 78_000]


def test_a_small_rise_lowers_limits_though_each_by_less_than_is_else_worth_a_message():
    site = beside_a_building()
    metered(site, *[70_000] * 20)
    for load_w in range(71_000, 86_000, 1_000):
        metered(site, load_w, load_w)
        assert sum(limits(site).values()) <= 190_000 - load_w
    assert over_w(site) == 0


def test_a_reading_above_the_most_is_believed_and_an_alarm_also_when_the_meter_then_falls_silent():
    site = beside_a_building()
    metered(site, *[100_000] * 4)
    metered(site, *[150_000] * 20)
    assert sum(limits(site).values()) <= 40_000
    metered(site, *[150_000, 151_000] * 4)
    [alarm] = site.of(BuildingLoadExceeded)
    assert (alarm.load_w, alarm.load_w_max) == (150_000, 120_000)
    site.wait(120)
    site.accept_limits()
    assert sum(limits(site).values()) <= 39_000, "it may draw that still"
    metered(site, *[60_000] * 20)
    assert sum(limits(site).values()) >= 0.98 * 130_000
    metered(site, 130_000)
    assert len(site.of(BuildingLoadExceeded)) == 2


def test_a_building_that_takes_all_there_is_leaves_nothing():
    site = beside_a_building()
    metered(site, *[250_000] * 20)
    assert set(limits(site).values()) == {0}
