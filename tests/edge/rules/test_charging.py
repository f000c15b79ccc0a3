"""Charging transactions: who may charge, and what each message books, whatever its order."""

from edge.rules import facility as rules
from edge.rules.inputs import Authorization, AuthorizeAsked, Matches, StationOpened, TransactionReported
from edge.rules.requests import PauseAsked
from shared.clock import HOUR_MS, MINUTE_MS
from shared.devices import ArmPosition, Loop
from shared.events import (
    ChargingRefused,
    EnergyMetered,
    ExitGranted,
    ExitRefused,
    MessageHeard,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
    VehicleExited,
)
from shared.rights import RightKind
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
WITH_ANN = Matches(rights=(ANN,))


def with_ann_inside() -> Site:
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    site.drive_through("in-1", "ANNSCAR", ANN)
    return site


def test_a_token_of_a_customer_whose_car_is_inside_may_charge():
    site = with_ann_inside()
    assert site.give(AuthorizeAsked("cs-1", "TOKEN-ann", 1, WITH_ANN)) == Authorization("Accepted")


def test_a_token_nobody_knows_may_not_charge():
    site = with_ann_inside()
    assert site.give(AuthorizeAsked("cs-1", "NOBODY", 1)).status == "Unknown"
    assert [e.reason for e in site.of(ChargingRefused)] == ["no right for this token"]


def test_a_token_whose_car_is_not_inside_may_not_charge():
    site = Site(facility(11_000))
    site.connect("cs-1")
    assert site.give(AuthorizeAsked("cs-1", "TOKEN-ann", 1, WITH_ANN)).status == "NotAtThisLocation"


def test_the_plate_of_the_car_parked_at_the_charger_is_enough():
    site = with_ann_inside()
    assert site.give(AuthorizeAsked("cs-1", "annscar", 1)).status == "Accepted"


def test_one_car_charges_once_at_a_time():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    assert site.give(AuthorizeAsked("cs-2", "TOKEN-ann", 1, WITH_ANN)).status == "ConcurrentTx"


def test_nobody_charges_at_a_station_that_has_not_confirmed_its_fallback():
    site = Site(facility(11_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.drive_through("in-1", "ANNSCAR", ANN)
    assert site.give(AuthorizeAsked("cs-1", "TOKEN-ann", 1, WITH_ANN)).status == "NotAtThisTime"


def test_a_transaction_is_billed_by_its_register_and_belongs_to_the_parked_car():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=5_000)
    site.wait(3600)
    site.transaction("cs-1", "Updated", 1, register_wh=10_000, power_w=5_000, charging_state="Charging")
    site.wait(3600)
    site.transaction("cs-1", "Ended", 2, register_wh=15_500)
    [ended] = site.of(TransactionEnded)
    assert ended.energy_wh == 10_500
    assert ended.session_id == site.state.session_of_plate["ANNSCAR"]
    site.drive_through("out-1", "ANNSCAR")
    assert site.of(VehicleExited)[0].quoted_cents == 2 * 300 + round(10.5 * 40)


def test_idle_time_runs_from_when_the_car_stopped_taking_energy():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, charging_state="Charging")
    site.transaction("cs-1", "Updated", 1, charging_state="Charging")
    site.wait(3600)
    site.transaction("cs-1", "Updated", 2, charging_state="SuspendedEV")
    site.wait(1800)
    site.transaction("cs-1", "Ended", 3)
    [ended] = site.of(TransactionEnded)
    assert ended.finished_at_ms == NINE_MS + HOUR_MS
    assert ended.ended_at_ms == NINE_MS + 90 * MINUTE_MS


def test_a_pause_of_ours_does_not_start_the_idle_clock():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    site.transaction("cs-1", "Updated", 1, charging_state="Charging")
    site.wait(600)
    site.transaction("cs-1", "Updated", 2, charging_state="SuspendedEVSE")
    site.wait(600)
    site.transaction("cs-1", "Ended", 3)
    [ended] = site.of(TransactionEnded)
    assert ended.finished_at_ms == ended.ended_at_ms


def test_a_message_that_comes_again_books_nothing_again():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    for _ in range(3):
        site.transaction("cs-1", "Updated", 1, register_wh=100)
    assert len(site.of(EnergyMetered)) == 1


def test_an_ended_transaction_is_immutable():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 1, register_wh=1_000)
    site.transaction("cs-1", "Updated", 2, register_wh=900)
    site.transaction("cs-1", "Ended", 3, register_wh=9_000)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [1_000]
    assert not site.state.transactions


def test_a_token_that_comes_after_the_cable_is_booked_on_the_running_transaction():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0)
    answer = site.transaction("cs-1", "Updated", 1, id_token="TOKEN-ann", matches=WITH_ANN)
    assert answer == Authorization("Accepted")
    assert site.of(TransactionAuthorized)[0].id_token == "TOKEN-ann"


def test_an_update_whose_start_was_lost_begins_the_transaction_and_a_late_start_completes_it():
    site = with_ann_inside()
    site.wait(2 * 3600)
    site.transaction("cs-1", "Updated", 1, register_wh=2_000, at_ms=NINE_MS + HOUR_MS)
    site.transaction("cs-1", "Started", 0, register_wh=500, at_ms=NINE_MS, id_token="TOKEN-ann", matches=WITH_ANN)
    site.transaction("cs-1", "Ended", 2, register_wh=3_000, at_ms=NINE_MS + 2 * HOUR_MS)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.started_at_ms) == (2_500, NINE_MS)
    assert ended.session_id is not None


def test_the_repeat_of_a_refused_start_is_refused_again():
    site = with_ann_inside()
    for _ in range(2):
        assert site.transaction("cs-1", "Started", 0, id_token="NOBODY").status == "Unknown"


