"""The daemon as a process: it starts whole, stops cleanly, survives a kill, and says what keeps it from starting."""

import contextlib
import hashlib
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.database import FILE_NAME
from edge.main import FILES, run
from edge.store import Store
from provisioning.local.broker import Broker
from provisioning.local.ports import free_port
from shared.decisions import FacilityConfigured, TariffPublished
from shared.facilities import Facility
from shared.sync import SyncEntry
from tests.builders import facility, tariffs

SITE = facility(11_000)
RUN = "import sys; from pathlib import Path; from edge.main import run; sys.exit(run(Path(sys.argv[1])))"
HEADERS = {"Authorization": "Bearer sesame"}


class Box:
    """A box on site: its folder, its configuration file and its daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api_port, self.ocpp_port = free_port(), free_port()
        self.broker_url = f"mqtt://127.0.0.1:{free_port()}"
        self.timeline = ""
        self.sections = ""
        self._daemon: subprocess.Popen[str] | None = None
        (folder / "tokens").write_text(f"{hashlib.sha256(b'sesame').hexdigest()} attendant\n")

    @property
    def config(self) -> Path:
        path = self.folder / "edge.toml"
        path.write_text(f"""
facility_id = "{SITE.facility_id}"
data_dir = "data"
broker_url = "{self.broker_url}"
timeline = "{self.timeline}"
[ocpp]
host = "127.0.0.1"
port = {self.ocpp_port}
[api]
port = {self.api_port}
token_file = "tokens"
[gpio]
factory = "mock"
wire = "pins"
[lanes.in-1]
plate_reader = "camera"
display = "display"
pins = {{ front = 5, under = 6, arm_up = 13, arm_down = 19, raise = 20, lower = 21 }}
{self.sections}
""")
        return path

    def configure(self, site: Facility = SITE) -> None:
        """What headquarters decided is known already."""
        decided = [FacilityConfigured(facility=site), *(TariffPublished(tariff=t) for t in tariffs())]
        store = Store(self.folder / "data", SITE.facility_id)
        entries = [SyncEntry(position=n, body=d.model_dump(mode="json")) for n, d in enumerate(decided, 1)]
        store.apply_decisions("hq-1", entries, len(entries))
        store.close()

    def start(self) -> "subprocess.Popen[str]":
        self._daemon = subprocess.Popen(
            [sys.executable, "-c", RUN, str(self.config)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self._daemon

    def start_and_wait(self) -> "subprocess.Popen[str]":
        daemon = self.start()
        until(lambda: self.health() is not None)
        return daemon

    def stop(self) -> tuple[int, list[dict[str, Any]]]:
        """Ask to stop as a supervisor does; the exit code and the log lines."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGTERM)
        out, err = self._daemon.communicate(timeout=10)
        assert out == ""
        return self._daemon.returncode, [json.loads(line) for line in err.splitlines()]

    def health(self) -> dict[str, Any] | None:
        try:
            return dict(httpx.get(f"http://127.0.0.1:{self.api_port}/health", timeout=2).json())
        except httpx.TransportError:
            return None

    def state(self) -> dict[str, Any]:
        answer = httpx.get(f"http://127.0.0.1:{self.api_port}/api/v1/state", headers=HEADERS, timeout=5)
        return dict(answer.raise_for_status().json())

    def end(self) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.kill()
            self._daemon.communicate()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.end()


@pytest.fixture
def refused(box: Box, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What is said when the daemon cannot start; in this process, to be quick."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def start() -> str:
        assert run(box.config) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        return said.err.strip()

    yield start
    root.handlers[:] = before
    root.setLevel(level)


def until(holds: Callable[[], bool], timeout_s: float = 30) -> None:
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)


def test_it_takes_the_files_that_a_crowd_at_the_door_needs(box: Box) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    few = f"ulimit -S -n 512; exec {sys.executable} -c '{RUN}' {box.config}"
    with subprocess.Popen(["/bin/sh", "-c", few], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            until(lambda: box.health() is not None)
            allowed = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[0]
            assert allowed == (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard))
        finally:
            daemon.kill()


def test_it_starts_without_a_cloud_and_without_a_configuration_and_stops_cleanly_in_time(box: Box) -> None:
    box.start_and_wait()
    until(lambda: (box.health() or {}).get("healthy") is True)
    assert box.state()["configured"] is False
    began = time.monotonic()
    code, lines = box.stop()
    assert time.monotonic() - began < 3
    assert code == 0
    assert [line["msg"] for line in lines if line["level"] in ("ERROR", "CRITICAL")] == []
    assert lines[-1]["msg"] == "stopped"
    assert lines[0]["process"] == f"edge {SITE.facility_id}"


def test_ctrl_c_stops_it_as_well(box: Box) -> None:
    daemon = box.start_and_wait()
    daemon.send_signal(signal.SIGINT)
    daemon.communicate(timeout=5)
    assert daemon.returncode == 0


def test_a_station_port_answers_and_the_log_tells_of_the_start(box: Box) -> None:
    box.configure()
    box.start_and_wait()
    socket.create_connection(("127.0.0.1", box.ocpp_port), timeout=5).close()
    seen = box.state()
    assert (seen["name"], seen["budget_w"]) == ("Test", 400_000)
    url = f"http://127.0.0.1:{box.api_port}/api/v1/events"
    entries = httpx.get(url, headers=HEADERS, params={"after": 0}).json()["entries"]
    assert entries[0]["type"] == "DaemonStarted"


