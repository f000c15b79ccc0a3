"""The ends of transactions: told, told too early, or never told."""

import pytest

from edge.rules.charging import CONNECTORS_MAX
from edge.rules.closing import OPEN_MAX
from edge.rules.inputs import (
    BootReported,
    ConnectorReported,
    Matches,
    OrderReplied,
    OrderSetpoint,
    Started,
    StationOpened,
    TransactionReported,
)
from edge.rules.orders import AskMessage, AskTransaction
from shared.clock import HOUR_MS, MINUTE_MS
from shared.devices import ArmPosition, Loop
from shared.events import TransactionClosing, TransactionEnded, TransactionFlagged, VehicleExited
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
WITH_ANN = Matches(rights=(ANN,))


def charging() -> Site:
    """Ann's car had charged 5 kWh after an hour; half an hour more has passed."""
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    site.drive_through("in-1", "ANNSCAR", ANN)
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(3600)
    site.transaction("cs-1", "Updated", 1, register_wh=5_000, charging_state="Charging")
    site.wait(1800)
    return site


def asked(site: Site, kind: type = AskTransaction) -> list[OrderSetpoint]:
    return [s for s in site.setpoints if isinstance(s, OrderSetpoint) and isinstance(s.order, kind)]


def tell(site: Site, order: OrderSetpoint, outcome: str = "ACCEPTED", **details: object) -> None:
    site.give(OrderReplied(order.order_id, order.station_id, outcome, details=details))  # type: ignore[arg-type]


def flags(site: Site) -> list[str]:
    return [e.flag for e in site.of(TransactionFlagged)]


def test_an_end_that_overtook_a_message_waits_for_it():
    site = charging()
    site.transaction("cs-1", "Ended", 3, register_wh=7_000)
    assert [e.cause for e in site.of(TransactionClosing)] == ["ENDED"]
    assert site.of(TransactionEnded) == []
    site.transaction("cs-1", "Updated", 2, register_wh=6_000, at_ms=NINE_MS + 75 * MINUTE_MS)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.seq_no, ended.flags) == (7_000, 3, ())


def test_the_station_is_asked_what_is_missing_and_when_nothing_is_on_its_way_the_end_counts():
    site = charging()
    site.transaction("cs-1", "Ended", 3, register_wh=7_000)
    [order] = asked(site)
    tell(site, order, messagesInQueue=False)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.flags) == (7_000, ("MESSAGES_MISSING",))


def test_a_station_with_messages_in_its_queue_is_waited_for_but_not_for_ever():
    site = charging()
    site.transaction("cs-1", "Ended", 3, register_wh=7_000)
    tell(site, asked(site)[0], messagesInQueue=True)
    site.wait(5 * 60)
    assert site.of(TransactionEnded) == []
    site.wait(6 * 60)
    assert [e.ended_at_ms for e in site.of(TransactionEnded)] == [NINE_MS + 90 * MINUTE_MS]


def test_a_gap_in_a_running_transaction_is_asked_about_once_it_has_lasted():
    site = charging()
    site.transaction("cs-1", "Updated", 3, register_wh=5_001)
    assert asked(site) == []
    site.wait(31)
    [order] = asked(site)
    tell(site, order, messagesInQueue=False, ongoingIndicator=True)
    assert flags(site) == ["MESSAGES_MISSING"]
    site.wait(1800)
    site.transaction("cs-1", "Ended", 4, register_wh=6_000)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [6_000]


def test_a_gap_that_closes_is_not_held_against_the_transaction():
    site = charging()
    site.transaction("cs-1", "Updated", 3, register_wh=5_001)
    site.transaction("cs-1", "Updated", 2, register_wh=5_000)
    site.wait(1800)
    site.transaction("cs-1", "Ended", 4, register_wh=6_000)
    assert [e.flags for e in site.of(TransactionEnded)] == [()]


def test_after_a_reboot_a_transaction_that_the_station_no_longer_has_is_closed_at_its_last_reading():
    site = charging()
    site.give(BootReported("cs-1", "V", "M", "1", "PowerUp"))
    site.wait(61)
    tell(site, asked(site)[0], messagesInQueue=False, ongoingIndicator=False)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.ended_at_ms, ended.reason) == (5_000, NINE_MS + HOUR_MS, "lost")
    assert flags(site) == ["END_LOST"]


def test_after_a_restart_of_ours_the_stations_that_come_back_are_asked():
    site = charging()
    site.give(Started("2"))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.wait(61)
    assert [s.order.transaction_id for s in asked(site)] == ["tx"]


