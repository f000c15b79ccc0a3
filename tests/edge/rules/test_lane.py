"""One lane as a table."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.rules import lane
from edge.rules.lane import ARM, NEXT, Trigger
from edge.rules.state import LaneState, Phase
from shared.devices import Arm, ArmPosition, Device, Loop, LoopChanged


def loop(name: Loop, *, occupied: bool) -> LoopChanged:
    return LoopChanged(lane_id="in-1", loop=name, occupied=occupied)


def test_every_phase_has_transitions_and_an_arm_position():
    assert set(NEXT) == set(ARM) == set(Phase)


def test_every_phase_that_waits_for_something_has_a_way_out_by_time_or_by_a_signal():
    for phase, timeout_ms in lane.TIMEOUT_MS.items():
        assert timeout_ms > 0
        assert NEXT[phase]


def test_the_arm_is_never_told_down_in_a_phase_that_a_car_can_be_under_it():
    for phase, triggers in NEXT.items():
        if Trigger.UNDER in triggers:
            assert ARM[triggers[Trigger.UNDER]] is Arm.RAISED, phase


def test_a_served_car_goes_once_around_the_table():
    state = LaneState()
    path = [Trigger.ARRIVED, Trigger.GRANTED, Trigger.RAISED, Trigger.UNDER, Trigger.THROUGH, Trigger.LOWERED]
    arms = [step.arm for trigger in path if (step := lane.move(state, trigger, 0))]
    assert state.phase is Phase.IDLE
    assert arms == [None, Arm.RAISED, None, None, Arm.LOWERED, None]


def test_a_trigger_that_means_nothing_in_a_phase_changes_nothing():
    state = LaneState(phase=Phase.PASSING, deadline_ms=5)
    assert lane.move(state, Trigger.LOWERED, 99) is None
    assert (state.phase, state.deadline_ms) == (Phase.PASSING, 5)


def test_a_car_under_an_arm_that_comes_down_sends_it_up_again():
    state = LaneState(phase=Phase.LOWERING)
    step = lane.move(state, Trigger.UNDER, 0)
    assert step is not None
    assert (step.after, step.arm) == (Phase.TAILGATED, Arm.RAISED)


def test_an_arm_that_does_not_move_in_time_is_a_fault_and_is_left_where_it_is():
    state = LaneState(phase=Phase.RAISING)
    step = lane.move(state, Trigger.TIMED_OUT, 0)
    assert step is not None
    assert (step.after, step.arm) == (Phase.FAULTED, None)


def test_a_recovered_lane_closes_its_arm_before_it_serves_again():
    state = LaneState(phase=Phase.FAULTED)
    step = lane.move(state, Trigger.RECOVERED, 0)
    assert step is not None
    assert (step.after, step.arm) == (Phase.LOWERING, Arm.LOWERED)


def test_a_car_that_left_the_front_loop_while_under_the_arm_is_through():
    state = LaneState(phase=Phase.OPEN, front=True)
    lane.move(state, lane.sense_loop(state, loop(Loop.UNDER, occupied=True)) or Trigger.LEFT, 0)
    lane.sense_loop(state, loop(Loop.FRONT, occupied=False))
    assert lane.sense_loop(state, loop(Loop.UNDER, occupied=False)) is Trigger.THROUGH


def test_a_car_is_through_even_when_the_next_one_already_stands_on_the_front_loop():
    state = LaneState(phase=Phase.OPEN, front=True)
    lane.move(state, lane.sense_loop(state, loop(Loop.UNDER, occupied=True)) or Trigger.LEFT, 0)
    lane.sense_loop(state, loop(Loop.FRONT, occupied=False))
    lane.sense_loop(state, loop(Loop.FRONT, occupied=True))
    assert lane.sense_loop(state, loop(Loop.UNDER, occupied=False)) is Trigger.THROUGH


def test_a_car_that_never_left_the_front_loop_has_backed_out():
    state = LaneState(phase=Phase.OPEN, front=True)
    lane.move(state, lane.sense_loop(state, loop(Loop.UNDER, occupied=True)) or Trigger.LEFT, 0)
    assert lane.sense_loop(state, loop(Loop.UNDER, occupied=False)) is Trigger.BACKED_OUT


def test_a_repeated_level_is_not_a_change():
    state = LaneState()
    assert lane.sense_loop(state, loop(Loop.FRONT, occupied=False)) is None


@pytest.mark.parametrize(
    ("device", "fault"),
    [
        (Device.LOOP, lane.Fault.LOOP_DEAD),
        (Device.BARRIER, lane.Fault.BARRIER_DEAD),
        (Device.PLATE_READER, None),
        (Device.DISPLAY, None),
    ],
)
def test_only_a_dead_loop_or_barrier_stops_a_lane(device, fault):
    assert lane.fault_of(device) is fault


@settings(max_examples=2_000)
@example(["under-on", Trigger.FAILED, Trigger.RECOVERED])
@given(st.lists(st.sampled_from([*Trigger, "under-on", "under-off", "front-on", "front-off"]), max_size=60))
def test_whatever_happens_the_arm_is_not_told_down_on_an_occupied_loop(happenings):
    state = LaneState()
    for happening in happenings:
        if isinstance(happening, Trigger):
            if happening in (Trigger.UNDER, Trigger.THROUGH, Trigger.BACKED_OUT, Trigger.ARRIVED, Trigger.LEFT):
                continue
            trigger = happening
        else:
            name, level = happening.split("-")
            found = lane.sense_loop(state, loop(Loop[name.upper()], occupied=level == "on"))
            if found is None:
                continue
            trigger = found
        step = lane.move(state, trigger, 0)
        if step is not None and step.arm is Arm.LOWERED:
            assert not state.under, (happening, step)


def test_an_arm_between_its_ends_triggers_nothing():
    state = LaneState()
    assert lane.sense_arm(state, ArmPosition.BETWEEN) is None
    assert state.arm is ArmPosition.BETWEEN
