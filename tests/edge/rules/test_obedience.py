"""Who is called disobedient, and who is not: the clocks of stations are off, answers come late, leases end."""

from edge.rules.inputs import CommandGiven, LimitSetpoint, LoadMetered, StationOpened
from shared.commands import TrustCharger
from shared.events import LimitBreached, LimitObeyed
from shared.facilities import BuildingLoad, Facility
from tests.builders import facility
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import charge, limits
from tests.edge.rules.test_power_sites import with_power

DRIFT_MS = 30_000


def lifted(site: Site, *, ahead_ms: int = 0) -> None:
    """A car at the first of two chargers has 150 kW, above its fallback of 100 kW."""
    site.connect("cs-1", "cs-2")
    charge(site, 1, at_ms=site.now_ms + ahead_ms)
    site.accept_limits()
    assert limits(site)["cs-1"] == 150_000


def two_chargers() -> Facility:
    return facility(150_000, 150_000, budget_w=200_000)


def meter(site: Site, seq_no: int, power_w: int, *, ahead_ms: int = 0) -> None:
    site.transaction("cs-1", "Updated", seq_no, power_w=power_w, at_ms=site.now_ms + ahead_ms)


def test_a_lease_has_begun_by_the_slowest_clock_that_a_station_may_have():
    site = Site(two_chargers())
    lifted(site)
    leases = [s for s in site.setpoints if isinstance(s, LimitSetpoint) and s.until_ms is not None]
    assert leases
    assert all(lease.from_ms <= site.now_ms - DRIFT_MS for lease in leases)


def test_a_reading_from_before_a_limit_is_no_breach_of_it_though_the_station_s_clock_is_ahead():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    meter(site, 1, 150_000, ahead_ms=DRIFT_MS)
    charge(site, 2)
    site.accept_limits()
    assert limits(site)["cs-1"] == 100_000
    site.wait(9)
    assert site.of(LimitBreached) == []


def test_a_disobedient_station_is_flagged_at_once_though_its_clock_is_behind():
    site = Site(two_chargers())
    lifted(site, ahead_ms=-DRIFT_MS)
    site.wait(60)
    charge(site, 2)
    site.accept_limits()
    site.wait(15)
    meter(site, 1, 150_000, ahead_ms=-DRIFT_MS)
    assert len(site.of(LimitBreached)) == 1


def test_a_reading_that_waited_for_its_connection_is_no_breach_of_limits_from_after_it():
    site = Site(two_chargers())
    lifted(site)
    charge(site, 2)
    site.accept_limits()
    site.wait(15)
    meter(site, 1, 150_000, ahead_ms=-20_000)
    assert site.of(LimitBreached) == []


def test_a_limit_is_to_be_obeyed_from_when_it_was_accepted_not_from_when_it_was_sent():
    site = Site(two_chargers())
    lifted(site)
    charge(site, 2)
    [lowering] = site.unanswered()
    site.wait(20)
    meter(site, 1, 150_000)
    site.reply(lowering, "ACCEPTED")
    site.wait(5)
    assert site.of(LimitBreached) == []


def test_a_limit_that_nobody_answered_may_be_in_force_so_keeping_it_is_no_breach():
    site = Site(two_chargers())
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    for _ in range(2):
        for limit in site.unanswered():
            site.reply(limit, "UNKNOWN" if limit.limit_w == 150_000 else "ACCEPTED")
    site.wait(20)
    meter(site, 1, 150_000)
    assert site.of(LimitBreached) == []


def test_a_reading_of_a_lift_that_has_ended_meanwhile_is_no_breach():
    site = Site(two_chargers())
    lifted(site)
    site.wait(290)
    meter(site, 1, 150_000)
    site.wait(60)
    assert site.of(LimitBreached) == []


def test_what_a_lift_let_a_car_draw_is_not_counted_beyond_its_end():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    meter(site, 1, 150_000)
    charge(site, 2)
    site.accept_limits()
    assert limits(site) == {"cs-1": 100_000, "cs-2": 100_000}


def test_a_quarantine_that_a_person_ended_begins_again_only_with_a_new_reading():
    site = Site(two_chargers())
    lifted(site)
    charge(site, 2)
    site.accept_limits()
    site.wait(15)
    meter(site, 1, 150_000)
    mended = TrustCharger(station_id="cs-1", evse_id=1)
    site.give(CommandGiven("c1", mended, by="clerk", within_ms=1_000, until_real_ms=0))
    site.wait(60)
    site.accept_limits()
    assert (len(site.of(LimitBreached)), len(site.of(LimitObeyed))) == (1, 1)
    meter(site, 2, 150_000)
    assert len(site.of(LimitBreached)) == 2


def test_a_charger_that_refuses_limits_starts_only_if_its_rating_fits_when_the_building_draws_its_most():
    beside = BuildingLoad(grid_w=200_000, load_w_max=140_000, margin_w=10_000)
    site = Site(with_power(facility(60_000, 11_000, budget_w=150_000), building=beside))
    site.give(LoadMetered(10_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    site.connect("cs-2")
    charge(site, 1)
    assert site.state.transactions["cs-1/tx"].session_id is None, "60 kW cannot be taken back when 50 kW are left"
