"""The budget holds whatever fails: driven at random, judged by books that share no code with the rules."""

from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.rules import books
from edge.rules.books import BudgetError
from edge.rules.budget import budget
from edge.rules.inputs import LimitSetpoint, Matches, Started, StationClosed, StationOpened
from provisioning.audit.power_book import PowerBook
from shared.events import LimitSent, SitePowerSampled
from shared.facilities import Facility
from tests.builders import facility, right
from tests.edge.rules.site import Site


def charge(site: Site, number: int, **details: object) -> None:
    """A car enters and charges at station ``number``; what follows is accepted."""
    name = f"car{number}"
    holder = right(name, name.upper())
    site.drive_through("in-1", name.upper(), holder)
    site.transaction(
        f"cs-{number}",
        "Started",
        0,
        id_token=f"TOKEN-{name}",
        matches=Matches(rights=(holder,)),
        charging_state="Charging",
        **details,
    )


def limits(site: Site) -> dict[str, int]:
    found = {}
    for setpoint in site.setpoints:
        if isinstance(setpoint, LimitSetpoint):
            found[setpoint.station_id] = setpoint.limit_w
    return found


def test_a_station_that_connects_gets_a_permanent_fallback_that_fits_the_budget_with_all_others():
    site = Site(facility(11_000, 150_000, 150_000, budget_w=100_000))
    site.connect("cs-1", "cs-2", "cs-3")
    sent = [s for s in site.setpoints if isinstance(s, LimitSetpoint)]
    assert [(s.limit_w, s.until_ms) for s in sent] == [(11_000, None), (44_500, None), (44_500, None)]


def test_a_station_that_comes_last_gets_its_fallback_though_each_of_the_others_has_but_a_little_too_much():
    site = Site(facility(*[11_000] * 20, regular=0, budget_w=165_000))
    site.connect(*[f"cs-{n}" for n in range(1, 20)])
    for number in range(1, 20):
        charge(site, number)
        site.accept_limits()
    site.wait(400)
    site.accept_limits()
    site.connect("cs-20")
    assert site.state.promises["cs-20/1"].fallback_w == 8_200