def test_events_go_up_when_the_broker_comes_later(box: Box, tmp_path: Path) -> None:
    box.configure()
    with Broker(tmp_path / "broker", facility_ids=(SITE.facility_id,)) as broker:
        box.broker_url = broker.url(SITE.facility_id)
        broker.stop()
        box.start_and_wait()
        assert box.state()["link"]["connected"] is False
        broker.start()
        until(lambda: box.state()["link"]["connected"] is True)


def test_kill_minus_9_and_start_again_goes_on_with_the_same_log(box: Box) -> None:
    box.configure()
    daemon = box.start_and_wait()
    before = box.state()["link"]["head"]
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.communicate()
    box.start_and_wait()
    assert box.state()["link"]["head"] > before
    assert box.stop()[0] == 0
    store = Store(box.folder / "data", SITE.facility_id)
    starts = [e.seq for e in store.all_entries(after=0) if e.type == "DaemonStarted"]
    store.close()
    assert len(starts) == 2


def test_a_damaged_store_is_set_aside_and_the_lanes_work(box: Box) -> None:
    (box.folder / "data").mkdir()
    (box.folder / "data" / FILE_NAME).write_bytes(b"garbage" * 1_000)
    box.start_and_wait()
    assert box.state()["link"]["head"] >= 3  # recovered, lost, started
    assert len(list((box.folder / "data").glob("facility-damaged-*.db"))) == 1
    assert box.stop()[0] == 0


def test_a_file_that_is_found_damaged_later_ends_the_daemon_and_the_next_start_rebuilds_it(box: Box) -> None:
    box.configure()
    daemon = box.start_and_wait()
    file = box.folder / "data" / FILE_NAME
    with file.open("r+b") as content:
        content.write(b"\xa5" * file.stat().st_size)
    (box.folder / "data" / f"{FILE_NAME}-wal").write_bytes(b"")
    url = f"http://127.0.0.1:{box.api_port}/api/v1/events"
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(url, headers=HEADERS, params={"after": 0})
    daemon.communicate(timeout=20)
    assert daemon.returncode == 1
    box.start_and_wait()
    assert len(list((box.folder / "data").glob("facility-damaged-*.db"))) == 1


def test_a_part_that_cannot_live_is_told_and_the_rest_goes_on(box: Box) -> None:
    box.broker_url = "mqtt://host.invalid:1883"
    box.start_and_wait()
    seen = box.state()
    assert "cannot connect to mqtt://host.invalid:1883" in seen["link"]["problem"] or not seen["link"]["connected"]
    assert box.stop()[0] == 0


# What keeps it from starting: one line that says what and how to mend it.


def test_a_daemon_that_cannot_start_says_one_line_and_exits_2(box: Box) -> None:
    with socket.create_server(("127.0.0.1", box.ocpp_port)):
        daemon = box.start()
        out, err = daemon.communicate(timeout=60)
    assert (daemon.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"ocpp.port {box.ocpp_port} on ocpp.host 127.0.0.1 cannot be used")


def test_a_taken_port(box: Box, refused: Callable[[], str]) -> None:
    with socket.create_server(("127.0.0.1", box.api_port)):
        assert "stop the program that has it, or choose another" in refused()


def test_a_second_daemon_on_the_same_data(box: Box, refused: Callable[[], str]) -> None:
    with closing(Store(box.folder / "data", SITE.facility_id)):
        assert "another edge daemon runs" in refused()


def test_missing_tokens(box: Box, refused: Callable[[], str]) -> None:
    (box.folder / "tokens").unlink()
    assert "each of its lines is" in refused()


def test_a_wrong_setting(box: Box, refused: Callable[[], str]) -> None:
    box.broker_url = "amqp://x"
    assert "mqtt://user:password@host:port" in refused()


def test_wiring_that_cannot_be_opened(box: Box, refused: Callable[[], str]) -> None:
    (box.folder / "pins").mkdir()
    assert "pins" in refused()
    with closing(Store(box.folder / "data", SITE.facility_id)):
        pass  # a daemon that did not start holds nothing


def test_a_manager_gets_diagnostics_in_which_nothing_is_secret(box: Box) -> None:
    box.broker_url = box.broker_url.replace("//", "//boston:broker-password@")
    box.configure()
    token = hashlib.sha256(b"mellon").hexdigest()
    with (box.folder / "tokens").open("a") as tokens:
        tokens.write(f"{token} manager\n")
    box.start_and_wait()
    url = f"http://127.0.0.1:{box.api_port}/api/v1/diagnostics"
    assert httpx.post(url, headers=HEADERS, timeout=60).status_code == 403, "an attendant may not"
    manager = {"Authorization": "Bearer mellon"}
    collected = httpx.post(url, headers=manager, timeout=60)
    assert collected.status_code == 200, collected.text
    fetched = httpx.get(f"{url}/{collected.json()['details']['name']}", headers=manager, timeout=60)
    with zipfile.ZipFile(BytesIO(fetched.content)) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert all("unreadable" not in text for text in parts.values())
    assert json.loads(parts["health.json"])["facility_id"] == SITE.facility_id
    assert "easypark_edge_log_head" in parts["metrics.txt"]
    assert json.loads(parts["configuration.json"])["broker_url"].startswith("mqtt://127.0.0.1:")
    everything = "".join(parts.values())
    for secret in ("broker-password", token, SITE.stations[0].password_sha256, "mellon", "sesame"):
        assert secret not in everything
    assert httpx.get(f"{url}/diagnostics-gone.zip", headers=manager).status_code == 404
