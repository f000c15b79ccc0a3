"""The simulated arm: it takes its time, says where it is, and owns up to what it hits."""

import asyncio

import pytest

from hardware.simulator.arm import SimulatedArm
from tests.hardware.site import clock, until

pytestmark = pytest.mark.anyio


class Bench:
    def __init__(self) -> None:
        self.clock = clock(speed=10)
        self.limits: list[tuple[bool, bool]] = []
        self.car_under = False
        self.arm = SimulatedArm(self.clock, on_limits=self._limit, car_under=lambda: self.car_under)

    def _limit(self, *, up: bool, down: bool) -> None:
        self.limits.append((up, down))

    async def at(self, height: float) -> None:
        arrived = (height == 1.0, height == 0.0)
        await until(lambda: bool(self.limits) and self.limits[-1] == arrived, f"at {height}")


async def test_it_leaves_one_limit_switch_and_reaches_the_other_a_second_and_a_half_later() -> None:
    bench = Bench()
    before_ms = bench.clock.now_ms()
    bench.arm.rise()
    assert bench.limits == [(False, False)]
    await bench.at(1.0)
    assert bench.limits == [(False, False), (True, False)]
    assert bench.clock.now_ms() - before_ms >= 1_400
    assert bench.arm.passable
    bench.arm.fall()
    await bench.at(0.0)
    assert bench.limits[2:] == [(False, False), (False, True)]


async def test_a_pulse_towards_where_it_is_moves_nothing() -> None:
    bench = Bench()
    bench.arm.fall()
    bench.arm.rise()
    bench.arm.rise()
    await bench.at(1.0)
    bench.arm.rise()
    assert bench.limits == [(False, False), (True, False)]


async def test_it_turns_round_where_it_is() -> None:
    bench = Bench()
    bench.arm.rise()
    await bench.at(1.0)
    bench.arm.fall()
    await asyncio.sleep(0.05)
    bench.arm.rise()
    assert 0.2 < bench.arm.height < 1
    await bench.at(1.0)
    assert (False, True) not in bench.limits


async def test_coming_down_on_a_car_is_recorded_once_and_stops_it() -> None:
    bench = Bench()
    bench.arm.rise()
    await bench.at(1.0)
    bench.car_under = True
    before_ms = bench.clock.now_ms()
    bench.arm.fall()
    await asyncio.sleep(0.3)
    (crush,) = bench.arm.crushes
    assert before_ms < crush.at_ms <= bench.clock.now_ms()
    assert (False, True) not in bench.limits
    bench.car_under = False
    bench.arm.rise()
    await bench.at(1.0)
    assert len(bench.arm.crushes) == 1


async def test_raised_in_time_it_hits_nothing() -> None:
    bench = Bench()
    bench.arm.rise()
    await bench.at(1.0)
    bench.arm.fall()
    bench.car_under = True
    await asyncio.sleep(0.02)
    bench.arm.rise()
    await bench.at(1.0)
    assert bench.arm.crushes == []


async def test_a_stuck_arm_does_not_move() -> None:
    bench = Bench()
    bench.arm.stuck = True
    bench.arm.rise()
    await asyncio.sleep(0.2)
    assert (bench.arm.height, bench.limits) == (0.0, [])