def test_a_transaction_that_still_runs_goes_on():
    site = charging()
    site.give(StationOpened("cs-1", "2.0.1"))
    site.wait(61)
    tell(site, asked(site)[0], messagesInQueue=False, ongoingIndicator=True)
    assert site.of(TransactionClosing) == []


def test_a_station_that_cannot_say_is_asked_for_its_connector_instead():
    site = charging()
    site.give(StationOpened("cs-1", "1.6"))
    site.wait(61)
    tell(site, asked(site)[0], "UNSUPPORTED")
    assert [s.order for s in asked(site, AskMessage)] == [AskMessage("StatusNotification", 1)]
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(601)
    assert [e.reason for e in site.of(TransactionEnded)] == ["lost"]


def test_an_end_that_comes_after_the_cable_was_pulled_is_the_end():
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.transaction("cs-1", "Ended", 2, register_wh=5_500, stopped_reason="EVDisconnected")
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.reason, ended.flags) == (5_500, "EVDisconnected", ())
    site.wait(600)
    assert len(site.of(TransactionEnded)) == 1


@pytest.mark.parametrize("seq_no", [2, None])
def test_an_end_that_comes_after_the_free_connector_is_priced_to_its_own_instant(seq_no: int | None):
    """2.0.1 and 1.6 stations tell the connector's status before the transaction's end."""
    site = charging()
    site.transaction("cs-1", "Updated", 2, charging_state="SuspendedEV", at_ms=NINE_MS + 70 * MINUTE_MS)
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(1)
    site.transaction("cs-1", "Ended", 3 if seq_no else None, register_wh=5_000)
    [ended] = site.of(TransactionEnded)
    assert ended.finished_at_ms == NINE_MS + 70 * MINUTE_MS
    assert ended.ended_at_ms == NINE_MS + 90 * MINUTE_MS + 1_000
    [use] = site.state.sessions[ended.session_id].charging
    assert use.ended_ms == ended.ended_at_ms
    assert flags(site) == []


def test_a_lost_end_counts_what_was_heard_while_it_was_waited_for():
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.transaction("cs-1", "Updated", 2, register_wh=5_800, at_ms=NINE_MS + 80 * MINUTE_MS)
    site.wait(11 * 60)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.ended_at_ms, ended.flags) == (5_800, NINE_MS + 80 * MINUTE_MS, ("END_LOST",))


def test_a_station_that_still_has_messages_to_send_is_given_the_time_for_its_end():
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(31)
    tell(site, asked(site)[0], messagesInQueue=True)
    site.wait(5 * 60)
    site.transaction("cs-1", "Ended", 2, register_wh=6_000, at_ms=NINE_MS + 89 * MINUTE_MS)
    assert [(e.energy_wh, e.flags) for e in site.of(TransactionEnded)] == [(6_000, ())]


@pytest.mark.parametrize("answers", [True, False])
def test_a_station_that_sends_what_it_kept_for_days_is_waited_for_until_it_has_sent_it(answers: bool):
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    for number in range(12):
        site.wait(5 * 60)
        if answers:
            tell(site, asked(site)[-1], messagesInQueue=True)
        else:
            told_ms = NINE_MS + (60 + number) * MINUTE_MS
            site.transaction("cs-1", "Updated", 2 + number, register_wh=5_000 + number, at_ms=told_ms)
    assert site.of(TransactionEnded) == []
    site.transaction("cs-1", "Ended", 2 if answers else 14, register_wh=6_000, at_ms=NINE_MS + 85 * MINUTE_MS)
    assert [(e.energy_wh, e.flags) for e in site.of(TransactionEnded)] == [(6_000, ())]


@pytest.mark.parametrize("outcome", ["UNSENT", "UNKNOWN"])
def test_a_question_that_was_not_answered_is_asked_again_and_may_wait_behind_others(outcome: str):
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(31)
    [first] = asked(site)
    assert first.deadline_ms - site.now_ms > 4 * MINUTE_MS
    tell(site, first, outcome)
    site.wait(5 * 60)
    tell(site, asked(site)[1], messagesInQueue=True)
    site.wait(9 * 60)
    assert site.of(TransactionEnded) == []


def test_a_station_that_always_has_more_to_send_is_not_waited_for_for_ever():
    site = charging()
    site.transaction("cs-1", "Ended", 3, register_wh=7_000)
    for _ in range(13 * 12):
        tell(site, asked(site)[-1], messagesInQueue=True)
        site.wait(5 * 60 + 1)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [7_000]


def test_a_transaction_that_its_station_says_goes_on_is_not_closed_for_a_connector_that_seemed_free():
    """Some stations call every connector free when they boot, and then take a transaction up again."""
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(31)
    tell(site, asked(site)[0], messagesInQueue=False, ongoingIndicator=True)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 2, register_wh=9_000)
    assert [(e.energy_wh, e.flags) for e in site.of(TransactionEnded)] == [(9_000, ())]


