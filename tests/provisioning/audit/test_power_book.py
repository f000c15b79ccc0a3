"""The auditor's books of power, against cases that can be told by hand."""

from math import sqrt

import pytest

from provisioning.audit.power_allowance import Allowance
from provisioning.audit.power_book import PowerBook
from provisioning.audit.power_lines import line_loads_w
from shared.events import (
    ClockStepped,
    LimitAnswered,
    LimitSent,
    StationConnected,
    StationDisconnected,
    StationTimed,
    TransactionStarted,
)
from shared.facilities import BuildingLoad, Facility, PeakWindow, PowerSettings
from tests.builders import NINE_MS, facility


def fed(*phases: str, **changes: object) -> Facility:
    base = facility(*[10_000] * len(phases), budget_w=30_000)
    stations = tuple(
        s.model_copy(update={"evses": (s.evses[0].model_copy(update={"phases": p, **changes}),)})
        for s, p in zip(base.stations, phases, strict=True)
    )
    return base.model_copy(update={"stations": stations})


def loads(site: Facility, *drawn_w: int) -> tuple[float, ...]:
    return line_loads_w(site, {(f"cs-{i}", 1): w for i, w in enumerate(drawn_w, 1)})


def test_a_load_on_one_line_loads_that_line_and_one_of_unknown_phases_any():
    assert loads(fed("L1", "L3"), 3_000, 4_000) == pytest.approx((3_000, 0, 4_000))
    assert loads(fed("L1", ""), 3_000, 4_000) == pytest.approx((7_000, 4_000, 4_000))


def test_a_load_between_two_lines_loads_both_by_its_current_and_three_such_are_balanced():
    assert loads(fed("L1L2"), 6_000) == pytest.approx((6_000 / sqrt(3), 6_000 / sqrt(3), 0))
    assert loads(fed("L1L2", "L2L3", "L3L1"), 6_000, 6_000, 6_000) == pytest.approx((6_000, 6_000, 6_000))


def test_three_phases_share_a_limit_in_amperes_and_one_of_them_may_take_all_of_one_in_watts():
    assert loads(fed("L1L2L3", limit_unit="A"), 9_000) == pytest.approx((3_000, 3_000, 3_000))
    assert loads(fed("L2L3L1"), 9_000) == pytest.approx((9_000, 9_000, 9_000))
    assert loads(facility(10_000), 9_000) == ()


def test_an_evse_that_refused_limits_and_is_away_is_taken_off_what_the_others_are_allowed():
    book = PowerBook(facility(30_000, 30_000, budget_w=40_000))
    sent = {"evse_id": 1, "from_ms": NINE_MS}
    for event in (
        StationConnected(station_id="cs-1", ocpp_version="2.0.1"),
        LimitSent(request_id=1, station_id="cs-1", limit_w=20_000, until_ms=None, **sent),
        LimitAnswered(request_id=1, station_id="cs-1", evse_id=1, outcome="REJECTED"),
        StationDisconnected(station_id="cs-1", reason=""),
        LimitSent(request_id=2, station_id="cs-2", limit_w=20_000, until_ms=None, **sent),
        LimitAnswered(request_id=2, station_id="cs-2", evse_id=1, outcome="ACCEPTED"),
        LimitSent(request_id=3, station_id="cs-2", limit_w=25_000, until_ms=NINE_MS + 3_600_000, **sent),
    ):
        book.take(event, NINE_MS)
    assert book.over_w_max == 0, "what was promised before may run out"
    book.take(StationConnected(station_id="cs-2", ocpp_version="2.0.1"), NINE_MS + 1_800_000)
    assert book.over_w_max == 5_000


def test_a_peak_window_binds_from_its_minute_on_and_one_over_midnight_into_the_next_day():
    peaks = (
        PeakWindow(opens="10:00", closes="11:00", days=(3,), budget_w=20_000),
        PeakWindow(opens="22:00", closes="06:00", days=(3,), budget_w=25_000),
    )
    allowance = Allowance(facility(power=PowerSettings(budget_w=30_000, peaks=peaks)))
    hour_ms = 3_600_000
    told = [allowance.at_w(NINE_MS + round(h * hour_ms)) for h in (0, 1, 1.99, 2, 13, 20.9, 21, 37)]
    assert told == [30_000, 20_000, 20_000, 30_000, 25_000, 25_000, 30_000, 30_000]
    assert allowance.edges(NINE_MS, NINE_MS + 2 * hour_ms) == {NINE_MS + hour_ms}


