"""The building's meter from its wire to the budget, in a real daemon that lives a minute a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hardware.simulator.meter import Manner, SimulatedMeter, serve_tcp
from provisioning.local.ports import HOST, free_port
from shared.clock import Timeline
from shared.facilities import BuildingLoad, PowerSettings
from tests.edge.test_main import SITE, Box

pytestmark = pytest.mark.anyio
BUILDING = BuildingLoad(grid_w=200_000, load_w_max=120_000, margin_w=10_000, silent_s=30)
METERED = SITE.model_copy(update={"power": PowerSettings(building=BUILDING)})
LEAST_W = 70_000


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    box = Box(tmp_path)
    box.timeline = str(Timeline(time.time(), 1_700_000_000_000, 60.0))
    yield box
    box.end()


async def eventually(box: Box, budget_w: int, problem: str | None) -> None:
    """Return once the site has this budget and health says this of the meter."""
    give_up = time.monotonic() + 30
    seen: object = None
    while time.monotonic() < give_up:
        health = await asyncio.to_thread(box.health)
        if health is not None and "meter" in health["parts"]:
            told, now_w = health["parts"]["meter"], (await asyncio.to_thread(box.state))["budget_w"]
            seen = now_w, told
            if now_w == budget_w and (told == "running" if problem is None else problem in told):
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {budget_w} W and {problem}; seen {seen}")


async def metrics(box: Box) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://{HOST}:{box.api_port}/metrics")).text


async def test_chargers_get_what_the_meter_leaves_and_the_least_while_it_gives_no_reading(box: Box) -> None:
    port = free_port()
    box.sections = f'[meter]\nurl = "tcp://{HOST}:{port}"\nregister = 52\ntype = "float32"\nscale_w = 1000.0'
    box.configure(METERED)
    meter = SimulatedMeter()
    meter.shows(52, 80.0)
    server = await serve_tcp(meter, HOST, port)
    await asyncio.to_thread(box.start_and_wait)
    await eventually(box, 110_000, None)
    assert "easypark_edge_building_watts 80000.0" in await metrics(box)
    assert 'part_failed{part="meter"} 0.0' in await metrics(box)
    meter.shows(52, 30.5)
    await eventually(box, 159_000, None)
    for manner in (Manner.SILENT, Manner.GARBLES):
        meter.manner = manner
        await eventually(box, LEAST_W, "no answer that can be read")
        assert 'part_failed{part="meter"} 1.0' in await metrics(box)
        assert "easypark_edge_building_watts" not in await metrics(box)
        meter.manner = Manner.ANSWERS
        await eventually(box, 159_000, None)
    meter.shows(52, float("nan"))
    await eventually(box, LEAST_W, "it measures nothing there")
    server.close()
    assert (await asyncio.to_thread(box.stop))[0] == 0


async def test_a_meter_that_was_never_there_leaves_the_least_and_the_lanes_start_without_it(box: Box) -> None:
    box.sections = f'[meter]\nurl = "tcp://{HOST}:{free_port()}"\nregister = 52'
    box.configure(METERED)
    await asyncio.to_thread(box.start_and_wait)
    await eventually(box, LEAST_W, "cannot be reached")


async def test_a_facility_that_counts_on_a_meter_which_the_box_does_not_have_is_told(box: Box) -> None:
    box.configure(METERED)
    await asyncio.to_thread(box.start_and_wait)
    await eventually(box, LEAST_W, "has no [meter]")