def test_a_lone_car_gets_its_charger_s_rating_after_the_idle_ones_are_held_down():
    site = Site(facility(150_000, 150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2", "cs-3")
    before = len(site.setpoints)
    charge(site, 1)
    first = [s for s in site.setpoints[before:] if isinstance(s, LimitSetpoint)]
    assert {s.station_id: s.limit_w for s in first} == {"cs-2": 0, "cs-3": 0}, "lower first"
    site.accept_limits()
    assert limits(site)["cs-1"] == 150_000


def test_nothing_is_raised_while_a_lowering_is_unanswered():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    [lowering] = site.unanswered()
    site.wait(60)
    assert limits(site)["cs-1"] == 100_000
    site.reply(lowering, "ACCEPTED")
    site.accept_limits()
    assert limits(site)["cs-1"] == 150_000


def test_a_lowering_that_was_refused_frees_nothing():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    [lowering] = site.unanswered()
    site.reply(lowering, "REJECTED")
    assert limits(site)["cs-1"] == 100_000


def test_two_cars_share_in_proportion_and_the_first_is_lowered_before_the_second_is_raised():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    charge(site, 2)
    site.accept_limits()
    assert limits(site) == {"cs-1": 100_000, "cs-2": 100_000}


def test_a_lease_above_the_fallback_is_renewed_before_it_ends():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    for _ in range(100):
        site.wait(10)
        site.accept_limits()
        row = site.state.promises["cs-1/1"]
        assert row.accepted is not None
        assert row.accepted.until_ms > site.now_ms


def test_what_leans_on_a_charger_that_went_away_ends_before_that_charger_is_back_at_its_fallback():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    site.give(StationClosed("cs-2", "cable cut"))
    for _ in range(60):
        site.wait(10)
        site.accept_limits()
    assert site.state.promises["cs-1/1"].accepted is None or limits(site)["cs-1"] <= 100_000


def worst_case_w(site: Site) -> int:
    """What the auditor makes of a site's log, and of half an hour in which nothing more is said."""
    book = PowerBook(site.facility)
    for event, at_ms in zip(site.events, site.event_times, strict=True):
        book.take(event, at_ms)
    book.take(SitePowerSampled(drawn_w=0, worst_case_w=0, budget_w=0), site.now_ms + 1_800_000)
    return book.worst_w_max


@pytest.mark.parametrize("cut_after_s", range(0, 220, 20))
def test_a_held_charger_may_be_cut_at_any_moment(cut_after_s):
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    for second in range(0, 1_500, 10):
        if second == cut_after_s:
            site.give(StationClosed("cs-2", "cable cut"))
        site.wait(10)
        site.accept_limits()
    assert worst_case_w(site) <= 200_000
    assert limits(site)["cs-1"] <= 100_000, "in the end it has its fallback only"


@pytest.mark.parametrize("dead_after_s", range(0, 420, 20))
def test_the_daemon_may_die_at_any_moment(dead_after_s):
    """Holds end by themselves; by then, at the worst of both clocks, nothing leans on them any more."""
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    for _ in range(0, dead_after_s, 10):
        site.wait(10)
        site.accept_limits()
    assert worst_case_w(site) <= 200_000


@pytest.mark.parametrize("silent_after_s", range(0, 420, 20))
def test_a_held_charger_may_stop_answering_at_any_moment(silent_after_s):
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    for second in range(0, 1_500, 10):
        site.wait(10)
        for limit in site.unanswered():
            if limit.station_id == "cs-1" or second < silent_after_s:
                site.reply(limit, "ACCEPTED")
    assert worst_case_w(site) <= 200_000


def test_a_charger_that_refuses_limits_counts_at_its_rating_and_starts_only_while_that_fits():
    site = Site(facility(150_000, 100_000, budget_w=200_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    site.connect("cs-2")
    charge(site, 1)
    assert site.state.transactions["cs-1/tx"].session_id is None, "100 kW of cs-2 and 150 kW do not fit 200 kW"


def test_a_charger_that_draws_above_its_limit_is_reserved_at_what_it_draws():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    charge(site, 2)
    site.accept_limits()
    site.wait(40)
    site.transaction("cs-1", "Updated", 1, power_w=130_000)
    site.wait(31)
    assert site.of(SitePowerSampled)[-1].worst_case_w >= 130_000 + 100_000 - 30_000
    site.accept_limits()
    assert limits(site)["cs-2"] <= 70_000


def test_a_car_that_was_paused_goes_on_though_a_disobedient_one_draws_more_than_all_fallbacks_leave():
    site = Site(facility(50_000, 50_000, 50_000, budget_w=90_000))
    site.connect("cs-1", "cs-2", "cs-3")
    charge(site, 1)
    charge(site, 2)
    site.accept_limits()
    site.wait(20)
    site.transaction("cs-1", "Updated", 1, power_w=50_000)
    site.accept_limits()
    assert limits(site)["cs-3"] == 0
    charge(site, 3)
    site.accept_limits()
    site.wait(11)
    site.accept_limits()
    assert limits(site)["cs-2"] == limits(site)["cs-3"] == 20_000


def test_a_car_at_a_charger_that_answers_later_than_holds_are_renewed_is_let_go_on():
    site = Site(facility(50_000, 50_000, budget_w=60_000))
    site.connect("cs-1", "cs-2")
    charge(site, 2)
    site.accept_limits()
    assert limits(site) == {"cs-1": 0, "cs-2": 50_000}
    charge(site, 1)
    for _ in range(8):
        asked = site.unanswered()
        site.wait(120)
        for limit in asked:
            site.reply(limit, "ACCEPTED")
    assert limits(site)["cs-1"] == 30_000


def test_a_car_that_takes_little_leaves_the_rest_to_the_others():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    charge(site, 2)
    site.accept_limits()
    for seq_no in range(1, 8):
        site.wait(70)
        site.transaction("cs-1", "Updated", seq_no, power_w=20_000)
        site.transaction("cs-2", "Updated", seq_no, power_w=limits(site)["cs-2"])
        site.accept_limits()
    assert limits(site)["cs-2"] == 150_000


def test_a_car_that_takes_more_again_is_seen_to_though_its_limit_is_renewed_between_any_two_readings():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    slow_ms = 30_000
    charge(site, 1, at_ms=site.now_ms - slow_ms)
    charge(site, 2)
    site.accept_limits()
    for seq_no in range(1, 30):
        site.wait(70 if seq_no == 4 else 60)
        site.accept_limits()
        power_w = 2_000 if seq_no < 5 else limits(site)["cs-1"]
        site.transaction("cs-1", "Updated", seq_no, power_w=power_w, at_ms=site.now_ms - slow_ms)
        site.transaction("cs-2", "Updated", seq_no, power_w=limits(site)["cs-2"])
        site.accept_limits()
        if seq_no == 4:
            assert limits(site)["cs-1"] < 5_000
    assert limits(site) == {"cs-1": 100_000, "cs-2": 100_000}


def test_limits_settle_between_readings_however_scarce_the_power():
    site = Site(facility(*[50_000] * 12, regular=0, budget_w=200_000))
    site.connect(*[f"cs-{n}" for n in range(1, 13)])
    for number in range(1, 13):
        charge(site, number)
    site.accept_limits()
    for seq_no in range(1, 6):
        site.wait(120)
        site.accept_limits()
        for number in range(1, 13):
            power_w = limits(site)[f"cs-{number}"] * (60 + 3 * number) // 100
            site.transaction(f"cs-{number}", "Updated", seq_no, power_w=power_w)
        before = len(site.of(LimitSent))
        site.accept_limits()
        assert len(site.of(LimitSent)) - before <= 3 * 12, "demand and limits chase each other"


def test_a_limit_that_the_budget_does_not_hold_is_never_sent():
    site = Site(facility(150_000, budget_w=100_000))
    site.connect("cs-1")
    rows = books.sites(site.state, site.facility, site.now_ms)
    book = books.Books(rows, budget(site.state, site.facility, site.now_ms), 30, site.now_ms)
    with pytest.raises(BudgetError, match="120000 W of 100000 W"):
        book.add("cs-1/1", 120_000, None)


class Electrics(RuleBasedStateMachine):
    """Stations that honour what they acknowledged, and everything else that can go wrong."""

    @initialize(budget_kw=st.sampled_from([60, 120]), commissioned=st.sampled_from([True, True, False]))
    def build(self, budget_kw: int, *, commissioned: bool) -> None:
        base = facility(11_000, 22_000, 50_000, 150_000, regular=0, budget_w=budget_kw * 1000)
        self.start(base, commissioned=commissioned)

    def start(self, site: Facility, *, commissioned: bool) -> None:
        self.site = Site(site)
        self.book = PowerBook(self.site.facility)
        self.booked = 0
        self.charging: dict[int, int] = {}
        self.serial = 0
        if commissioned:
            self.site.connect("cs-1", "cs-2", "cs-3", "cs-4")

    @rule(number=st.integers(1, 4))
    def connect(self, number: int) -> None:
        self.site.give(StationOpened(f"cs-{number}", "2.0.1"))

    @rule(number=st.integers(1, 4))
    def cut(self, number: int) -> None:
        lost = [x for x in self.site.unanswered() if x.station_id == f"cs-{number}"]
        for limit in lost:
            self.site.reply(limit, "UNKNOWN")
        self.site.give(StationClosed(f"cs-{number}", "cut"))

    @precondition(lambda self: self.site.unanswered())
    @rule(data=st.data(), outcome=st.sampled_from(["ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED", "UNKNOWN"]))
    def answer(self, data: st.DataObject, outcome: Literal["ACCEPTED", "REJECTED", "UNKNOWN"]) -> None:
        self.site.reply(data.draw(st.sampled_from(self.site.unanswered())), outcome)

    @precondition(lambda self: self.site.unanswered())
    @rule()
    def answer_what_is_asked_now(self) -> None:
        """One round: what the answers lead to is left unanswered."""
        for limit in self.site.unanswered():
            self.site.reply(limit, "ACCEPTED")

    @rule()
    def answer_all(self) -> None:
        self.site.accept_limits()

    @rule(number=st.sampled_from([1, 2, 3, 4, 3, 4]))
    def arrive(self, number: int) -> None:
        known = self.site.state.stations.get(f"cs-{number}")
        if number in self.charging or known is None or not known.connected:
            return
        self.serial += 1
        name = f"c{self.serial}"
        holder = right(name, name.upper())
        self.site.drive_through("in-1", name.upper(), holder)
        answer = self.site.transaction(
            f"cs-{number}",
            "Started",
            0,
            transaction_id=name,
            id_token=f"TOKEN-{name}",
            matches=Matches(rights=(holder,)),
            charging_state="Charging",
        )
        if answer is not None and answer.status == "Accepted":  # type: ignore[union-attr]
            self.charging[number] = self.serial
        else:
            self.site.transaction(f"cs-{number}", "Ended", 1, transaction_id=name)

    @precondition(lambda self: self.charging)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.charging)))
        self.site.transaction(f"cs-{number}", "Ended", 999, transaction_id=f"c{self.charging.pop(number)}")

    @precondition(lambda self: self.charging)
    @rule(data=st.data(), share_pct=st.integers(0, 100))
    def meter(self, data: st.DataObject, share_pct: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.charging)))
        accepted = self.site.state.promises[f"cs-{number}/1"].accepted
        limit_w = 1_000 if accepted is None or accepted.until_ms < self.site.now_ms else accepted.limit_w
        self.serial += 1
        self.site.transaction(
            f"cs-{number}",
            "Updated",
            self.serial,
            transaction_id=f"c{self.charging[number]}",
            power_w=limit_w * share_pct // 100,
        )

    @rule(seconds=st.sampled_from([1, 20, 95, 130, 290, 700]))
    def wait(self, seconds: int) -> None:
        self.site.wait(seconds)

    @rule()
    def restart_the_daemon(self) -> None:
        self.site.answered |= {x.request_id for x in self.site.unanswered()}
        self.site.give(Started("test"))

    @invariant()
    def the_auditor_finds_the_worst_case_within_the_budget(self) -> None:
        for event in self.site.events[self.booked :]:
            self.book.take(event, self.site.event_times[self.booked])
            self.booked += 1
        assert self.book.worst_w_max <= self.site.facility.power.budget_w

    @invariant()
    def every_limit_is_a_lease_or_a_fallback_that_fits_with_all_others(self) -> None:
        fallbacks = {e.station_id: e.limit_w for e in self.site.of(LimitSent) if e.until_ms is None}
        assert sum(fallbacks.values()) <= self.site.facility.power.budget_w


Electrics.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestElectrics = Electrics.TestCase
