"""From a car at a lane to a parking session and back out."""

from decimal import Decimal

from edge.rules.inputs import ArmSetpoint, DisplaySetpoint, LaneSignalled, PaymentOffered, QuoteAsked, Started
from edge.rules.knowledge import Learned
from edge.rules.state import Phase
from shared.devices import Arm, ArmPosition, Device, DeviceFailed, DeviceRecovered, Loop
from shared.events import (
    EntryAbandoned,
    EntryGranted,
    EntryRefused,
    ExitGranted,
    ExitRefused,
    LaneFaulted,
    LaneRestored,
    TailgateDetected,
    VehicleEntered,
    VehicleExited,
)
from shared.rights import RightKind
from tests.builders import facility, right
from tests.edge.rules.site import Site


def arms(site: Site) -> list[Arm]:
    return [s.arm for s in site.setpoints if isinstance(s, ArmSetpoint)]


def test_a_car_that_drives_through_opens_a_session_in_the_space_it_was_shown():
    site = Site(facility())
    site.drive_through("in-1", "ABC")
    [entered] = site.of(VehicleEntered)
    assert (entered.plate, entered.space_id) == ("ABC", "r-1")
    assert site.state.session_of_plate == {"ABC": entered.session_id}
    shown = [s.lines for s in site.setpoints if isinstance(s, DisplaySetpoint)]
    assert shown == [("TAKE TICKET", "ABC", "LEVEL 1 AISLE A", "SPACE r-1"), ()]
    assert arms(site) == [Arm.RAISED, Arm.LOWERED]


def test_a_session_id_is_made_from_its_place_in_the_log():
    site = Site(facility())
    site.drive_through("in-1", "ABC")
    [entered] = site.of(VehicleEntered)
    assert entered.session_id == f"test-log-{site.state.head}"


def test_the_session_opens_only_when_the_car_is_through():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    assert site.of(EntryGranted)
    assert not site.state.sessions
    assert site.state.held_spaces == {"r-1": "in-1"}


def test_a_plate_that_was_read_before_the_loop_is_used_when_the_car_arrives():
    site = Site(facility())
    site.read("in-1", "ABC")
    site.loop("in-1", Loop.FRONT, occupied=True)
    assert site.of(EntryGranted)


def test_a_car_that_backs_out_leaves_nothing_behind():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    site.loop("in-1", Loop.UNDER, occupied=False)
    assert site.of(EntryAbandoned)
    assert not site.state.sessions
    assert not site.state.held_spaces
    assert arms(site) == [Arm.RAISED, Arm.LOWERED]


def test_a_grant_that_nobody_uses_is_taken_back():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.wait(61)
    assert site.of(EntryAbandoned)


def test_the_next_car_is_served_when_the_arm_is_down_again():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    site.loop("in-1", Loop.FRONT, occupied=False)
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "XYZ")
    site.loop("in-1", Loop.UNDER, occupied=False)
    assert [e.plate for e in site.of(EntryGranted)] == ["ABC"]
    site.arm("in-1", ArmPosition.LOWERED)
    assert [e.plate for e in site.of(EntryGranted)] == ["ABC", "XYZ"]


def test_a_car_that_follows_without_a_grant_is_let_through_and_reported():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    site.loop("in-1", Loop.FRONT, occupied=False)
    site.loop("in-1", Loop.UNDER, occupied=False)
    site.loop("in-1", Loop.UNDER, occupied=True)
    assert arms(site)[-1] is Arm.RAISED
    site.loop("in-1", Loop.UNDER, occupied=False)
    assert len(site.of(VehicleEntered)) == 1
    assert len(site.of(TailgateDetected)) == 1


def test_an_unread_plate_asks_for_help_after_ten_seconds_and_a_later_reading_still_counts():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.wait(11)
    assert [e.reason for e in site.of(EntryRefused)] == ["NO_READ"]
    site.read("in-1", "ABC")
    assert site.of(EntryGranted)


def test_a_reading_below_the_facility_s_confidence_is_not_acted_on():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC", confidence_pct=40)
    assert not site.of(EntryGranted)
    site.wait(11)
    assert [e.reason for e in site.of(EntryRefused)] == ["LOW_CONFIDENCE"]


def test_the_same_refusal_is_booked_once_however_often_the_camera_reads():
    site = Site(facility(regular=0))
    site.loop("in-1", Loop.FRONT, occupied=True)
    for _ in range(5):
        site.read("in-1", "ABC")
    assert [e.reason for e in site.of(EntryRefused)] == ["FULL"]
    assert arms(site) == []


