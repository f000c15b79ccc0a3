"""The stand-in as a process: it starts, serves, stops cleanly, and says what keeps it from starting."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from provisioning.stripe_stand_in.main import StartProblem, main, read_config
from tests.provisioning.stripe_stand_in.running import API_KEY, client

COMMAND = "import sys; from provisioning.stripe_stand_in.main import main; sys.exit(main())"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def start(port: int, state: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--port", str(port), "--state", str(state)],
        env={**os.environ, "STRIPE_API_KEY": API_KEY},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/v1/customers")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return process
    raise AssertionError(f"did not start: {process.communicate()}")


def test_it_remembers_after_being_killed_and_stops_cleanly_when_asked(tmp_path: Path):
    port = free_port()
    killed = start(port, tmp_path)
    made = client(f"http://127.0.0.1:{port}").v1.customers.create({"name": "Ada"})
    killed.kill()
    killed.communicate()
    stopped = start(port, tmp_path)
    assert client(f"http://127.0.0.1:{port}").v1.customers.retrieve(made.id).name == "Ada"
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(10) == 0
    stopped.communicate()


def test_a_taken_port_is_one_line_that_names_it(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("STRIPE_API_KEY", API_KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["--port", str(port), "--state", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in said
    assert said.count("\n") == 1


def test_a_damaged_state_folder_is_one_line_that_names_it(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("STRIPE_API_KEY", API_KEY)
    (tmp_path / "stripe.sqlite").write_bytes(b"not a database, whatever its name says" * 100)
    assert main(["--port", "0", "--state", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert said.count("\n") == 1


def test_a_live_key_is_never_taken(tmp_path: Path):
    with pytest.raises(StartProblem, match="sk_test_"):
        read_config(["--port", "1", "--state", str(tmp_path)], {"STRIPE_API_KEY": "sk_live_x"})
    with pytest.raises(StartProblem, match="STRIPE_API_KEY is not set"):
        read_config(["--port", "1", "--state", str(tmp_path)], {})
