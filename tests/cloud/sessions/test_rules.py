"""A batch of charging events becomes one change per transaction; the newest by the station's time counts."""

from collections.abc import Iterable
from typing import Any

from cloud.sessions.rules import charging_changes
from shared.events import Event, TailgateDetected, TransactionAuthorized
from tests.cloud.sessions.stays import ANN, ended, metered, started, state


def changes_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """As one batch that begins at position 1."""
    return charging_changes(enumerate(events, 1))


def test_many_readings_make_one_change() -> None:
    (change,) = changes_of(metered(n, register_wh=10_000 + n, power_w=7_000 + n) for n in range(1, 100))
    assert (change["register_ms"], change["register_wh"], change["power_w"]) == (99, 10_099, 7_099)


def test_a_reading_that_comes_late_does_not_replace_a_newer_one() -> None:
    (change,) = changes_of([metered(20, register_wh=200, soc_pct=50), metered(10, register_wh=100, power_w=7)])
    assert (change["register_ms"], change["register_wh"], change["soc_pct"]) == (20, 200, 50)
    assert change["power_w"] == 7, "what only the older one says is still the best that is known"


def test_a_quantity_that_a_reading_leaves_out_keeps_its_last_value() -> None:
    (change,) = changes_of([metered(10, register_wh=100, soc_pct=40), metered(20, register_wh=200)])
    assert (change["register_wh"], change["soc_pct"]) == (200, 40)


def test_a_state_that_comes_late_does_not_replace_a_newer_one() -> None:
    (change,) = changes_of([state("SuspendedEV", 20), state("Charging", 10)])
    assert (change["state"], change["state_ms"]) == ("SuspendedEV", 20)


def test_each_transaction_of_each_station_has_its_own_change() -> None:
    events = [
        started("t-2"),
        metered(5, "t-1", register_wh=3),
        ended("t-2", energy_wh=9),
        TailgateDetected(lane_id="x"),
    ]
    one, two = changes_of(events)
    assert (one["transaction_id"], one["ended_ms"], one["register_wh"]) == ("t-1", None, 3)
    assert (two["transaction_id"], two["started_ms"], two["ended_ms"], two["energy_wh"]) == ("t-2", 1_000, 9_000, 9)


def test_who_pays_may_be_told_after_the_start() -> None:
    told = TransactionAuthorized(
        station_id="cs-1", evse_id=1, transaction_id="t-1", seq_no=1, id_token="T", session_id="s-1", right=ANN
    )
    (change,) = changes_of([started(session_id=None, right=None), told])
    assert (change["session_id"], change["right"]["customer_id"]) == ("s-1", "ann")


def test_what_follows_the_end_of_a_transaction_changes_nothing() -> None:
    until_end = changes_of([started(), ended()])
    assert changes_of([started(), ended(), state("Charging", 99), ended(energy_wh=1)]) == until_end


def test_how_energy_was_come_by_says_what_the_meters_signatures_are_worth() -> None:
    (plain,) = changes_of([started(), ended(energy_method="SIGNED")])
    (proven,) = changes_of([started(), ended(energy_method="SIGNED", signature_proof="FIRST_SEEN_KEY")])
    assert (plain["energy_method"], proven["energy_method"]) == ("SIGNED", "SIGNED/FIRST_SEEN_KEY")