def test_a_ticket_leaves_only_when_it_is_paid():
    site = Site(facility())
    site.drive_through("in-1", "ABC")
    site.wait(3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ABC")
    [refused] = site.of(ExitRefused)
    assert (refused.reason, refused.due_cents) == ("NOT_PAID", 300)
    site.loop("out-1", Loop.FRONT, occupied=False)
    due = site.give(QuoteAsked(plate="abc"))
    site.give(PaymentOffered(due.session_id, due.due_cents, "CARD", "ref-1", "machine", due.priced_until_ms))
    site.drive_through("out-1", "ABC")
    [exited] = site.of(VehicleExited)
    assert (exited.quoted_cents, exited.paid_cents) == (300, 300)
    assert not site.state.sessions


def test_a_driver_who_pays_in_front_of_the_arm_is_let_out_without_backing_up():
    site = Site(facility())
    site.drive_through("in-1", "ABC")
    site.wait(3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ABC")
    due = site.give(QuoteAsked(plate="ABC"))
    site.give(PaymentOffered(due.session_id, due.due_cents, "CARD", "ref-1", "phone", due.priced_until_ms))
    site.wait(6)
    assert site.of(ExitGranted)


def test_a_driver_before_the_arm_is_let_out_when_a_price_list_comes_by_which_nothing_is_owed():
    site = Site(facility())
    site.drive_through("in-1", "ABC")
    site.wait(3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "ABC")
    site.tariffs = tuple(t.model_copy(update={"max_price": Decimal(0)}) for t in site.tariffs)
    site.give(Learned())
    site.wait(6)
    assert [e.quoted_cents for e in site.of(ExitGranted)] == [0]


def test_an_account_leaves_with_the_price_that_the_cloud_will_charge():
    site = Site(facility())
    site.drive_through("in-1", "ABC", right("ann", "ABC"))
    site.wait(2 * 3600)
    site.drive_through("out-1", "ABC")
    [exited] = site.of(VehicleExited)
    assert (exited.quoted_cents, exited.tariff_versions) == (600, ("parking/1",))


def test_a_pass_covers_the_stay():
    site = Site(facility())
    site.drive_through("in-1", "ABC", right("ann", "ABC", RightKind.SUBSCRIPTION, covers_parking=True))
    site.wait(3600)
    site.drive_through("out-1", "ABC")
    assert site.of(VehicleExited)[0].quoted_cents == 0


def test_a_car_that_never_came_in_is_not_let_out():
    site = Site(facility())
    site.drive_through("out-1", "ABC")
    assert [e.reason for e in site.of(ExitRefused)] == ["NOT_INSIDE"]


def test_one_session_is_let_out_at_one_lane_only():
    site = Site(facility())
    site.facility = site.facility.model_copy(
        update={"lanes": (*site.facility.lanes, site.facility.lanes[1].model_copy(update={"lane_id": "out-2"}))}
    )
    site.drive_through("in-1", "ABC", right("ann", "ABC"))
    for lane_id in ("out-1", "out-2"):
        site.loop(lane_id, Loop.FRONT, occupied=True)
        site.read(lane_id, "ABC")
    assert len(site.of(ExitGranted)) == 1
    assert [e.reason for e in site.of(ExitRefused)] == ["NOT_INSIDE"]


def test_no_car_is_let_in_that_could_not_be_priced():
    site = Site(facility(), tariffs=())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    assert [e.reason for e in site.of(EntryRefused)] == ["NO_TARIFF"]


def test_a_stuck_arm_takes_the_lane_out_of_service_until_the_barrier_recovers():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.wait(31)
    assert [e.fault for e in site.of(LaneFaulted)] == ["STUCK_DOWN"]
    site.give(LaneSignalled(DeviceRecovered(lane_id="in-1", device=Device.BARRIER)))
    assert site.of(LaneRestored)
    assert site.of(EntryAbandoned)


def test_a_slow_arm_that_rises_after_all_lets_its_car_through():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.wait(31)
    site.arm("in-1", ArmPosition.RAISED)
    assert site.state.lane("in-1").phase is Phase.OPEN
    assert site.of(LaneRestored)


def test_an_arm_that_stuck_up_and_comes_down_after_all_serves_the_next_car():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    site.loop("in-1", Loop.FRONT, occupied=False)
    site.loop("in-1", Loop.UNDER, occupied=False)
    site.wait(31)
    assert [e.fault for e in site.of(LaneFaulted)] == ["STUCK_UP"]
    site.arm("in-1", ArmPosition.LOWERED)
    site.drive_through("in-1", "XYZ")
    assert [e.plate for e in site.of(VehicleEntered)] == ["ABC", "XYZ"]


def test_a_car_that_backs_off_an_open_lane_does_not_hold_up_the_next_for_long():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.FRONT, occupied=False)
    site.wait(11)
    assert site.of(EntryAbandoned)
    assert site.state.lane("in-1").phase is Phase.LOWERING


def test_a_dead_loop_stops_the_lane_and_its_recovery_restores_it():
    site = Site(facility())
    site.give(LaneSignalled(DeviceFailed(lane_id="in-1", device=Device.LOOP, reason="open circuit")))
    assert [e.fault for e in site.of(LaneFaulted)] == ["LOOP_DEAD"]
    site.give(LaneSignalled(DeviceRecovered(lane_id="in-1", device=Device.LOOP)))
    site.arm("in-1", ArmPosition.LOWERED)
    site.drive_through("in-1", "ABC")
    assert site.of(VehicleEntered)


def test_after_a_restart_a_car_that_is_gone_has_driven_through():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.give(Started("test"))
    assert arms(site)[-1] is Arm.RAISED
    site.wait(61)
    assert [e.plate for e in site.of(VehicleEntered)] == ["ABC"]


def test_after_a_restart_a_car_that_still_waits_is_served():
    site = Site(facility())
    site.loop("in-1", Loop.FRONT, occupied=True)
    site.read("in-1", "ABC")
    site.give(Started("test"))
    site.drive_through("in-1", "ABC")
    assert [e.plate for e in site.of(VehicleEntered)] == ["ABC"]


def test_after_a_restart_an_arm_found_up_with_nobody_to_let_through_is_lowered():
    site = Site(facility())
    site.give(Started("test"))
    site.arm("in-1", ArmPosition.RAISED)
    assert arms(site) == [Arm.LOWERED]
    assert site.state.lane("in-1").phase is Phase.IDLE
