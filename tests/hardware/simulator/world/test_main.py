"""The whole world as a process: real pins, ptys and sockets, and a gatekeeper who lets everybody through."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hardware.simulator.journal import Journal
from hardware.simulator.population import Settings, visits
from shared.clock import Clock, Timeline, from_datetime
from tests.hardware.simulator.world.box import eventually, gatekeeper, site_table, till, write_world

RUN = "import pathlib, sys; from hardware.simulator.world.main import run; sys.exit(run(pathlib.Path(sys.argv[1])))"
MIDNIGHT_MS = from_datetime(datetime(2026, 3, 9, tzinfo=ZoneInfo("America/New_York")))
EIGHT_MS = MIDNIGHT_MS + 8 * 3_600_000
SPEED = 60.0


@contextmanager
def process(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The world as its own process; what it says goes to ``world.log``."""
    with config.with_name("world.log").open("w") as log:
        world = subprocess.Popen([sys.executable, "-c", RUN, str(config)], stderr=log)
        try:
            yield world
        finally:
            world.kill()
            world.wait()


def inside(folder: Path) -> dict[str, str]:
    """Plates and stages in the journal, as far as it is written."""
    path = folder / "world.journal"
    cars = {}
    for line in path.read_text().splitlines(keepends=True) if path.exists() else ():
        if line.startswith('["car/') and line.endswith("\n"):
            key, value = json.loads(line)
            cars[key] = value
    return {c["visit"]["plate"]: c["stage"] for c in cars.values() if c is not None}


@pytest.mark.slow
def test_cars_come_park_pay_and_leave_and_a_restart_goes_on_with_them(tmp_path: Path) -> None:
    timeline = Timeline(time.time() + 2, EIGHT_MS, SPEED)
    planned = visits("7", "boston-downtown", MIDNIGHT_MS, "America/New_York", Settings(("boston-downtown",)))
    coming = [v for v in planned if v.arrives_at_ms >= EIGHT_MS]
    with till(**{v.plate: 300 for v in coming}) as api:
        site = site_table(api_url=f"http://127.0.0.1:{api.port}")
        config = write_world(tmp_path, site=site, timeline=str(timeline), starts_at_ms=EIGHT_MS)
        with gatekeeper(tmp_path, Clock(timeline, time.time)) as keeper:
            with process(config) as world:
                eventually(lambda: list(inside(tmp_path).values()).count("PARKED") >= 3, "three parked cars")
                world.send_signal(signal.SIGTERM)
                assert world.wait(15) == 0
            plates = {plate for _, plate in keeper.seen if plate}
            assert plates <= {v.plate for v in coming[: len(plates) + 5]}
            parked = {plate for plate, stage in inside(tmp_path).items() if stage == "PARKED"}
            assert len(parked) >= 3
            keeper.seen.clear()
            with process(config) as world:
                eventually(lambda: len([1 for lane, plate in keeper.seen if plate]) >= 3, "more cars")
                assert parked.isdisjoint(plate for lane, plate in keeper.seen if lane == "entry-1")
                assert parked <= inside(tmp_path).keys() | {p for lane, p in keeper.seen if lane == "exit-1"}
                world.send_signal(signal.SIGINT)
                assert world.wait(15) == 0
    said = [json.loads(line) for line in (tmp_path / "world.log").read_text().splitlines()]
    assert said[-1]["msg"] == "world is stopped"


@pytest.mark.slow
def test_without_an_edge_the_world_waits_and_stops_cleanly(tmp_path: Path) -> None:
    timeline = Timeline(time.time() + 1, EIGHT_MS, SPEED)
    with process(write_world(tmp_path, timeline=str(timeline), starts_at_ms=EIGHT_MS)) as world:
        eventually(lambda: inside(tmp_path), "a car that waits")
        assert set(inside(tmp_path).values()) == {"ARRIVING"}
        world.send_signal(signal.SIGTERM)
        assert world.wait(15) == 0
    with Journal(tmp_path / "world.journal") as journal:
        assert [car["stage"] for _, car in journal.under("car/")][:1] == ["ARRIVING"]


@pytest.mark.parametrize("broken", ["config", "journal"])
def test_a_world_that_cannot_start_says_why_in_one_line(tmp_path: Path, broken: str) -> None:
    config = write_world(tmp_path)
    (tmp_path / ("world.json" if broken == "config" else "world.journal")).write_text("{\n{\n")
    with process(config) as world:
        assert world.wait(15) == 2
    said = (tmp_path / "world.log").read_text()
    assert said.startswith("easypark world: ")
    assert said.count("\n") == 1
