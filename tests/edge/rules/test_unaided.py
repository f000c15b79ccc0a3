"""While nothing can be decided: out, not in, and never down."""

from edge.rules.access import TEXTS, Refusal
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint
from edge.rules.unaided import setpoints
from shared.devices import Arm
from tests.builders import facility

SITE = facility()


def test_an_exit_with_a_car_in_front_is_raised() -> None:
    assert setpoints(SITE, {"out-1": True}) == [ArmSetpoint("out-1", Arm.RAISED)]


def test_an_entry_stays_closed_and_says_so() -> None:
    assert setpoints(SITE, {"in-1": True}) == [DisplaySetpoint("in-1", TEXTS[Refusal.LANE_OUT_OF_SERVICE])]


def test_a_lane_without_a_car_is_left_as_it_is() -> None:
    assert setpoints(SITE, {"in-1": False, "out-1": False}) == []


def test_a_lane_that_nobody_configured_is_not_taken_for_an_exit() -> None:
    assert setpoints(None, {"out-1": True}) == [DisplaySetpoint("out-1", TEXTS[Refusal.LANE_OUT_OF_SERVICE])]


def test_no_arm_is_ever_lowered() -> None:
    said = setpoints(SITE, {"in-1": True, "out-1": True, "out-2": False})
    assert all(s.arm is Arm.RAISED for s in said if isinstance(s, ArmSetpoint))