def test_a_message_that_changes_nothing_is_booked_so_that_it_is_not_missed():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, charging_state="Charging")
    site.transaction("cs-1", "Updated", 1, charging_state="Charging")
    assert [e.seq_no for e in site.of(MessageHeard)] == [1]


def test_a_station_that_gives_every_message_the_same_number_is_heard():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    for register_wh in (5_000, 10_000):
        site.wait(1800)
        site.transaction("cs-1", "Updated", 0, register_wh=register_wh)
    site.transaction("cs-1", "Ended", 0)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [10_000]


def test_messages_without_numbers_count_once_each_and_wait_for_nothing():
    site = with_ann_inside()
    for _ in range(2):
        site.transaction("cs-1", "Started", None, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=100)
    site.wait(3600)
    for _ in range(2):
        site.transaction("cs-1", "Updated", None, register_wh=5_000)
    site.wait(3600)
    for _ in range(2):
        site.transaction("cs-1", "Ended", None, register_wh=6_100)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [6_000]


def test_a_time_of_1970_is_taken_for_that_of_receipt():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0, at_ms=5_000)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 1, register_wh=7_000, at_ms=3_605_000)
    [ended] = site.of(TransactionEnded)
    assert (ended.started_at_ms, ended.ended_at_ms, ended.energy_wh) == (NINE_MS, NINE_MS + HOUR_MS, 7_000)
    assert ended.flags == ("CLOCK_WRONG",)


def test_a_car_that_stops_because_it_was_paused_pays_no_idle_time():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, charging_state="Charging")
    site.give(PauseAsked("cs-1", "tx", True, "desk"))
    site.wait(600)
    site.transaction("cs-1", "Updated", 1, charging_state="SuspendedEV")
    site.wait(3600)
    site.transaction("cs-1", "Ended", 2)
    [ended] = site.of(TransactionEnded)
    assert ended.finished_at_ms == ended.ended_at_ms


def test_a_state_that_was_overtaken_by_the_next_changes_only_the_time_between():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, charging_state="Charging")
    site.wait(3600)
    at = {seq_no: NINE_MS + seq_no * 10 * MINUTE_MS for seq_no in range(4)}
    site.transaction("cs-1", "Updated", 2, charging_state="Charging", at_ms=at[2])
    site.transaction("cs-1", "Updated", 1, charging_state="SuspendedEV", at_ms=at[1])
    site.transaction("cs-1", "Ended", 3, at_ms=at[3])
    assert [e.finished_at_ms for e in site.of(TransactionEnded)] == [at[3]]


def test_the_remote_start_that_began_a_transaction_is_on_record():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="ANNSCAR", remote_start_id=77)
    [started] = site.of(TransactionStarted)
    assert (started.remote_start_id, started.session_id is not None) == (77, True)


def test_what_a_station_did_while_it_was_away_is_charged_to_whoever_it_was_done_for():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    late = {"transaction_id": "tx-2", "offline": True, "id_token": "TOKEN-ann", "matches": WITH_ANN}
    assert site.transaction("cs-2", "Started", 0, **late) == Authorization("Accepted")


def test_a_charging_pass_covers_the_energy():
    site = Site(facility(11_000))
    site.connect("cs-1")
    holder = right("ann", "ANNSCAR", RightKind.SUBSCRIPTION, covers_charging=True)
    site.drive_through("in-1", "ANNSCAR", holder)
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=Matches(rights=(holder,)), register_wh=0)
    site.transaction("cs-1", "Ended", 1, register_wh=30_000)
    site.wait(3600)
    site.drive_through("out-1", "ANNSCAR")
    assert site.of(VehicleExited)[0].quoted_cents == 300


def test_a_state_rebuilt_from_the_log_is_the_state_that_wrote_it():
    site = with_ann_inside()
    entries = []
    for given_input in (
        TransactionReported("cs-1", "tx", "Started", 0, NINE_MS, 1, "TOKEN-ann", matches=WITH_ANN, register_wh=1),
        TransactionReported("cs-1", "tx", "Updated", 1, NINE_MS, 1, register_wh=50, charging_state="Charging"),
    ):
        entries += rules.advance(site.state, site.knowledge, given_input, site.now_ms).entries
    assert site.of(TransactionStarted) == []
    again = with_ann_inside().state
    for written in entries:
        rules.apply(again, written)
    assert again.transactions == site.state.transactions
    assert again.promises == site.state.promises


def test_a_car_at_the_exit_waits_a_moment_for_word_of_its_last_charge():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ANNSCAR")
    assert [e.reason for e in site.of(ExitRefused)] == ["STILL_CHARGING"]
    site.transaction("cs-1", "Ended", 1, register_wh=10_000)
    [granted] = site.of(ExitGranted)
    assert (granted.quoted_cents, granted.running) == (300 + 400, ())


def test_a_car_whose_charger_says_nothing_leaves_at_the_price_known_then():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(1800)
    site.transaction("cs-1", "Updated", 1, register_wh=5_000)
    site.wait(1800)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ANNSCAR")
    site.wait(6)
    [granted] = site.of(ExitGranted)
    assert granted.quoted_cents == 300 + 200
    site.transaction("cs-1", "Ended", 2, register_wh=9_000)
    site.arm("out-1", ArmPosition.RAISED)
    site.loop("out-1", Loop.UNDER, occupied=True)
    site.loop("out-1", Loop.FRONT, occupied=False)
    site.loop("out-1", Loop.UNDER, occupied=False)
    [exited] = site.of(VehicleExited)
    assert exited.quoted_cents == 500
    assert [r.use.energy_wh for r in exited.running] == [5_000]
