"""The simulated meter against frames as the specification writes them."""

import asyncio
import time
from pathlib import Path

import pytest

from hardware.meter import ModbusMeter
from hardware.simulator.meter import LOAD_REGISTER, Manner, SimulatedMeter, crc16, live_in, load_w
from hardware.wiring import MeterWiring
from shared.clock import HOUR_MS, Clock, Timeline
from shared.devices import LoadRead, MeterSignal
from shared.facilities import BuildingLoad
from tests.hardware.site import until

BUILDING = BuildingLoad(grid_w=520_000, load_w_max=160_000)
MIDNIGHT_MS = 1_700_024_400_000  # 15 November 2023 in New York


def test_the_checksum_is_that_of_a_known_frame() -> None:
    assert crc16(bytes.fromhex("01030000000A")).to_bytes(2, "little") == bytes.fromhex("C5CD")


def test_holding_registers_are_answered_with_their_byte_count() -> None:
    """Modbus Application Protocol V1.1b3, 6.3: registers 108 to 110 hold 0x022B, 0 and 0x64."""
    meter = SimulatedMeter()
    meter.words = {("holding", 107): 0x022B, ("holding", 108): 0, ("holding", 109): 0x64}
    assert meter.answer(1, bytes.fromhex("03006B0003")) == bytes.fromhex("0306022B00000064")


def test_input_registers_are_another_table() -> None:
    """6.4: input register 9 holds 10."""
    meter = SimulatedMeter()
    meter.words = {("input", 8): 0x000A}
    assert meter.answer(1, bytes.fromhex("0400080001")) == bytes.fromhex("0402000A")
    assert meter.answer(1, bytes.fromhex("0300080001")) == bytes.fromhex("8302")


def test_other_functions_and_lengths_are_refused() -> None:
    assert SimulatedMeter().answer(1, bytes.fromhex("0600010003")) == bytes.fromhex("8601")
    assert SimulatedMeter().answer(1, bytes.fromhex("03")) == bytes.fromhex("8301")


def test_another_unit_and_a_silent_meter_say_nothing() -> None:
    meter = SimulatedMeter(unit_id=2)
    meter.shows(0, 1.0)
    assert meter.answer(1, bytes.fromhex("0300000002")) is None
    meter.manner = Manner.SILENT
    assert meter.answer(2, bytes.fromhex("0300000002")) is None


def test_a_building_draws_most_in_the_afternoon_and_never_more_than_its_most() -> None:
    by_hour = [load_w(BUILDING, MIDNIGHT_MS + hour * HOUR_MS, "America/New_York") for hour in range(24)]
    assert (by_hour[2], by_hour[14]) == (min(by_hour), max(by_hour)) == (40_000, 145_000)


@pytest.mark.anyio
async def test_the_meter_of_a_building_that_lives_is_read_as_time_passes(tmp_path: Path) -> None:
    clock = Clock(Timeline(time.time(), MIDNIGHT_MS + 6 * HOUR_MS, 36_000.0), time.time)
    heard: list[MeterSignal] = []
    path = str(tmp_path / "meter")
    living = asyncio.create_task(live_in(BUILDING, path, "America/New_York", clock))
    driver = ModbusMeter(MeterWiring(url=path, register=LOAD_REGISTER, kind="int32"), clock)
    await until(Path(path).exists, "plugged in")
    driver.start(heard.append)
    await until(lambda: len({s.load_w for s in heard if isinstance(s, LoadRead)}) > 3, "a load that changes")
    await asyncio.to_thread(driver.close)
    living.cancel()
    await asyncio.wait({living})
    await until(lambda: not Path(path).exists(), "unplugged")
