"""The barrier's driver: pulses, never both relays, and never down onto a car."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from hardware.barrier import RelayBarrier, position_of
from hardware.gpio import Board
from hardware.simulator.pin_wire import WiredFactory
from shared.devices import Arm, ArmMoved, ArmPosition, Device, DeviceFailed, DeviceRecovered
from tests.hardware.site import PINS, Heard, clock, eventually


@dataclass
class Bench:
    barrier: RelayBarrier
    factory: WiredFactory
    heard: Heard

    def drive(self, pin: int, level: bool) -> None:
        if level:
            self.factory.pin(pin).drive_high()
        else:
            self.factory.pin(pin).drive_low()

    def pulses(self, pin: int) -> int:
        """How often a relay was energised."""
        states = [state.state for state in self.factory.pin(pin).states]
        return sum(1 for before, after in pairwise(states) if after and not before)


@pytest.fixture
def bench() -> Iterator[Bench]:
    factory, heard = WiredFactory(), Heard()
    board = Board.bench(factory)
    barrier = RelayBarrier(
        "entry-1",
        relays=(board.relay(PINS.raise_), board.relay(PINS.lower)),
        limits=(board.input(PINS.arm_up), board.input(PINS.arm_down)),
        under=board.input(PINS.under, fail_safe=True),
        clock=clock(speed=10),
    )
    bench = Bench(barrier, factory, heard)
    bench.drive(PINS.arm_down, True)
    barrier.start(heard)
    yield bench
    barrier.close()
    board.close()


@pytest.mark.parametrize(
    ("up", "down", "position"),
    [
        (True, False, ArmPosition.RAISED),
        (False, True, ArmPosition.LOWERED),
        (False, False, ArmPosition.BETWEEN),
        (True, True, None),
    ],
)
def test_two_limit_switches_tell_where_the_arm_is(up: bool, down: bool, position: ArmPosition | None) -> None:
    assert position_of(up=up, down=down) is position


def test_the_arm_s_position_is_reported_at_the_start_and_at_each_change(bench: Bench) -> None:
    bench.drive(PINS.arm_down, False)
    bench.drive(PINS.arm_up, True)
    moved = [signal.position for signal in bench.heard.of(ArmMoved)]
    assert moved == [ArmPosition.LOWERED, ArmPosition.BETWEEN, ArmPosition.RAISED]


@pytest.mark.parametrize(("arm", "pin"), [(Arm.RAISED, PINS.raise_), (Arm.LOWERED, PINS.lower)])
def test_a_setpoint_is_one_pulse_on_its_own_relay(bench: Bench, arm: Arm, pin: int) -> None:
    bench.barrier.set_arm(arm)
    eventually(lambda: len(bench.factory.pin(pin).states) == 3, "a pulse that ends")
    other = PINS.lower if pin == PINS.raise_ else PINS.raise_
    assert (bench.pulses(pin), bench.pulses(other)) == (1, 0)


def test_the_same_setpoint_again_is_another_pulse(bench: Bench) -> None:
    for times in (1, 2):
        bench.barrier.set_arm(Arm.RAISED)
        eventually(lambda n=times: bench.pulses(PINS.raise_) == n, "a pulse")


def test_the_arm_is_not_lowered_onto_an_occupied_loop_and_not_later_by_itself(bench: Bench) -> None:
    bench.drive(PINS.under, True)
    bench.barrier.set_arm(Arm.LOWERED)
    bench.drive(PINS.under, False)
    threading.Event().wait(0.1)
    assert bench.pulses(PINS.lower) == 0
    bench.barrier.set_arm(Arm.LOWERED)
    eventually(lambda: bench.pulses(PINS.lower) == 1, "lowered when told again")


def test_an_arm_is_raised_over_an_occupied_loop(bench: Bench) -> None:
    bench.drive(PINS.under, True)
    bench.barrier.set_arm(Arm.RAISED)
    eventually(lambda: bench.pulses(PINS.raise_) == 1, "raised")


def test_an_arm_on_its_way_down_is_raised_when_a_car_comes_under_it(bench: Bench) -> None:
    bench.drive(PINS.arm_down, False)
    bench.barrier.set_arm(Arm.LOWERED)
    eventually(lambda: bench.factory.pin(PINS.lower).state == 1, "lowering")
    bench.drive(PINS.under, True)
    assert bench.factory.pin(PINS.lower).state == 0
    eventually(lambda: bench.pulses(PINS.raise_) == 1, "raised again")


def test_a_lowered_arm_stays_down_when_something_stands_on_the_loop(bench: Bench) -> None:
    bench.barrier.set_arm(Arm.LOWERED)
    bench.drive(PINS.under, True)
    threading.Event().wait(0.1)
    assert bench.pulses(PINS.raise_) == 0


def test_the_two_relays_are_never_energised_together(bench: Bench) -> None:
    told: list[tuple[int, bool]] = []
    bench.factory.tell = lambda pin, level: told.append((pin, level))

    def press(arm: Arm) -> None:
        for _ in range(50):
            bench.barrier.set_arm(arm)

    pressers = [threading.Thread(target=press, args=(arm,)) for arm in (Arm.RAISED, Arm.LOWERED)]
    for presser in pressers:
        presser.start()
    for presser in pressers:
        presser.join()
    energised: set[int] = set()
    for pin, level in told:
        energised = energised | {pin} if level else energised - {pin}
        assert energised != {PINS.raise_, PINS.lower}
    assert {pin for pin, level in told if level} == {PINS.raise_, PINS.lower}, "both had their turn"


def test_a_closed_barrier_pulses_no_more(bench: Bench) -> None:
    bench.barrier.set_arm(Arm.RAISED)
    bench.barrier.close()
    pulses = bench.pulses(PINS.raise_)
    bench.barrier.set_arm(Arm.RAISED)
    bench.barrier.set_arm(Arm.LOWERED)
    threading.Event().wait(0.05)
    assert (bench.pulses(PINS.raise_), bench.pulses(PINS.lower)) == (pulses, 0)


def test_two_closed_limit_switches_are_a_failed_barrier_until_one_opens(bench: Bench) -> None:
    bench.drive(PINS.arm_up, True)
    reason = "both limit switches say that the arm has arrived"
    assert bench.heard.of(DeviceFailed) == [DeviceFailed(lane_id="entry-1", device=Device.BARRIER, reason=reason)]
    bench.drive(PINS.arm_down, False)
    assert bench.heard.of(DeviceRecovered) == [DeviceRecovered(lane_id="entry-1", device=Device.BARRIER)]
    assert bench.heard.signals[-1] == ArmMoved(lane_id="entry-1", position=ArmPosition.RAISED)
