"""Targets and pauses."""

from edge.rules.charging_view import transactions
from edge.rules.inputs import ConnectorReported, Matches, OrderSetpoint
from edge.rules.orders import StopCharging
from edge.rules.requests import PauseAsked, RequestReply, TargetAsked
from shared.clock import HOUR_MS
from shared.events import EvseCapped, TargetReached, TransactionEnded
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")


def charging() -> Site:
    site = Site(facility(11_000))
    site.connect("cs-1")
    site.drive_through("in-1", "ANNSCAR", ANN)
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=Matches(rights=(ANN,)), register_wh=0)
    site.transaction("cs-1", "Updated", 1, charging_state="Charging", soc_pct=40)
    return site


def stops(site: Site) -> int:
    return sum(isinstance(s, OrderSetpoint) and isinstance(s.order, StopCharging) for s in site.setpoints)


def test_charging_stops_at_the_energy_that_the_driver_set():
    site = charging()
    assert site.give(TargetAsked("cs-1", "tx", "app", energy_wh=5_000)) == RequestReply(id="tx")
    site.wait(1800)
    site.transaction("cs-1", "Updated", 2, register_wh=4_900)
    assert stops(site) == 0
    site.wait(60)
    site.transaction("cs-1", "Updated", 3, register_wh=5_010)
    assert stops(site) == 1
    assert [e.energy_wh for e in site.of(TargetReached)] == [5_010]


def test_charging_stops_at_the_state_of_charge_that_the_driver_set():
    site = charging()
    site.give(TargetAsked("cs-1", "tx", "app", soc_pct=80))
    site.transaction("cs-1", "Updated", 2, soc_pct=79)
    site.transaction("cs-1", "Updated", 3, soc_pct=80)
    assert stops(site) == 1


def test_the_idle_clock_runs_from_the_stop():
    site = charging()
    site.give(TargetAsked("cs-1", "tx", "app", energy_wh=5_000))
    site.wait(3600)
    site.transaction("cs-1", "Updated", 2, register_wh=6_000)
    site.transaction("cs-1", "Updated", 3, charging_state="EVConnected")
    site.wait(3600)
    site.transaction("cs-1", "Ended", 4)
    [ended] = site.of(TransactionEnded)
    assert (ended.finished_at_ms, ended.ended_at_ms) == (NINE_MS + HOUR_MS, NINE_MS + 2 * HOUR_MS)


def test_a_station_that_does_not_stop_is_asked_again_and_one_that_did_is_not():
    site = charging()
    site.give(TargetAsked("cs-1", "tx", "app", soc_pct=30))
    site.wait(121)
    assert stops(site) == 2
    site.transaction("cs-1", "Updated", 2, charging_state="EVConnected")
    site.wait(600)
    assert stops(site) == 2


def test_a_target_can_be_lifted():
    site = charging()
    site.give(TargetAsked("cs-1", "tx", "app", soc_pct=80))
    site.give(TargetAsked("cs-1", "tx", "app"))
    site.transaction("cs-1", "Updated", 2, soc_pct=90)
    assert stops(site) == 0


def test_a_target_that_cannot_be_kept_is_refused_with_the_reason():
    site = charging()
    assert site.give(TargetAsked("cs-1", "nope", "app", soc_pct=80)).found is False
    assert "1 to 100" in site.give(TargetAsked("cs-1", "tx", "app", soc_pct=101)).problem
    assert "above 0" in site.give(TargetAsked("cs-1", "tx", "app", energy_wh=0)).problem
    site.transaction("cs-1", "Ended", 2)
    site.transaction("cs-1", "Started", 0, transaction_id="t2")
    assert "does not tell" in site.give(TargetAsked("cs-1", "t2", "app", soc_pct=80)).problem


def test_a_pause_holds_the_evse_at_nothing_until_it_is_lifted():
    site = charging()
    assert site.give(PauseAsked("cs-1", "tx", True, "desk")).problem is None
    assert [t.status for t in transactions(site.state)] == ["PAUSED"]
    assert site.give(PauseAsked("cs-1", "tx", True, "desk")).problem == "it is paused already"
    assert site.give(PauseAsked("cs-1", "tx", False, "desk")).problem is None
    assert site.give(PauseAsked("cs-1", "tx", False, "desk")).problem == "it is not paused"
    assert [e.limit_w for e in site.of(EvseCapped)] == [0, None]


def test_a_pause_ends_with_its_transaction():
    site = charging()
    site.give(PauseAsked("cs-1", "tx", True, "desk"))
    site.transaction("cs-1", "Ended", 2)
    assert site.state.caps == {}


def test_a_pause_outlasts_that_its_transaction_was_taken_for_lost():
    site = charging()
    site.give(PauseAsked("cs-1", "tx", True, "desk"))
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    assert [t.status for t in transactions(site.state)] == ["CLOSING"]
    site.wait(60)
    site.transaction("cs-1", "Updated", 2, register_wh=5_000, charging_state="Charging")
    assert [t.status for t in transactions(site.state)] == ["PAUSED"]
