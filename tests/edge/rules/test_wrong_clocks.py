"""A station whose clock is wrong, or that does not know yet how ours was moved: the driver pays for all of the energy
by the register, and for no minute that did not pass."""

import pytest

from edge.rules.clock_inputs import ClockTaken, TimeTold
from edge.rules.inputs import Matches, Started, StationClosed, StationOpened
from edge.rules.payment import running_charges
from shared.events import TransactionEnded, TransactionFlagged
from tests.builders import facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
WITH_ANN = Matches(rights=(ANN,))
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
SAMPLE_MS = 5 * MINUTE_MS
SAMPLE_WH = 900
"""What 11 kW give in five minutes, nearly."""


def with_ann_inside() -> Site:
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    site.drive_through("in-1", "ANNSCAR", ANN)
    return site


def step(site: Site, by_ms: int) -> None:
    site.now_ms += by_ms
    site.give(ClockTaken(by_ms))


def come_back(site: Site) -> None:
    site.give(StationOpened("cs-1", "2.0.1"))
    site.accept_limits()


def kept(site: Site, began_ms: int, samples: int, *, first_wh: int = 50_000) -> None:
    """All that a station has to tell of a charge that began while it was away, at once: its start and its samples."""
    started = {"id_token": "TOKEN-ann", "matches": WITH_ANN}
    site.transaction("cs-1", "Started", 0, register_wh=first_wh, at_ms=began_ms, offline=True, **started)
    for n in range(1, samples + 1):
        at_ms, register_wh = began_ms + n * SAMPLE_MS, first_wh + n * SAMPLE_WH
        site.transaction("cs-1", "Updated", n, register_wh=register_wh, at_ms=at_ms, offline=True)


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS, 40_000, -40_000])
def test_a_charge_that_began_at_a_station_that_missed_a_step_is_placed_by_the_step(by_ms):
    site = with_ann_inside()
    site.give(StationClosed("cs-1", "the link dropped"))
    step(site, by_ms)
    site.wait(3600)
    began_ms = site.now_ms - 60 * MINUTE_MS
    come_back(site)
    kept(site, began_ms - by_ms, 11)
    site.give(TimeTold("cs-1"))
    site.transaction("cs-1", "Ended", 12, register_wh=50_000 + 12 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert (ended.started_at_ms, ended.ended_at_ms, ended.energy_wh) == (began_ms, site.now_ms, 12 * SAMPLE_WH)
    assert ended.flags == ()


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS])
def test_what_a_station_kept_is_of_its_old_clock_though_it_was_told_the_time_before_it_came_to_it(by_ms):
    site = with_ann_inside()
    site.give(StationClosed("cs-1", "the link dropped"))
    step(site, by_ms)
    site.wait(3600)
    began_ms = site.now_ms - 60 * MINUTE_MS
    come_back(site)
    site.give(TimeTold("cs-1"))
    kept(site, began_ms - by_ms, 12)
    site.transaction("cs-1", "Ended", 13, register_wh=50_000 + 12 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert (ended.started_at_ms, ended.ended_at_ms, ended.energy_wh) == (began_ms, site.now_ms, 12 * SAMPLE_WH)


@pytest.mark.parametrize("by_ms", [3 * HOUR_MS, -3 * HOUR_MS])
def test_a_charge_that_begins_before_its_station_is_told_of_a_step_loses_nothing(by_ms):
    site = with_ann_inside()
    step(site, by_ms)
    began_ms = site.now_ms
    started = {"id_token": "TOKEN-ann", "matches": WITH_ANN}
    site.transaction("cs-1", "Started", 0, register_wh=50_000, at_ms=site.now_ms - by_ms, **started)
    for n in (1, 2):
        site.wait(300)
        at_ms = site.now_ms - by_ms
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, at_ms=at_ms)
    site.give(TimeTold("cs-1"))
    site.wait(300)
    site.transaction("cs-1", "Ended", 3, register_wh=50_000 + 3 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert (ended.started_at_ms, ended.ended_at_ms, ended.energy_wh) == (began_ms, site.now_ms, 3 * SAMPLE_WH)


@pytest.mark.parametrize("told_ms", [5_000, 4_000_000_000_000], ids=["1970", "2096"])
def test_the_energy_of_a_charge_that_was_kept_by_a_senseless_clock_is_billed_and_no_time(told_ms):
    site = with_ann_inside()
    site.give(StationClosed("cs-1", "the link dropped"))
    site.wait(3600)
    come_back(site)
    kept(site, told_ms, 12)
    site.transaction("cs-1", "Ended", 13, register_wh=50_000 + 12 * SAMPLE_WH, at_ms=told_ms + 65 * MINUTE_MS)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 12 * SAMPLE_WH
    assert ended.started_at_ms == ended.ended_at_ms == site.now_ms
    assert ended.flags == ("CLOCK_WRONG",)


def test_a_clock_that_is_set_right_between_two_readings_takes_nothing_from_the_bill():
    site = with_ann_inside()
    site.give(StationClosed("cs-1", "the link dropped"))
    site.wait(3600)
    come_back(site)
    kept(site, 5_000, 11)
    site.wait(5)
    site.transaction("cs-1", "Ended", 12, register_wh=50_000 + 12 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 12 * SAMPLE_WH


def test_a_register_is_judged_by_the_time_that_a_wrong_clock_counted():
    """An hour by that clock is no leave to bill what the charger gives in ten."""
    site = with_ann_inside()
    site.give(StationClosed("cs-1", "the link dropped"))
    site.wait(3600)
    come_back(site)
    kept(site, 5_000, 12)
    site.transaction("cs-1", "Ended", 13, register_wh=50_000 + 100_000, at_ms=5_000 + 65 * MINUTE_MS)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 12 * SAMPLE_WH
    assert "METER_JUMPED" in ended.flags


def test_readings_from_before_a_start_that_was_heard_are_of_no_earlier_than_it():
    """A restart of our machine leaves open by how much a station's clock is off; nothing comes before a Started."""
    site = with_ann_inside()
    site.give(ClockTaken(0))
    site.transaction("cs-1", "Started", 0, register_wh=50_000, id_token="TOKEN-ann", matches=WITH_ANN)
    for n in (1, 2):
        site.wait(300)
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, at_ms=site.now_ms - HOUR_MS)
    site.wait(300)
    site.transaction("cs-1", "Ended", 3, register_wh=50_000 + 3 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 3 * SAMPLE_WH
    assert site.of(TransactionFlagged) == []


def test_what_waited_at_a_station_that_nobody_knows_the_clock_of_loses_nothing_in_any_order():
    """A box that stands in for another is told of a charge that began before it, by messages that nobody calls kept."""
    site = with_ann_inside()
    site.give(ClockTaken(0))
    for n in (6, 8, 7, 9):
        details = {"register_wh": n * SAMPLE_WH, "at_ms": site.now_ms - HOUR_MS + n * SAMPLE_MS}
        site.transaction("cs-1", "Updated", n, **details)
    site.give(TimeTold("cs-1"))
    site.transaction("cs-1", "Updated", 10, register_wh=10 * SAMPLE_WH, at_ms=site.now_ms - 10 * MINUTE_MS)
    site.wait(300)
    site.transaction("cs-1", "Ended", 11, register_wh=11 * SAMPLE_WH)
    site.wait(3600)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 5 * SAMPLE_WH


@pytest.mark.parametrize("by_ms", [-5 * HOUR_MS, 0, 5 * HOUR_MS])
def test_a_charge_goes_on_after_a_time_off_of_which_nobody_knows_how_long_it_was(by_ms):
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, register_wh=50_000, id_token="TOKEN-ann", matches=WITH_ANN)
    site.wait(300)
    site.transaction("cs-1", "Updated", 1, register_wh=50_000 + SAMPLE_WH)
    heard_ms = site.now_ms
    site.now_ms += by_ms
    site.give(Started("test", clock_known=False))
    come_back(site)
    site.give(TimeTold("cs-1"))
    site.transaction("cs-1", "Updated", 2, register_wh=50_000 + 20 * SAMPLE_WH)
    site.wait(300)
    site.transaction("cs-1", "Ended", 3, register_wh=50_000 + 21 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 21 * SAMPLE_WH
    assert ended.ended_at_ms - heard_ms == max(by_ms, 0) + 300_000, "what lies before what was heard did not pass"


def test_a_car_that_is_still_plugged_in_pays_for_the_idle_minutes_that_passed_and_not_for_its_stations_clock():
    """A station of another zone says that the car was full five hours ago."""
    site = with_ann_inside()
    behind_ms = 5 * HOUR_MS
    started = {"id_token": "TOKEN-ann", "matches": WITH_ANN, "charging_state": "Charging"}
    site.transaction("cs-1", "Started", 0, register_wh=0, at_ms=site.now_ms - behind_ms, **started)
    site.wait(3600)
    full = {"register_wh": 9_000, "charging_state": "SuspendedEV", "at_ms": site.now_ms - behind_ms}
    site.transaction("cs-1", "Updated", 1, **full)
    site.wait(1200)
    [session] = site.state.sessions.values()
    [charge] = running_charges(site.state, session.session_id, site.now_ms)
    assert charge.use.ended_ms - charge.use.finished_ms == 1_200_000


def test_messages_are_in_the_order_of_their_numbers_whatever_their_times_so_no_energy_counts_twice():
    site = with_ann_inside()
    began_ms = site.now_ms
    started = {"id_token": "TOKEN-ann", "matches": WITH_ANN}
    site.transaction("cs-1", "Started", 0, register_wh=50_000, **started)
    for n in range(1, 13):
        site.wait(300)
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH)
    site.give(Started("2", clock_known=False))
    come_back(site)
    site.wait(300)
    for n in (13, 14):
        early_ms = began_ms + 20 * MINUTE_MS + n
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + 12 * SAMPLE_WH, at_ms=early_ms, offline=True)
    site.transaction("cs-1", "Ended", 15, register_wh=50_000 + 12 * SAMPLE_WH)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 12 * SAMPLE_WH


