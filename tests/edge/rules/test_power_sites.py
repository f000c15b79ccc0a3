"""The power rule at sites that are not plain: lines, peaks, a building beside, stations with manners of their own."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from edge.rules import stirring
from edge.rules.books import Books, sites
from edge.rules.budget import Budget
from edge.rules.inputs import (
    BootReported,
    CommandGiven,
    CommandSettled,
    LimitSetpoint,
    LoadMetered,
    StationClosed,
    StationOpened,
)
from edge.rules.state_power import Lease
from edge.rules.turn import Turn
from provisioning.audit.power_book import PowerBook
from shared.commands import Outcome, TrustCharger
from shared.events import (
    BuildingLoadChanged,
    EvseCapped,
    LimitBreached,
    LimitObeyed,
    LimitSent,
    NeedsKnown,
    SitePowerSampled,
)
from shared.facilities import BuildingLoad, Facility, PeakWindow, PowerSettings
from tests.builders import NINE_MS, facility
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import Electrics, charge, limits


def with_power(base: Facility, **changes: object) -> Facility:
    return base.model_copy(update={"power": PowerSettings(**{"budget_w": base.power.budget_w, **changes})})


def with_evses(base: Facility, *changes: dict[str, object]) -> Facility:
    stations = tuple(
        s.model_copy(update={"evses": (s.evses[0].model_copy(update=change),)})
        for s, change in zip(base.stations, changes, strict=True)
    )
    return base.model_copy(update={"stations": stations})


def over_w(site: Site) -> int:
    """By how much, by the auditor's book, the worst case was ever above what was allowed, on any line."""
    book = PowerBook(site.facility)
    for event, at_ms in zip(site.events, site.event_times, strict=True):
        book.take(event, at_ms)
    book.take(SitePowerSampled(drawn_w=0, worst_case_w=0, budget_w=0), site.now_ms + 1_800_000)
    return book.over_w_max


def busy(site: Site, cars: int) -> None:
    site.connect(*[f"cs-{n}" for n in range(1, cars + 1)])
    for number in range(1, cars + 1):
        charge(site, number)
        site.accept_limits()


def book(site: Site, event: EvseCapped | NeedsKnown) -> None:
    """Book what another rule would, and let the power rule look."""
    turn = Turn(site.state, site.knowledge, site.now_ms)
    turn.record(event)
    turn.state.rest_ms = 0
    stirring.put_off(turn)
    site.wait(11)
    site.accept_limits()


