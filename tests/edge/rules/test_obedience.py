"""Who is called disobedient, and who is not: the clocks of stations are off, answers come late, leases end."""

from edge.rules.inputs import CommandGiven, LimitSetpoint, LoadMetered, StationClosed, StationOpened
from edge.rules.view import view
from shared.commands import SetLimit, TrustCharger
from shared.events import LimitBreached, LimitObeyed, LimitRoundedUp
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


def told(site: Site, limit_w: int) -> None:
    """The first charger has this limit from now on."""
    capped = SetLimit(station_id="cs-1", evse_id=1, limit_w=limit_w)
    site.give(CommandGiven(f"cap-{len(site.events)}", capped, by="clerk", within_ms=1_000, until_real_ms=0))
    site.accept_limits()
    assert limits(site)["cs-1"] == limit_w


def test_limits_that_change_often_excuse_no_draw_above_all_of_them():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 60_000)
    lowered_ms = site.now_ms
    for limit_w in (50_000, 60_000, 40_000):
        site.wait(5)
        told(site, limit_w)
    meter(site, 1, 130_000)
    [breach] = site.of(LimitBreached)
    assert breach.drawn_w == 130_000
    assert site.event_times[site.events.index(breach)] - lowered_ms <= 30_000


def test_a_draw_at_a_limit_that_was_lowered_8_seconds_ago_is_no_breach_and_12_seconds_ago_it_is():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 60_000)
    site.wait(20)
    meter(site, 1, 60_000)
    told(site, 50_000)
    site.wait(4)
    told(site, 40_000)
    site.wait(4)
    meter(site, 2, 60_000)
    site.wait(4)
    assert site.of(LimitBreached) == []
    meter(site, 3, 60_000)
    assert len(site.of(LimitBreached)) == 1


def test_a_draw_that_no_limit_of_late_allowed_is_a_breach_though_a_lower_one_just_came():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 60_000)
    site.wait(20)
    told(site, 40_000)
    site.wait(1)
    meter(site, 1, 90_000)
    assert len(site.of(LimitBreached)) == 1


def test_what_a_charger_drew_before_its_first_lease_is_excused_by_its_fallback_until_it_had_time_to_follow():
    site = Site(two_chargers())
    lifted(site)
    site.wait(15)
    charge(site, 2)
    site.accept_limits()
    assert limits(site)["cs-2"] == 100_000
    site.wait(20)
    capped = SetLimit(station_id="cs-2", evse_id=1, limit_w=20_000)
    site.give(CommandGiven("cap", capped, by="clerk", within_ms=1_000, until_real_ms=0))
    site.accept_limits()
    site.wait(8)
    site.transaction("cs-2", "Updated", 1, power_w=100_000)
    assert site.of(LimitBreached) == []
    site.wait(4)
    site.transaction("cs-2", "Updated", 2, power_w=100_000)
    assert len(site.of(LimitBreached)) == 1


def whole_amperes(limit_w: int) -> int:
    return -(-limit_w // 720) * 720


def leased(site: Site) -> int:
    """What the first charger was last asked for, but for its fallback."""
    return [
        s.limit_w for s in site.setpoints if isinstance(s, LimitSetpoint) and s.station_id == "cs-1" and s.until_ms
    ][-1]


def test_a_charger_that_rounds_up_is_asked_for_less_instead_of_being_put_into_quarantine():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 8_100)
    for seq_no in range(1, 20):
        site.wait(15)
        meter(site, seq_no, whole_amperes(leased(site)))
        site.accept_limits()
    [rounded] = site.of(LimitRoundedUp)
    assert (rounded.limit_w, rounded.drawn_w, rounded.by_w) == (8_100, 8_640, 720)
    assert site.of(LimitBreached) == []
    assert leased(site) == 8_100 - 720
    assert whole_amperes(leased(site)) <= 8_100