def test_a_building_that_draws_more_binds_when_what_was_promised_before_has_run_out():
    building = BuildingLoad(grid_w=100_000, load_w_max=60_000, margin_w=0)
    allowance = Allowance(facility(power=PowerSettings(budget_w=90_000, building=building)))
    assert allowance.at_w(0) == 40_000
    allowance.building_draws(20_000, 1_000)
    assert allowance.at_w(2_000) == 80_000
    allowance.building_draws(50_000, 10_000)
    assert allowance.at_w(20_000) == 80_000
    assert allowance.at_w(10_000 + 600_000) == 50_000


def stepped(by_ms: int, *after: LimitSent | LimitAnswered | StationTimed, held_w: int = 0) -> PowerBook:
    """A charger with an accepted lease of ten minutes over a fallback of 20 kW; a minute later the clock moves."""
    book = PowerBook(facility(30_000, budget_w=40_000))
    sent = {"station_id": "cs-1", "evse_id": 1, "from_ms": NINE_MS}
    for event in (
        LimitSent(request_id=1, limit_w=20_000, until_ms=None, **sent),
        LimitAnswered(request_id=1, station_id="cs-1", evse_id=1, outcome="ACCEPTED"),
        LimitSent(request_id=2, limit_w=held_w, until_ms=NINE_MS + 600_000, **sent),
        LimitAnswered(request_id=2, station_id="cs-1", evse_id=1, outcome="ACCEPTED"),
    ):
        book.take(event, NINE_MS)
    book.worst_w_max = 0
    for event in (ClockStepped(by_ms=by_ms), *after):
        book.take(event, NINE_MS + 60_000 + by_ms)
    return book


HOUR_MS = 3_600_000


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS])
def test_a_lease_from_before_the_clock_moved_may_have_ended_and_may_go_on_by_either_clock(by_ms):
    assert stepped(by_ms).worst_w_max == 20_000, "it is not taken to hold"
    book = stepped(by_ms, held_w=30_000)
    assert book.worst_w_max == 30_000
    ends_ms = NINE_MS + 600_000 + max(by_ms, 0)
    for after_ms, worst_w in ((0, 30_000), (31_000, 20_000)):
        book.worst_w_max = 0
        book.take(StationConnected(station_id="cs-1", ocpp_version="2.0.1"), ends_ms + after_ms)
        book.worst_w_max = 0
        book.take(StationConnected(station_id="cs-1", ocpp_version="2.0.1"), ends_ms + after_ms)
        assert book.worst_w_max == worst_w


@pytest.mark.parametrize("told", [True, False])
def test_a_lease_holds_again_only_at_a_station_that_was_told_the_time(told):
    now_ms = NINE_MS + 60_000 + HOUR_MS
    lease = LimitSent(request_id=3, station_id="cs-1", evse_id=1, limit_w=0, from_ms=now_ms, until_ms=now_ms + 600_000)
    accepted = LimitAnswered(request_id=3, station_id="cs-1", evse_id=1, outcome="ACCEPTED")
    book = stepped(HOUR_MS, *([StationTimed(station_id="cs-1")] if told else []), lease, accepted)
    book.worst_w_max = 0
    book.take(StationConnected(station_id="cs-1", ocpp_version="2.0.1"), now_ms + 1_000)
    assert book.worst_w_max == (0 if told else 20_000)


def test_of_a_log_without_its_beginning_a_charger_counts_from_where_it_is_told_anew():
    charging = TransactionStarted(
        station_id="cs-1",
        evse_id=1,
        transaction_id="t-1",
        session_id="s-1",
        seq_no=0,
        started_at_ms=NINE_MS,
        register_wh=0,
    )
    site = facility(30_000, 30_000, budget_w=20_000)
    whole, partial = PowerBook(site), PowerBook(site, from_start=False)
    for book in (whole, partial):
        book.take(charging, NINE_MS)
    assert (whole.over_w_max, partial.over_w_max) == (10_000, 0), "it may rest at a fallback that was sent before"
    assert (whole.untold, partial.untold) == (0, 2)
    sent = {"station_id": "cs-1", "evse_id": 1, "from_ms": NINE_MS}
    partial.take(LimitSent(request_id=1, limit_w=25_000, until_ms=None, **sent), NINE_MS)
    assert (partial.over_w_max, partial.untold) == (5_000, 1)


def test_of_a_log_without_its_beginning_a_building_binds_from_where_it_is_heard():
    building = BuildingLoad(grid_w=100_000, load_w_max=60_000, margin_w=0)
    allowance = Allowance(facility(power=PowerSettings(budget_w=90_000, building=building)), from_start=False)
    allowance.unwatched_draw(1_000, 1_000_000)
    assert allowance.at_w(10_000_000) == 89_000
    allowance.building_draws(50_000, 10_000_000)
    assert allowance.at_w(20_000_000) == 49_000