def test_a_fallback_that_nobody_answered_is_sent_again_until_it_is_confirmed():
    site = Site(facility(22_000, budget_w=100_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    for _ in range(3):
        [fallback] = site.unanswered()
        assert fallback.until_ms is None
        site.reply(fallback, "UNKNOWN")
        site.wait(35)
    site.accept_limits()
    assert site.state.promise("cs-1", 1).fallback_w == 22_000
    site.give(BootReported("cs-1", "Acme", "S1", "1.0", "PowerUp"))
    [again] = site.unanswered()
    site.reply(again, "UNKNOWN")
    site.wait(35)
    assert [x.until_ms for x in site.unanswered()] == [None], "it may have lost it, and nobody knows"
    assert over_w(site) == 0


def test_a_budget_that_is_wanted_is_used_to_98_percent_and_more():
    site = Site(facility(*[22_000] * 20, regular=0, budget_w=200_000))
    busy(site, 20)
    assert sum(limits(site).values()) >= 196_000


def test_what_is_too_little_for_each_of_many_cars_to_be_worth_a_message_is_not_left_lying_together():
    site = Site(facility(*[22_000] * 20, regular=0, budget_w=200_000))
    busy(site, 20)
    site.transaction("cs-20", "Ended", 1)
    site.accept_limits()
    site.wait(11)
    site.accept_limits()
    assert sum(w for name, w in limits(site).items() if name != "cs-20") >= 198_000


def test_single_phase_cars_on_one_line_get_a_third_of_the_budget_and_the_other_lines_stay_free():
    site = Site(with_evses(facility(*[7_000] * 6, budget_w=60_000), *[{"phases": "L1"}] * 4, *[{"phases": "L2"}] * 2))
    busy(site, 6)
    on_l1 = [limits(site)[f"cs-{n}"] for n in (1, 2, 3, 4)]
    assert 19_600 <= sum(on_l1) <= 20_000
    assert limits(site)["cs-5"] == limits(site)["cs-6"] == 7_000
    assert over_w(site) == 0


def test_cars_between_two_lines_use_nearly_the_whole_budget_when_they_are_spread_evenly():
    pairs = [{"phases": pair} for pair in ("L1L2", "L2L3", "L3L1")] * 4
    site = Site(with_evses(facility(*[7_000] * 12, regular=0, budget_w=60_000), *pairs))
    busy(site, 12)
    assert sum(limits(site).values()) >= 0.98 * 60_000
    assert over_w(site) == 0


def test_an_evse_of_unknown_phases_counts_on_every_line_of_a_site_that_knows_them():
    site = Site(with_evses(facility(*[20_000] * 2, budget_w=60_000), {"phases": "L2"}, {}))
    busy(site, 2)
    assert limits(site)["cs-1"] + limits(site)["cs-2"] <= 20_000
    assert over_w(site) == 0


def test_in_watts_a_three_phase_outlet_may_load_one_line_with_everything_and_in_amperes_not():
    base = facility(22_000, budget_w=30_000)
    in_watts = Site(with_evses(base, {"phases": "L1L2L3"}))
    in_amperes = Site(with_evses(base, {"phases": "L1L2L3", "limit_unit": "A"}))
    for site, limit_w in ((in_watts, 10_000), (in_amperes, 22_000)):
        busy(site, 1)
        assert limits(site)["cs-1"] == limit_w
        assert over_w(site) == 0


def test_a_person_s_ceiling_is_kept_and_0_pauses():
    site = Site(facility(22_000, 22_000, budget_w=100_000))
    busy(site, 2)
    book(site, EvseCapped(station_id="cs-1", evse_id=1, limit_w=8_000, by="clerk"))
    assert limits(site)["cs-1"] == 8_000
    book(site, EvseCapped(station_id="cs-1", evse_id=1, limit_w=0, by="clerk"))
    assert limits(site)["cs-1"] == 0
    book(site, EvseCapped(station_id="cs-1", evse_id=1, limit_w=None, by="clerk"))
    assert limits(site)["cs-1"] == 22_000


def test_who_told_a_departure_gets_power_by_need():
    site = Site(facility(50_000, 50_000, budget_w=50_000))
    busy(site, 2)
    for number, hours in ((1, 1), (2, 9)):
        needs = NeedsKnown(
            station_id=f"cs-{number}",
            evse_id=1,
            transaction_id="tx",
            energy_wh=30_000,
            departure_ms=site.now_ms + hours * 3_600_000,
        )
        book(site, needs)
    assert limits(site)["cs-1"] > 3 * limits(site)["cs-2"]


def test_limits_are_down_before_a_peak_window_opens_and_fallbacks_fit_it_for_ever():
    window = PeakWindow(opens="10:00", closes="12:00", days=(0, 1, 2, 3, 4), budget_w=40_000)
    site = Site(with_power(facility(*[50_000] * 4, budget_w=100_000), peaks=(window,)))
    busy(site, 4)
    assert sum(limits(site).values()) > 98_000
    fallbacks = [e.limit_w for e in site.of(LimitSent) if e.until_ms is None]
    assert sum(fallbacks) == 40_000
    while site.now_ms < NINE_MS + 3_600_000:
        site.wait(10)
        site.accept_limits()
    assert sum(limits(site).values()) <= 40_000
    assert over_w(site) == 0
    while site.now_ms < NINE_MS + 3 * 3_600_000 + 60_000:
        site.wait(10)
        site.accept_limits()
    assert sum(limits(site).values()) > 98_000


def test_a_lease_that_may_outlast_its_end_into_a_lower_budget_must_fit_that_one():
    site = Site(facility(50_000, budget_w=20_000))
    site.connect("cs-1")
    falls_ms = site.now_ms + 100_000
    books = Books(
        sites(site.state, site.facility, site.now_ms),
        Budget(((0, 50_000), (falls_ms, 30_000))),
        30,
        site.now_ms,
    )
    assert books.room_w("cs-1/1", falls_ms - 31_000) == 50_000
    assert books.room_w("cs-1/1", falls_ms - 29_000) == 30_000


def test_a_limit_that_nobody_confirmed_is_no_reason_to_lift_to_it_while_the_sum_is_above_the_budget():
    site = Site(facility(100_000, 100_000, budget_w=100_000))
    site.connect("cs-1", "cs-2")
    rows = sites(site.state, site.facility, site.now_ms)
    for row in rows:
        phantom = Lease(1, 90_000, site.now_ms, site.now_ms + 300_000)
        row.promises = replace(row.promises, accepted=None, pending=[phantom])
    books = Books(rows, Budget(((0, 100_000),)), 30, site.now_ms)
    assert books.total_w == 180_000
    assert books.room_w("cs-1/1", site.now_ms + 200_000) <= 10_000


BESIDE_A_BUILDING = BuildingLoad(grid_w=200_000, load_w_max=120_000, margin_w=10_000, silent_s=30)


def test_chargers_get_what_the_building_leaves_and_a_silent_meter_counts_as_its_most():
    site = Site(with_power(facility(*[50_000] * 4, budget_w=150_000), building=BESIDE_A_BUILDING))
    busy(site, 4)
    assert sum(limits(site).values()) <= 70_000
    for load_w, allowed_w in ((20_400, 150_000), (80_000, 110_000)):
        for _ in range(20):
            site.give(LoadMetered(load_w))
            site.wait(5)
            site.accept_limits()
        assert allowed_w * 0.98 <= sum(limits(site).values()) <= allowed_w
    site.wait(60)
    site.accept_limits()
    assert site.of(BuildingLoadChanged)[-1].load_w is None
    assert sum(limits(site).values()) <= 70_000
    assert over_w(site) == 0


def test_a_meter_of_a_building_that_does_not_count_books_nothing():
    site = Site(facility(50_000))
    site.give(LoadMetered(80_000))
    assert site.of(BuildingLoadChanged) == []


def test_a_lower_budget_while_cars_charge_brings_limits_and_fallbacks_down():
    site = Site(facility(*[50_000] * 4, budget_w=160_000))
    busy(site, 4)
    site.facility = with_power(site.facility, budget_w=60_000)
    for _ in range(60):
        site.wait(10)
        site.accept_limits()
    assert sum(limits(site).values()) <= 60_000
    assert sum(p.fallback_w or 0 for p in site.state.promises.values()) <= 60_000
    assert site.of(SitePowerSampled)[-1].worst_case_w <= 60_000


def test_a_charger_that_draws_above_its_limit_is_flagged_within_30_seconds_and_starts_no_other_car():
    site = Site(facility(50_000, 50_000, budget_w=60_000))
    busy(site, 2)
    since_ms = site.now_ms
    for seq_no in (1, 2):
        site.wait(site.facility.power.meter_interval_s)
        site.transaction("cs-1", "Updated", seq_no, power_w=45_000)
    [breach] = site.of(LimitBreached)
    assert (breach.station_id, breach.drawn_w) == ("cs-1", 45_000)
    flagged_ms = site.event_times[site.events.index(breach)]
    assert flagged_ms - since_ms <= 30_000
    site.accept_limits()
    assert limits(site)["cs-2"] <= 15_000
    site.transaction("cs-1", "Ended", 3, power_w=0)
    answer = site.transaction("cs-1", "Started", 0, transaction_id="next", id_token="TOKEN-car1")
    assert answer is not None
    assert site.state.transactions["cs-1/next"].session_id is None


def test_quarantine_ends_when_readings_have_kept_to_the_limit_for_a_while_or_by_a_person():
    site = Site(facility(50_000, 50_000, budget_w=60_000))
    busy(site, 2)
    site.wait(20)
    site.transaction("cs-1", "Updated", 1, power_w=45_000)
    for seq_no in range(2, 50):
        site.wait(15)
        site.transaction("cs-1", "Updated", seq_no, power_w=20_000)
        site.accept_limits()
    assert len(site.of(LimitObeyed)) == 1
    site.wait(15)
    site.transaction("cs-1", "Updated", 60, power_w=49_000)
    assert len(site.of(LimitBreached)) == 2
    site.wait(15)
    site.transaction("cs-1", "Updated", 61, power_w=20_000)
    mended = TrustCharger(station_id="cs-1", evse_id=1)
    for name, outcome in (("first", Outcome.DONE), ("again", Outcome.REFUSED)):
        site.give(CommandGiven(name, mended, by="clerk", within_ms=1_000, until_real_ms=0))
        [settled] = [s.result for s in site.setpoints if isinstance(s, CommandSettled) and s.result.command_id == name]
        assert settled.outcome is outcome
    assert site.of(LimitObeyed)[-1].by == "clerk"


def resent(site: Site, since: int) -> list[LimitSetpoint]:
    return [s for s in site.setpoints[since:] if isinstance(s, LimitSetpoint) and s.station_id == "cs-1"]


def test_limits_are_sent_again_at_once_after_a_boot_a_reconnect_and_a_resume():
    site = Site(facility(50_000, 50_000, budget_w=60_000))
    busy(site, 2)
    leased_w = limits(site)["cs-1"]
    site.wait(3)
    before = len(site.setpoints)
    site.give(BootReported("cs-1", "v", "m", "1", "PowerUp"))
    site.accept_limits()
    assert {s.limit_w for s in resent(site, before)} >= {leased_w}
    site.give(StationClosed("cs-1", "cut"))
    site.accept_limits()
    before = len(site.setpoints)
    site.give(StationOpened("cs-1", "2.0.1"))
    site.accept_limits()
    assert resent(site, before)
    site.transaction("cs-1", "Updated", 1, charging_state="SuspendedEV")
    site.accept_limits()
    before = len(site.setpoints)
    site.transaction("cs-1", "Updated", 2, charging_state="Charging")
    site.accept_limits()
    assert resent(site, before)


def test_after_a_boot_a_hold_goes_before_the_fallback_that_it_holds_the_charger_below():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    site.accept_limits()
    before = len(site.setpoints)
    site.give(BootReported("cs-1", "v", "m", "1", "PowerUp"))
    site.accept_limits()
    first, second = resent(site, before)[:2]
    assert (first.limit_w, first.until_ms is None) == (0, False)
    assert (second.limit_w, second.until_ms) == (100_000, None)
    assert over_w(site) == 0


def test_a_station_that_rounds_up_is_asked_for_less_so_that_what_it_makes_of_it_fits():
    site = Site(with_evses(facility(22_000, 22_000, budget_w=30_000), {"rounds_up": True, "phases": "L1L2L3"}, {}))
    busy(site, 1)
    booked = [e for e in site.of(LimitSent) if e.station_id == "cs-1"][-1]
    assert (booked.limit_w, limits(site)["cs-1"]) == (10_000, 10_000 - 3 * 240)


def test_a_station_that_cannot_pause_is_held_at_its_minimum_which_is_kept_for_it():
    site = Site(with_evses(facility(50_000, 50_000, budget_w=60_000), {"pauses": False}, {}))
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    site.accept_limits()
    assert limits(site) == {"cs-1": 4_140, "cs-2": 50_000}


def test_a_station_that_rejects_0_is_held_at_its_minimum_from_then_on():
    site = Site(facility(60_000, 60_000, budget_w=60_000))
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    [pause] = site.unanswered()
    assert (pause.station_id, pause.limit_w) == ("cs-1", 0)
    site.reply(pause, "REJECTED")
    site.wait(31)
    site.accept_limits()
    assert limits(site)["cs-1"] == 4_140
    assert limits(site)["cs-2"] == 60_000 - 4_200 or limits(site)["cs-2"] == 60_000 - 4_140
    assert over_w(site) == 0


ELECTRICS = {
    "one line each": lambda base: with_evses(
        base, {"phases": "L1"}, {"phases": "L2"}, {}, {"phases": "L1L2L3", "limit_unit": "A"}
    ),
    "pairs": lambda base: with_evses(
        base, {"phases": "L1L2"}, {"phases": "L2L3"}, {"phases": "L3L1"}, {"phases": "L1L2L3"}
    ),
    "manners": lambda base: with_evses(base, {"pauses": False}, {"rounds_up": True}, {"pauses": False}, {}),
    "peaks": lambda base: with_power(
        base,
        peaks=(
            PeakWindow(opens="09:10", closes="09:20", days=(3,), budget_w=20_000),
            PeakWindow(opens="09:40", closes="09:45", days=(3,), budget_w=30_000),
        ),
    ),
    "a building": lambda base: with_power(
        base, building=BuildingLoad(grid_w=150_000, load_w_max=100_000, margin_w=5_000)
    ),
}


class SiteElectrics(Electrics):
    """The same driving at sites that are not plain, with boots and a building's meter."""

    @initialize(
        budget_kw=st.sampled_from([60, 120]), commissioned=st.booleans(), kind=st.sampled_from(sorted(ELECTRICS))
    )
    def build(self, budget_kw: int, *, commissioned: bool, kind: str) -> None:
        base = facility(11_000, 22_000, 50_000, 150_000, regular=0, budget_w=budget_kw * 1000)
        self.start(ELECTRICS[kind](base), commissioned=commissioned)

    @rule(load_w=st.integers(0, 110_000))
    def meter_the_building(self, load_w: int) -> None:
        self.site.give(LoadMetered(load_w))

    @rule(number=st.integers(1, 4))
    def boot(self, number: int) -> None:
        if self.site.state.station(f"cs-{number}").connected:
            self.site.give(BootReported(f"cs-{number}", "v", "m", "1", "PowerUp"))

    @invariant()
    def the_auditor_finds_nothing_above_what_was_allowed(self) -> None:
        assert self.book.over_w_max <= 2, "watts: lines are rounded"


SiteElectrics.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSiteElectrics = SiteElectrics.TestCase