def test_one_that_tells_of_later_charging_is_not_closed_either():
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(60)
    site.transaction("cs-1", "Updated", 2, register_wh=5_100)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 3, register_wh=9_000)
    assert [(e.energy_wh, e.flags) for e in site.of(TransactionEnded)] == [(9_000, ())]


def test_what_was_told_late_of_before_shows_no_later_charging():
    site = charging()
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    site.wait(60)
    site.transaction("cs-1", "Updated", 2, register_wh=5_100, at_ms=NINE_MS + 80 * MINUTE_MS)
    site.wait(600)
    assert [(e.energy_wh, e.flags) for e in site.of(TransactionEnded)] == [(5_100, ("END_LOST",))]


def test_a_transaction_whose_car_has_left_is_asked_about_until_it_ends():
    site = charging()
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ANNSCAR")
    site.wait(6)
    site.arm("out-1", ArmPosition.RAISED)
    site.loop("out-1", Loop.UNDER, occupied=True)
    site.loop("out-1", Loop.FRONT, occupied=False)
    site.loop("out-1", Loop.UNDER, occupied=False)
    assert (len(site.of(VehicleExited)), asked(site)) == (1, [])
    site.wait(5 * 60 + 1)
    tell(site, asked(site)[0], messagesInQueue=False, ongoingIndicator=True)
    site.wait(5 * 60)
    tell(site, asked(site)[1], messagesInQueue=False, ongoingIndicator=False)
    assert [e.reason for e in site.of(TransactionEnded)] == ["lost"]


def test_a_new_transaction_on_the_evse_closes_the_one_that_never_ended():
    site = charging()
    site.wait(60)
    site.transaction("cs-1", "Started", 0, transaction_id="tx-2", register_wh=5_000)
    assert [(e.transaction_id, e.cause) for e in site.of(TransactionClosing)] == [("tx", "SUPERSEDED")]
    site.wait(11 * 60)
    ended = next(e for e in site.of(TransactionEnded) if e.transaction_id == "tx")
    assert (ended.energy_wh, ended.flags, ended.ended_at_ms) == (5_000, ("SUPERSEDED",), NINE_MS + HOUR_MS)


def test_a_start_that_comes_late_supersedes_nothing_that_began_after_it():
    site = charging()
    site.transaction("cs-1", "Started", 0, transaction_id="tx-0", at_ms=NINE_MS - 10 * MINUTE_MS, register_wh=0)
    assert [e.transaction_id for e in site.of(TransactionClosing)] == ["tx-0"]


def test_an_end_whose_start_never_came_is_closed_and_flagged():
    site = Site(facility(11_000))
    site.connect("cs-1")
    site.transaction("cs-1", "Ended", 9, register_wh=7_000)
    site.wait(11 * 60)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.energy_method, ended.flags) == (0, "NONE", ("MESSAGES_MISSING",))


def test_a_transaction_that_goes_on_no_parking_session_is_flagged():
    site = Site(facility(11_000))
    site.connect("cs-1")
    site.transaction("cs-1", "Started", 0, register_wh=0)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 1, register_wh=7_000)
    assert [e.flags for e in site.of(TransactionEnded)] == [("UNPAID",)]


@pytest.mark.parametrize(("kind", "seq_no"), [("Started", 0), ("Updated", 3), ("Ended", 9)])
def test_a_station_that_begins_ever_new_transactions_has_no_more_than_a_few_of_them_open(kind: str, seq_no: int):
    site = charging()
    for number in range(3 * OPEN_MAX):
        site.give(TransactionReported("cs-2", f"n-{number}", kind, seq_no, site.now_ms, evse_id=number))  # type: ignore[arg-type]
        site.wait(1)
    open_ones = list(site.state.transactions.values())
    assert len([t for t in open_ones if t.station_id == "cs-2"]) <= 2 * OPEN_MAX
    assert open_ones[-1].transaction_id == f"n-{3 * OPEN_MAX - 1}"
    assert [t.closing for t in open_ones if t.station_id == "cs-1"] == [None]


def test_what_a_station_says_of_ever_new_connectors_is_passed_over():
    site = charging()
    for number in range(2 * CONNECTORS_MAX):
        site.give(ConnectorReported("cs-2", number, number, "Available"))
    site.give(ConnectorReported("cs-2", 1, 1, "Occupied"))
    station = site.state.station("cs-2")
    assert len(station.connectors) <= CONNECTORS_MAX
    assert station.statuses[1] == "Occupied"
