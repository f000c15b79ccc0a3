"""The wall clock is moved by hours: nothing over budget, nobody charged for it, no lane left waiting."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rules.clock_inputs import ClockRead, ClockTaken, TakeClock, TimeTold
from edge.rules.facility import apply
from edge.rules.inputs import (
    LimitSetpoint,
    OrderSetpoint,
    PaymentOffered,
    QuoteAsked,
    Started,
    StationClosed,
    StationOpened,
    Ticked,
)
from edge.rules.orders import AskMessage
from edge.rules.state import Phase
from provisioning.audit.power_book import PowerBook
from shared.devices import ArmPosition, Loop
from shared.events import (
    ClockDiffers,
    ClockStepped,
    DataRecovered,
    SitePowerSampled,
    StationTimed,
    TransactionEnded,
    VehicleExited,
    entry,
)
from tests.builders import facility, right
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import charge, limits

HOUR_MS = 3_600_000


def follow(site: Site, by_ms: int) -> None:
    """What the shell does when it is told to take the clock."""
    site.now_ms += by_ms
    site.give(ClockTaken(by_ms))


def asked_to_follow(site: Site) -> bool:
    return isinstance(site.setpoints[-1], TakeClock) or TakeClock() in site.setpoints


def lifted() -> Site:
    """cs-1 charges at 150 kW because cs-2 is held at 0; their fallbacks are 100 kW each."""
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    assert limits(site) == {"cs-1": 150_000, "cs-2": 0}
    return site


def worst_case_w(site: Site) -> int:
    book = PowerBook(site.facility)
    for event, at_ms in zip(site.events, site.event_times, strict=True):
        book.take(event, at_ms)
    book.take(SitePowerSampled(drawn_w=0, worst_case_w=0, budget_w=0), site.now_ms + 12 * HOUR_MS)
    return book.worst_w_max


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS, 40_000, -40_000])
def test_the_box_follows_when_no_charger_is_above_its_fallback_any_more(by_ms):
    site = lifted()
    site.give(ClockRead(by_ms))
    assert not asked_to_follow(site), "cs-1 is lifted still"
    site.accept_limits()
    assert limits(site)["cs-1"] == 100_000
    assert asked_to_follow(site)
    follow(site, by_ms)
    assert site.of(ClockStepped) == [ClockStepped(by_ms=by_ms)]
    assert worst_case_w(site) <= 200_000


def test_a_lift_that_nobody_answers_for_is_waited_for_until_it_has_ended_by_any_clock():
    site = lifted()
    site.give(StationClosed("cs-1", "cable cut"))
    until_ms = site.state.promises["cs-1/1"].accepted.until_ms
    site.give(ClockRead(3 * HOUR_MS))
    while not asked_to_follow(site):
        site.wait(1)
        site.accept_limits()
    assert until_ms + 30_000 < site.now_ms <= until_ms + 45_000


def test_whatever_comes_first_after_the_last_lease_has_ended_lets_the_box_follow():
    site = lifted()
    site.give(StationClosed("cs-1", "cable cut"))
    ended_ms = site.state.promises["cs-1/1"].accepted.until_ms + 30_000
    site.give(ClockRead(3 * HOUR_MS))
    while site.now_ms < ended_ms:
        site.wait(min(1, (ended_ms - site.now_ms) / 1000))
        site.accept_limits()
    site.give(Ticked())
    assert not asked_to_follow(site)
    site.now_ms += 1
    site.give(Ticked())
    assert asked_to_follow(site)


def test_nothing_is_sent_while_the_last_answers_are_waited_for():
    site = lifted()
    site.give(ClockRead(3 * HOUR_MS))
    [lowering] = site.unanswered()
    site.reply(lowering, "ACCEPTED")
    assert site.unanswered() == []
    assert asked_to_follow(site)


def test_a_clock_that_is_right_again_changes_nothing():
    site = lifted()
    site.give(ClockRead(3 * HOUR_MS))
    site.give(ClockRead(0))
    site.accept_limits()
    assert [e.by_ms for e in site.of(ClockDiffers)] == [3 * HOUR_MS, 0]
    assert limits(site)["cs-1"] == 150_000
    assert not asked_to_follow(site)


def test_a_station_gets_leases_again_when_it_was_told_the_time():
    site = lifted()
    site.give(ClockRead(3 * HOUR_MS))
    site.accept_limits()
    before = len(site.setpoints)
    follow(site, 3 * HOUR_MS)
    orders = [s for s in site.setpoints[before:] if isinstance(s, OrderSetpoint)]
    assert [(s.station_id, s.order) for s in orders] == [
        ("cs-1", AskMessage("Heartbeat")),
        ("cs-2", AskMessage("Heartbeat")),
    ]
    site.wait(30)
    assert not [s for s in site.setpoints[before:] if isinstance(s, LimitSetpoint)]
    for name in ("cs-1", "cs-2"):
        site.give(TimeTold(name))
        site.give(TimeTold(name))
        site.accept_limits()
    assert [e.station_id for e in site.of(StationTimed)] == ["cs-1", "cs-2"]
    assert limits(site) == {"cs-1": 150_000, "cs-2": 0}
    assert worst_case_w(site) <= 200_000


def test_a_station_that_was_not_told_is_asked_again_every_minute():
    site = lifted()
    site.give(ClockRead(-3 * HOUR_MS))
    site.accept_limits()
    follow(site, -3 * HOUR_MS)
    before = len(site.setpoints)
    site.wait(121)
    again = [s for s in site.setpoints[before:] if isinstance(s, OrderSetpoint) and s.station_id == "cs-1"]
    assert len(again) == 2


def test_after_a_time_off_that_nobody_can_tell_no_lease_is_known_to_hold():
    site = lifted()
    site.now_ms -= HOUR_MS
    site.give(Started("test", clock_known=False))
    assert site.of(ClockStepped) == [ClockStepped(by_ms=None)]
    promises = site.state.promises["cs-2/1"]
    assert promises.accepted is None
    assert all(x.until_ms > site.now_ms + 60_000 for x in promises.pending)
    site.give(StationOpened("cs-1", "2.0.1"))
    site.accept_limits()
    assert limits(site)["cs-1"] == 100_000 or site.state.stations["cs-1"].untimed


def test_nor_does_it_know_what_time_stations_have_though_it_promised_them_nothing():
    site = Site(facility(150_000))
    site.connect("cs-1")
    site.give(Started("test", clock_known=False))
    assert site.of(ClockStepped) == [ClockStepped(by_ms=None)]
    assert site.state.stations["cs-1"].untimed


def test_a_box_whose_log_may_have_gone_on_elsewhere_has_stations_told_the_time_that_it_knows():
    """The other box may have followed its clock, and one of them have missed that."""
    site = Site(facility(150_000))
    site.connect("cs-1")
    recovered = DataRecovered(former_log_id="old", reason="COPY", source="a copy", upto=site.state.head)
    apply(site.state, entry(site.state.head + 1, site.now_ms, recovered))
    site.give(Started("test", clock_known=True))
    assert site.of(ClockStepped) == []
    before = len(site.setpoints)
    site.connect("cs-1")
    assert AskMessage("Heartbeat") in [s.order for s in site.setpoints[before:] if isinstance(s, OrderSetpoint)]
    site.give(TimeTold("cs-1"))
    assert not site.state.stations["cs-1"].untimed


def test_a_box_that_begins_a_log_does_not_know_what_time_stations_have():
    """It may stand in for another box, whose clock was another."""
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.give(Started("test", clock_known=False))
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    assert site.state.stations["cs-1"].untimed
    assert AskMessage("Heartbeat") in [s.order for s in site.setpoints if isinstance(s, OrderSetpoint)]
    assert not any(s.until_ms for s in site.setpoints if isinstance(s, LimitSetpoint)), "no lease before they agree"
    site.give(TimeTold("cs-1"))
    site.give(TimeTold("cs-2"))
    site.wait(60)
    site.accept_limits()
    assert limits(site) == {"cs-1": 150_000, "cs-2": 0}


def test_a_box_that_begins_a_log_leaves_stations_that_it_has_not_met_what_another_box_may_have_left_them():
    site = Site(facility(150_000, 150_000, budget_w=200_000))
    site.give(Started("test", clock_known=False))
    site.connect("cs-1")
    site.give(TimeTold("cs-1"))
    site.accept_limits()
    charge(site, 1)
    site.wait(60)
    site.accept_limits()
    assert limits(site) == {"cs-1": 50_000}, "cs-2 may be lifted to 150 kW by another box"
    for _ in range(10):
        site.wait(30)
        site.accept_limits()
    assert limits(site) == {"cs-1": 100_000}, "cs-2 may rest at a fallback that another box gave it"
    site.connect("cs-2")
    site.give(TimeTold("cs-2"))
    site.wait(60)
    site.accept_limits()
    assert limits(site) == {"cs-1": 150_000, "cs-2": 0}


def test_a_station_that_is_met_after_a_step_is_told_the_time_first():
    site = Site(facility(150_000))
    follow(site, -50_000)
    site.give(StationOpened("cs-1", "2.0.1"))
    assert site.state.stations["cs-1"].untimed
    site.give(TimeTold("cs-1"))
    assert not site.state.stations["cs-1"].untimed


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(-5 * HOUR_MS, 5 * HOUR_MS),
            st.integers(0, 900),
            st.sampled_from(["both told", "one told", "cut", "unanswered", "restart"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whenever_the_clock_moves_and_by_whatever_the_worst_case_is_within_the_budget(steps):
    site = lifted()
    for by_ms, after_s, what in steps:
        for _ in range(after_s // 30):
            site.wait(30)
            site.accept_limits()
        if what == "cut":
            site.give(StationClosed("cs-2", "cut"))
        site.give(ClockRead(by_ms or 5_000))
        for _ in range(2_000):
            if site.state.clock_off_ms and TakeClock() in site.setpoints:
                break
            site.wait(1)
            if what == "restart":
                site.answered |= {x.request_id for x in site.unanswered()}
                site.give(Started("test"))
            for limit in site.unanswered():
                site.reply(limit, "UNKNOWN" if what == "unanswered" else "ACCEPTED")
        site.setpoints = [s for s in site.setpoints if s != TakeClock()]
        follow(site, by_ms or 5_000)
        for name in ("cs-1",) if what == "one told" else ("cs-1", "cs-2"):
            site.give(StationOpened(name, "2.0.1"))
            site.give(TimeTold(name))
            site.accept_limits()
    assert worst_case_w(site) <= 200_000


# Money and lanes.


def parked(by_ms: int) -> Site:
    """A car that came two hours before it leaves; an hour after it came the clock was moved."""
    site = Site(facility())
    site.drive_through("in-1", "ABC123")
    site.wait(3_600)
    site.give(ClockRead(by_ms))
    follow(site, by_ms)
    site.wait(3_599)
    return site


@pytest.mark.parametrize("by_ms", [-5 * HOUR_MS, -HOUR_MS, 0, HOUR_MS, 30 * HOUR_MS])
def test_a_stay_costs_what_passed_and_not_what_the_clock_was_moved_by(by_ms):
    site = parked(by_ms)
    due: Any = site.give(QuoteAsked(plate="ABC123"))
    assert due.due_cents == 600, "two hours at 3 dollars"
    offer = PaymentOffered(due.session_id, due.due_cents, "CASH", "r-1", "desk", due.priced_until_ms)
    paid: Any = site.give(offer)
    assert paid.accepted
    site.drive_through("out-1", "ABC123")
    [left] = site.of(VehicleExited)
    assert (left.quoted_cents, left.paid_cents) == (600, 600)
    entered_ms = next(at for e, at in zip(site.events, site.event_times, strict=True) if e.type == "VehicleEntered")
    assert left.priced_until_ms - entered_ms == pytest.approx(2 * HOUR_MS, abs=2_000), (
        "so the cloud's price is the same"
    )


@pytest.mark.parametrize("by_ms", [-5 * HOUR_MS, 5 * HOUR_MS])
def test_idle_minutes_over_a_step_are_those_that_passed(by_ms):
    site = lifted()
    site.give(ClockRead(by_ms))
    site.accept_limits()
    site.transaction("cs-1", "Updated", 1, charging_state="SuspendedEV", register_wh=5_000)
    finished_ms = site.now_ms
    follow(site, by_ms)
    site.wait(600)
    site.transaction("cs-1", "Updated", 2, at_ms=site.now_ms - by_ms, register_wh=5_000)
    site.give(TimeTold("cs-1"))
    site.wait(600)
    site.transaction("cs-1", "Ended", 3, register_wh=5_000)
    [ended] = site.of(TransactionEnded)
    assert ended.ended_at_ms - finished_ms == 1_200_000


@pytest.mark.parametrize("by_ms", [-5 * HOUR_MS, 5 * HOUR_MS])
def test_a_car_at_a_lane_has_as_much_time_as_without_the_step(by_ms):
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC123", right("r", "ABC123"))
    site.arm("in-1", ArmPosition.RAISED)
    lane = site.state.lanes["in-1"]
    left_ms = lane.deadline_ms - site.now_ms
    site.give(ClockRead(by_ms))
    follow(site, by_ms)
    assert lane.phase is Phase.OPEN
    assert lane.deadline_ms - site.now_ms == left_ms


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS])
def test_readings_kept_while_their_station_was_away_for_longer_than_the_step_are_of_the_clock_it_went_with(by_ms):
    site = Site(facility(11_000))
    site.connect("cs-1")
    charge(site, 1, register_wh=0)
    began_ms = site.now_ms
    site.give(StationClosed("cs-1", "cable cut"))
    site.wait(60)
    follow(site, by_ms)
    site.wait(4 * 3600)
    site.give(StationOpened("cs-1", "2.0.1"))
    for hour in (1, 2, 3):
        told_ms = began_ms + hour * HOUR_MS
        site.transaction("cs-1", "Updated", hour, at_ms=told_ms, register_wh=hour * 9_000, offline=True)
    [running] = site.state.transactions.values()
    assert [p.at_ms - began_ms for p in running.readings.points] == [0, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]
    assert running.readings.total(running.rating_w).energy_wh == 27_000