def test_a_fast_clock_that_is_set_back_further_than_ours_was_takes_nothing_from_the_bill():
    site = with_ann_inside()
    fast_ms, slow_ms = 108_000, 73_000
    site.transaction(
        "cs-1", "Started", 0, register_wh=50_000, at_ms=site.now_ms + fast_ms, id_token="TOKEN-ann", matches=WITH_ANN
    )
    for n in (1, 2, 3):
        site.wait(300)
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, at_ms=site.now_ms + fast_ms)
    step(site, -fast_ms - slow_ms)
    site.give(TimeTold("cs-1"))
    for n in (4, 5, 6):
        site.wait(300)
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, at_ms=site.now_ms - slow_ms)
    site.transaction("cs-1", "Ended", 7, register_wh=50_000 + 6 * SAMPLE_WH, at_ms=site.now_ms - slow_ms)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 6 * SAMPLE_WH
    assert ended.flags == ()


@pytest.mark.parametrize("by_ms", [143_000, -143_000])
@pytest.mark.parametrize("off_ms", [108_000, -108_000])
def test_a_station_whose_clock_is_off_by_nearly_a_step_loses_nothing_between_what_it_says_and_what_it_kept(
    by_ms, off_ms
):
    site = with_ann_inside()
    started = {"id_token": "TOKEN-ann", "matches": WITH_ANN}
    site.transaction("cs-1", "Started", 0, register_wh=50_000, at_ms=site.now_ms + off_ms, **started)

    def sample(n: int, **told: object) -> None:
        site.wait(300)
        site.transaction(
            "cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, **{"at_ms": site.now_ms + off_ms, **told}
        )

    for n in (1, 2):
        sample(n)
    step(site, by_ms)
    site.give(TimeTold("cs-1"))
    for n in (3, 4):
        sample(n)
    site.give(StationClosed("cs-1", "the link dropped"))
    left_ms = site.now_ms
    site.wait(1000)
    come_back(site)
    for n in (5, 6, 7):
        at_ms = left_ms + (n - 4) * SAMPLE_MS + off_ms
        site.transaction("cs-1", "Updated", n, register_wh=50_000 + n * SAMPLE_WH, at_ms=at_ms, offline=True)
    site.give(TimeTold("cs-1"))
    for n in (8, 9):
        sample(n)
    site.transaction("cs-1", "Ended", 10, register_wh=50_000 + 9 * SAMPLE_WH, at_ms=site.now_ms + off_ms)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 9 * SAMPLE_WH
    assert not site.of(TransactionFlagged)
