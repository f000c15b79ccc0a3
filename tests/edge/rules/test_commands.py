"""People's commands as plain values: checked, booked, done once, and answered; an arm never comes down on a car."""

from typing import Any

import pytest

from edge.rules import facility as rules
from edge.rules.gathering import DiagnosticsGathered, GatherDiagnostics
from edge.rules.inputs import (
    ArmSetpoint,
    CommandGiven,
    CommandSettled,
    LaneSignalled,
    OrderReplied,
    OrderSetpoint,
    Started,
)
from edge.rules.orders import StartCharging as StartOrder
from edge.rules.orders import StopCharging as StopOrder
from edge.rules.state import Phase
from shared import commands as c
from shared.commands import Command, CommandResult, Outcome, Reason
from shared.devices import Arm, ArmPosition, Device, DeviceFailed, DeviceRecovered, Loop
from shared.events import (
    CommandCompleted,
    CommandTaken,
    EvseCapped,
    ExitGranted,
    LaneOpened,
    LaneReleased,
    StationOrdered,
    TailgateDetected,
    VehicleEntered,
    VehicleExited,
    entry,
)
from tests.builders import facility, right
from tests.edge.rules.site import Site


class Desk:
    """Somebody at a desk of a facility."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.given = 0

    def command(self, command: Command, command_id: str = "", *, late: bool = False) -> CommandResult | None:
        self.given += 1
        before = len(self.site.setpoints)
        name = command_id or f"cmd-{self.given}"
        self.site.give(CommandGiven(name, command, "mara", within_ms=1_000, until_real_ms=0, late=late))
        told = [s.result for s in self.site.setpoints[before:] if isinstance(s, CommandSettled)]
        return told[-1] if told else None

    def arm(self, lane_id: str) -> Arm | None:
        """Where the barrier was told to be last."""
        told = [s.arm for s in self.site.setpoints if isinstance(s, ArmSetpoint) and s.lane_id == lane_id]
        return told[-1] if told else None

    @property
    def orders(self) -> list[OrderSetpoint]:
        """What stations were asked for by commands."""
        purposes = {e.order_id: e.purpose for e in self.site.of(StationOrdered)}
        sent = [s for s in self.site.setpoints if isinstance(s, OrderSetpoint)]
        return [s for s in sent if purposes[s.order_id].startswith("command/")]

    def drive(self, lane_id: str) -> None:
        """A car drives through an arm that is up."""
        self.site.loop(lane_id, Loop.UNDER, occupied=True)
        self.site.loop(lane_id, Loop.FRONT, occupied=False)
        self.site.loop(lane_id, Loop.UNDER, occupied=False)


@pytest.fixture
def site() -> Site:
    site = Site(facility(11_000, 22_000))
    site.connect("cs-1", "cs-2")
    return site


@pytest.fixture
def desk(site: Site) -> Desk:
    return Desk(site)


# Lanes.


def test_an_opened_gate_lets_one_car_through_and_comes_down_again(desk: Desk, site: Site) -> None:
    assert desk.command(c.OpenGate(lane_id="in-1")) == CommandResult(command_id="cmd-1", outcome=Outcome.DONE)
    assert desk.arm("in-1") is Arm.RAISED
    site.arm("in-1", ArmPosition.RAISED)
    desk.drive("in-1")
    assert desk.arm("in-1") is Arm.LOWERED
    assert site.of(LaneOpened) == [LaneOpened(lane_id="in-1", by="mara")]
    assert site.of(TailgateDetected) == [TailgateDetected(lane_id="in-1", opened_by="mara")]


def test_an_opened_gate_that_nobody_uses_comes_down_by_itself(desk: Desk, site: Site) -> None:
    desk.command(c.OpenGate(lane_id="in-1"))
    site.arm("in-1", ArmPosition.RAISED)
    site.wait(61)
    assert desk.arm("in-1") is Arm.LOWERED
    site.arm("in-1", ArmPosition.LOWERED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    site.loop("in-1", Loop.UNDER, occupied=False)
    assert site.of(TailgateDetected)[-1].opened_by == "", "a later car is nobody's guest"


def test_a_car_that_had_not_paid_and_is_let_out_ends_its_stay_and_owes_the_price(desk: Desk, site: Site) -> None:
    site.drive_through("in-1", "TICKET1")
    site.wait(2 * 3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "TICKET1")
    assert site.state.lane("out-1").phase is Phase.REFUSED
    desk.command(c.OpenGate(lane_id="out-1"))
    site.arm("out-1", ArmPosition.RAISED)
    desk.drive("out-1")
    [left] = site.of(VehicleExited)
    assert (left.plate, left.quoted_cents, left.paid_cents) == ("TICKET1", 600, 0)
    assert site.of(TailgateDetected) == []
    assert not site.state.sessions


def test_a_car_let_out_that_backs_away_stays_inside(desk: Desk, site: Site) -> None:
    site.drive_through("in-1", "TICKET1")
    site.wait(3600)
    site.loop("out-1", Loop.FRONT, occupied=True)
    site.read("out-1", "TICKET1")
    desk.command(c.OpenGate(lane_id="out-1"))
    site.arm("out-1", ArmPosition.RAISED)
    site.loop("out-1", Loop.UNDER, occupied=True)
    assert site.of(ExitGranted)
    site.loop("out-1", Loop.UNDER, occupied=False)
    assert site.of(VehicleExited) == []
    assert list(site.state.session_of_plate) == ["TICKET1"]


def test_an_arm_held_up_stays_up_for_every_car_and_books_those_it_knows(desk: Desk, site: Site) -> None:
    desk.command(c.HoldGate(lane_id="in-1"))
    site.arm("in-1", ArmPosition.RAISED)
    for plate in ("KNOWN1", "KNOWN2"):
        site.read("in-1", plate, right(plate.lower(), plate))
        site.loop("in-1", Loop.FRONT, occupied=True)
        desk.drive("in-1")
    site.loop("in-1", Loop.FRONT, occupied=True)
    desk.drive("in-1")
    site.wait(3600)
    assert desk.arm("in-1") is Arm.RAISED
    assert [v.plate for v in site.of(VehicleEntered)] == ["KNOWN1", "KNOWN2"]
    assert site.of(TailgateDetected) == [TailgateDetected(lane_id="in-1", opened_by="mara")]


def test_a_released_arm_comes_down_only_when_the_car_under_it_is_gone(desk: Desk, site: Site) -> None:
    desk.command(c.HoldGate(lane_id="in-1"))
    site.arm("in-1", ArmPosition.RAISED)
    site.loop("in-1", Loop.UNDER, occupied=True)
    assert desk.command(c.ReleaseGate(lane_id="in-1")) == CommandResult(command_id="cmd-2", outcome=Outcome.DONE)
    assert desk.arm("in-1") is Arm.RAISED
    site.loop("in-1", Loop.UNDER, occupied=False)
    assert desk.arm("in-1") is Arm.LOWERED
    assert site.of(LaneReleased) == [LaneReleased(lane_id="in-1", by="mara")]


def test_an_arm_that_nobody_holds_cannot_be_released(desk: Desk) -> None:
    answer = desk.command(c.ReleaseGate(lane_id="in-1"))
    assert answer is not None
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, Reason.NOT_HELD)


def test_an_arm_held_up_is_held_up_after_a_restart(desk: Desk, site: Site) -> None:
    desk.command(c.HoldGate(lane_id="in-1"))
    site.setpoints.clear()
    site.give(Started("2"))
    assert desk.arm("in-1") is Arm.RAISED
    site.arm("in-1", ArmPosition.RAISED)
    desk.command(c.ReleaseGate(lane_id="in-1"))
    assert desk.arm("in-1") is Arm.LOWERED


def test_a_lane_whose_loop_is_dead_opens_and_stays_open_until_it_senses_again(desk: Desk, site: Site) -> None:
    site.give(LaneSignalled(DeviceFailed(lane_id="out-1", device=Device.LOOP, reason="silent")))
    assert site.state.lane("out-1").phase is Phase.FAULTED
    desk.command(c.OpenGate(lane_id="out-1"))
    site.arm("out-1", ArmPosition.RAISED)
    site.wait(3600)
    assert desk.arm("out-1") is Arm.RAISED
    site.give(LaneSignalled(DeviceRecovered(lane_id="out-1", device=Device.LOOP)))
    assert desk.arm("out-1") is Arm.LOWERED


def test_an_arm_that_stuck_and_was_opened_by_hand_stays_up_for_the_car(desk: Desk, site: Site) -> None:
    desk.command(c.OpenGate(lane_id="in-1"))
    site.wait(31)
    assert site.state.lane("in-1").phase is Phase.FAULTED
    desk.command(c.OpenGate(lane_id="in-1"))
    site.arm("in-1", ArmPosition.RAISED)
    assert site.state.lane("in-1").phase is Phase.OPEN
    assert desk.arm("in-1") is Arm.RAISED


# Stations.


def test_a_stations_order_is_booked_with_the_command_and_its_answer_is_the_commands(desk: Desk, site: Site) -> None:
    assert desk.command(c.StartCharging(station_id="cs-1", evse_id=1, id_token="TOKEN-A")) is None
    [order] = desk.orders
    assert isinstance(order.order, StartOrder)
    assert (order.order.evse_id, order.order.id_token) == (1, "TOKEN-A")
    assert order.deadline_ms == site.now_ms + 1_000
    assert site.of(CommandTaken)[0].order_id == order.order_id
    site.give(OrderReplied(order.order_id, "cs-1", "REJECTED", "Occupied"))
    assert site.of(CommandCompleted) == [
        CommandCompleted(command_id="cmd-1", outcome=Outcome.REFUSED, reason="Occupied")
    ]
    told = site.setpoints[-1]
    assert isinstance(told, CommandSettled)
    assert told.result.text == "Occupied"


@pytest.mark.parametrize(
    ("outcome", "meaning"),
    [
        ("ACCEPTED", Outcome.DONE),
        ("UNSUPPORTED", Outcome.REFUSED),
        ("UNKNOWN", Outcome.UNKNOWN),
        ("UNSENT", Outcome.FAILED),
    ],
)
def test_every_fate_of_an_order_has_a_meaning_for_its_command(desk: Desk, site: Site, outcome: Any, meaning: Outcome):
    desk.command(c.ResetStation(station_id="cs-1"))
    site.give(OrderReplied(desk.orders[0].order_id, "cs-1", outcome))
    assert site.of(CommandCompleted)[0].outcome is meaning


def test_a_charge_for_a_plate_needs_its_car_to_be_inside(desk: Desk, site: Site) -> None:
    start = c.StartCharging(station_id="cs-1", evse_id=1, plate="KNOWN1")
    answer = desk.command(start)
    assert answer is not None
    assert answer.reason == Reason.NOT_INSIDE
    site.drive_through("in-1", "KNOWN1", right("known", "KNOWN1"))
    assert desk.command(start) is None
    order = desk.orders[0].order
    assert isinstance(order, StartOrder)
    assert order.id_token == "KNOWN1"


def test_only_a_charge_that_runs_can_be_stopped(desk: Desk, site: Site) -> None:
    stop = c.StopCharging(station_id="cs-1", transaction_id="tx")
    answer = desk.command(stop)
    assert answer is not None
    assert answer.reason == Reason.UNKNOWN_TRANSACTION
    site.drive_through("in-1", "KNOWN1", right("known", "KNOWN1"))
    site.transaction("cs-1", "Started", 0, id_token="KNOWN1", register_wh=0)
    assert desk.command(stop) is None
    assert desk.orders[0].order == StopOrder("tx")
    answer = desk.command(c.StartCharging(station_id="cs-1", evse_id=1, id_token="X"))
    assert answer is not None
    assert answer.reason == Reason.EVSE_BUSY


def test_a_limit_is_booked_at_once_with_who_set_it(desk: Desk, site: Site) -> None:
    answer = desk.command(c.SetLimit(station_id="cs-1", evse_id=1, limit_w=0))
    assert answer is not None
    assert answer.outcome is Outcome.DONE
    assert site.of(EvseCapped) == [EvseCapped(station_id="cs-1", evse_id=1, limit_w=0, by="mara")]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (c.OpenGate(lane_id="nowhere"), Reason.UNKNOWN_LANE),
        (c.ResetStation(station_id="nowhere"), Reason.UNKNOWN_STATION),
        (c.UnlockConnector(station_id="cs-1", evse_id=7), Reason.UNKNOWN_EVSE),
        (c.ResetStation(station_id="cs-3"), Reason.STATION_AWAY),
    ],
)
def test_what_is_not_there_is_refused_at_once_and_booked(command: Command, reason: Reason) -> None:
    site = Site(facility(11_000, 22_000, 22_000))
    site.connect("cs-1")
    answer = Desk(site).command(command)
    assert answer is not None
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, reason)
    assert [e.command_id for e in site.of(CommandTaken)] == ["cmd-1"]
    assert [e.reason for e in site.of(CommandCompleted)] == [reason]


# At most once, never late.


def test_a_command_given_twice_is_done_once_and_answered_alike(desk: Desk, site: Site) -> None:
    first = desk.command(c.OpenGate(lane_id="in-1"), "same")
    assert desk.command(c.OpenGate(lane_id="in-1"), "same") == first
    assert len(site.of(LaneOpened)) == 1
    desk.command(c.ResetStation(station_id="cs-1"), "order")
    assert desk.command(c.ResetStation(station_id="cs-1"), "order") is None
    assert len(desk.orders) == 1


def test_a_command_that_waited_too_long_is_neither_done_nor_booked(desk: Desk, site: Site) -> None:
    answer = desk.command(c.OpenGate(lane_id="in-1"), late=True)
    assert answer is not None
    assert answer.outcome is Outcome.EXPIRED
    assert site.of(LaneOpened) == site.of(CommandTaken) == []


def test_after_a_restart_an_unanswered_command_is_unknown_and_not_done_again(desk: Desk, site: Site) -> None:
    desk.command(c.ResetStation(station_id="cs-1"), "order")
    site.give(Started("2"))
    assert site.of(CommandCompleted)[0].outcome is Outcome.UNKNOWN
    site.connect("cs-1")
    answer = desk.command(c.ResetStation(station_id="cs-1"), "order")
    assert answer is not None
    assert answer.outcome is Outcome.UNKNOWN
    assert len(desk.orders) == 1


def test_a_state_rebuilt_from_the_log_remembers_commands_and_holds(desk: Desk, site: Site) -> None:
    desk.command(c.HoldGate(lane_id="in-1"))
    desk.command(c.ResetStation(station_id="cs-1"))
    rebuilt = rules.new_state("test-log")
    for seq, (event, at_ms) in enumerate(zip(site.events, site.event_times, strict=True), 1):
        rules.apply(rebuilt, entry(seq, at_ms, event))
    assert rebuilt.commands == site.state.commands
    assert rebuilt.lane("in-1").held_by == "mara"


def test_only_the_newest_answers_are_remembered(desk: Desk, site: Site) -> None:
    for _ in range(250):
        desk.command(c.ReleaseGate(lane_id="in-1"))
    assert len(site.state.commands) <= 201
    assert "cmd-250" in site.state.commands


def gatherings(site: Site) -> list[GatherDiagnostics]:
    return [s for s in site.setpoints if isinstance(s, GatherDiagnostics)]


def test_the_box_gathers_once_and_what_became_of_that_is_the_commands_answer(desk: Desk, site: Site) -> None:
    assert desk.command(c.CollectEdgeDiagnostics(), "d-1") is None
    assert desk.command(c.CollectEdgeDiagnostics(), "d-1") is None, "it is at it"
    assert gatherings(site) == [GatherDiagnostics("d-1")]
    assert site.of(CommandTaken)[-1].by == "mara"
    details = {"name": "diagnostics-here-1.zip", "bytes": 7}
    for _ in range(2):
        site.give(DiagnosticsGathered("d-1", Outcome.DONE, details=details))
    assert site.of(CommandCompleted) == [CommandCompleted(command_id="d-1", outcome=Outcome.DONE, details=details)]
    assert desk.command(c.CollectEdgeDiagnostics(), "d-1") == CommandResult(
        command_id="d-1", outcome=Outcome.DONE, details=details
    )
    assert len(gatherings(site)) == 1


def test_what_the_box_was_gathering_at_a_restart_is_unknown_and_not_gathered_again(desk: Desk, site: Site) -> None:
    desk.command(c.CollectEdgeDiagnostics(), "d-1")
    site.give(Started("2"))
    told = [s.result for s in site.setpoints if isinstance(s, CommandSettled)][-1]
    assert (told.command_id, told.outcome, told.reason) == ("d-1", Outcome.UNKNOWN, "the daemon restarted")
    site.give(DiagnosticsGathered("d-1", Outcome.DONE))
    assert len(gatherings(site)) == 1
    assert [e.outcome for e in site.of(CommandCompleted)] == [Outcome.UNKNOWN]
