"""The whole demo as a newcomer starts it: all of it real, from the plate to the receipt, and it reconciles."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioning.demo.lived import MEASURED_DAY, morning_of
from provisioning.demo.run import INTERRUPTED
from provisioning.local.accounts import forget
from shared.clock import MINUTE_MS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
COMMAND = [sys.executable, "-P", "-m", "provisioning", "demo"]


@dataclass(frozen=True)
class Measured:
    code: int
    said: str
    summary: dict[str, Any]
    state: Path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """Twelve minutes of a Wednesday morning, lived in as many seconds."""
    folder = tmp_path_factory.mktemp("demo")
    state, file = folder / "state", folder / "summary.json"
    wish = ["--speed", "60", "--for", "12m", "--headless", "--seed", "7", "--state", str(state), "--summary", str(file)]
    done = subprocess.run([*COMMAND, *wish], capture_output=True, text=True, check=False)
    assert file.exists(), done.stdout + done.stderr
    yield Measured(done.returncode, done.stdout, json.loads(file.read_text()), state)
    forget(state / "postgres")


def test_a_measured_run_reconciles(measured: Measured) -> None:
    assert measured.summary["audit"] == []
    assert measured.code == 0
    assert measured.said.splitlines()[-1] == "Everything reconciles"


def test_cars_came_to_both_facilities_and_the_cloud_knows_every_event(measured: Measured) -> None:
    facilities = measured.summary["facilities"]
    assert sorted(facilities) == ["boston-downtown", "philadelphia-center-city"]
    for figures in facilities.values():
        assert figures["vehicles_entered"] >= 3
        assert figures["events_appended"] == figures["events_in_cloud"] > 50
        assert figures["worst_case_power_kw_max"] <= figures["budget_kw"] == 400


def test_every_step_of_the_start_says_how_long_it_took(measured: Measured) -> None:
    for step in ("PostgreSQL is up", "The MQTT broker is up", "Cloud api is up", "240 customers are registered"):
        line = next((line for line in measured.said.splitlines() if step in line), "")
        assert line.strip().split(" ")[1] == "s", measured.said


def test_nobody_is_left_running(measured: Measured) -> None:
    assert _processes_of(measured.state) == []


def test_the_next_start_goes_on_where_the_last_one_stopped_and_stops_when_asked(measured: Measured) -> None:
    kept_ms = json.loads((measured.state / "lived.json").read_text())["at_ms"]
    assert kept_ms >= morning_of(MEASURED_DAY, "America/New_York") + 12 * MINUTE_MS
    running = subprocess.Popen(
        [*COMMAND, "--headless", "--state", str(measured.state)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if "Drivers are on their way" in line:
            break
    time.sleep(1.0)
    running.send_signal(signal.SIGTERM)
    said += running.stdout.readlines()
    assert running.wait(60) == 0, "".join(said)
    assert "registered" not in "".join(said)
    assert json.loads((measured.state / "lived.json").read_text())["at_ms"] > kept_ms
    assert _processes_of(measured.state) == []


def test_an_interrupted_start_stops_what_it_started(measured: Measured) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--headless", "--state", str(measured.state)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    while "PostgreSQL is up" not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == INTERRUPTED
    assert "Stopping; the data is kept" in running.stdout.read()
    assert _processes_of(measured.state) == []


def test_another_seed_is_refused_in_one_line(measured: Measured) -> None:
    done = subprocess.run(
        [*COMMAND, "--seed", "8", "--headless", "--state", str(measured.state)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "lives with seed 7: leave --seed out, or start over with --fresh" in done.stderr
    assert done.stderr.count("\n") == 1


def _processes_of(state: Path) -> list[str]:
    """Command lines of running processes that name the state folder."""
    if not Path("/proc/self").exists():
        listed = subprocess.run(["ps", "-axo", "command"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if str(state) in line]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state) in line and int(process.name) != os.getpid():
            found.append(line)
    return found