def test_what_a_charger_that_rounds_up_was_told_before_is_counted_as_what_it_made_of_it():
    site = Site(facility(50_000, 50_000, budget_w=18_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    charge(site, 2)
    site.accept_limits()
    site.wait(60)
    meter(site, 1, 9_700)
    worst_w = [view(site.state, site.knowledge, site.now_ms).worst_case_w]  # type: ignore[union-attr]
    site.accept_limits()
    worst_w.append(view(site.state, site.knowledge, site.now_ms).worst_case_w)  # type: ignore[union-attr]
    assert worst_w == [18_720, 18_000]


def test_a_little_above_the_limit_is_rounding_only_when_several_readings_in_a_row_show_it():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 40_000)
    for seq_no, power_w in enumerate((40_600, 40_600, 40_000, 40_600, 40_600, 40_000), 1):
        site.wait(15)
        meter(site, seq_no, power_w)
    assert site.of(LimitRoundedUp) == []
    for seq_no in range(7, 10):
        site.wait(15)
        meter(site, seq_no, 40_600)
    assert len(site.of(LimitRoundedUp)) == 1


def test_who_is_asked_for_less_and_draws_more_all_the_same_is_disobedient():
    site = Site(two_chargers())
    lifted(site)
    site.wait(60)
    told(site, 8_100)
    for seq_no in range(1, 5):
        site.wait(15)
        meter(site, seq_no, 8_700)
        site.accept_limits()
    assert (len(site.of(LimitRoundedUp)), len(site.of(LimitBreached))) == (1, 1)


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


def test_readings_that_were_kept_while_the_station_was_away_call_nobody_disobedient():
    site = Site(two_chargers())
    site.connect("cs-1", "cs-2")
    charge(site, 1, at_ms=site.now_ms - 200_000, offline=True)
    charge(site, 2)
    site.accept_limits()
    site.wait(15)
    site.transaction("cs-1", "Updated", 1, power_w=150_000, at_ms=site.now_ms - 180_000, offline=True)
    site.wait(10)
    meter(site, 2, 150_000, ahead_ms=-100_000)
    site.wait(10)
    meter(site, 3, 150_000)
    assert site.of(LimitBreached) == [], "this came as promptly as messages do, for all that is known"
    site.wait(15)
    meter(site, 4, 150_000)
    assert len(site.of(LimitBreached)) == 1


def test_who_has_just_come_back_is_judged_by_readings_of_since():
    site = Site(two_chargers())
    lifted(site)
    charge(site, 2)
    site.accept_limits()
    site.wait(60)
    site.give(StationClosed("cs-1", "cut"))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.accept_limits()
    site.wait(8)
    meter(site, 1, 150_000)
    assert site.of(LimitBreached) == []
    site.wait(4)
    meter(site, 2, 150_000)
    assert len(site.of(LimitBreached)) == 1


def test_a_station_that_sends_what_had_to_wait_is_judged_when_it_has_caught_up():
    site = Site(two_chargers())
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    site.accept_limits()
    charge(site, 1, at_ms=site.now_ms - 60_000)
    site.accept_limits()
    told(site, 20_000)
    site.wait(40)
    for seq_no, late_ms in enumerate((45_000, 35_000, 22_000, 15_000), 1):
        meter(site, seq_no, 100_000, ahead_ms=-late_ms)
        site.wait(2)
    assert site.of(LimitBreached) == []
    site.wait(15)
    meter(site, 5, 100_000, ahead_ms=-15_000)
    assert len(site.of(LimitBreached)) == 1


def test_the_first_reading_of_a_transaction_may_have_waited_though_a_fast_clock_makes_it_seem_new():
    site = Site(two_chargers())
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    site.accept_limits()
    site.wait(60)
    charge(site, 1, at_ms=site.now_ms + 5_000)
    site.accept_limits()
    told(site, 20_000)
    site.wait(20)
    meter(site, 1, 100_000, ahead_ms=-10_000)
    assert site.of(LimitBreached) == []


def test_a_car_that_is_refused_may_draw_until_its_station_had_time_to_stop_it():
    site = Site(facility(40_000, 40_000, budget_w=50_000))
    site.connect("cs-2")
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    charge(site, 1)
    assert site.state.transactions["cs-1/tx"].session_id is None
    meter(site, 1, 40_000)
    site.wait(5)
    assert site.of(LimitBreached) == []
    site.wait(15)
    meter(site, 2, 40_000)
    site.wait(10)
    assert len(site.of(LimitBreached)) == 1


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


def test_no_fallback_is_installed_that_does_not_fit_beside_one_that_refuses_limits_when_the_building_draws_its_most():
    beside = BuildingLoad(grid_w=200_000, load_w_max=140_000, margin_w=10_000)
    site = Site(with_power(facility(40_000, 40_000, budget_w=150_000), building=beside))
    site.give(LoadMetered(10_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    charge(site, 1)
    assert site.state.transactions["cs-1/tx"].session_id is not None
    site.connect("cs-2")
    assert limits(site) == {"cs-1": 25_000}, "40 kW cannot be taken back, and with 25 kW more are not left of 50 kW"
    site.transaction("cs-1", "Ended", 1)
    site.accept_limits()
    assert site.state.promises["cs-2/1"].fallback_w == 25_000


def test_a_charger_that_refuses_limits_starts_only_if_its_rating_fits_when_the_building_draws_its_most():
    beside = BuildingLoad(grid_w=200_000, load_w_max=140_000, margin_w=10_000)
    site = Site(with_power(facility(60_000, 11_000, budget_w=150_000), building=beside))
    site.give(LoadMetered(10_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    site.connect("cs-2")
    charge(site, 1)
    assert site.state.transactions["cs-1/tx"].session_id is None, "60 kW cannot be taken back when 50 kW are left"
