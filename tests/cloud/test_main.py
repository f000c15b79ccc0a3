"""The cloud's processes as they are started and stopped: real processes, real signals, real exit codes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from provisioning.local.ports import free_port

START_TIMEOUT_REAL_S = 60
STOP_TIMEOUT_REAL_S = 20


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "jwt"
    secret.write_text("s" * 40)
    return {
        "PATH": os.environ["PATH"],
        "EASYPARK_DATABASE_URL": database_url,
        "EASYPARK_BROKER_URL": "mqtt://cloud:pw@127.0.0.1:1",
        "EASYPARK_JWT_SECRET_FILE": str(secret),
        "STRIPE_API_KEY": "sk_test_nobody",
        "EASYPARK_STRIPE_API_BASE": "http://127.0.0.1:1",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "EASYPARK_SMTP_URL": "smtp://127.0.0.1:1",
        "EASYPARK_MAIL_FROM": "parking@example.com",
        "EASYPARK_API_PORT": str(free_port()),
    }


def command(process: str) -> list[str]:
    return [sys.executable, "-c", f"import sys, cloud.main; sys.exit(cloud.main.run({process!r}))"]


def finished(process: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(process), env=env, capture_output=True, text=True, timeout=START_TIMEOUT_REAL_S, check=False
    )


@contextmanager
def running(process: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command(process), env=env, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def stopped(child: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    child.send_signal(number)
    return child.wait(STOP_TIMEOUT_REAL_S)


def test_a_missing_setting_is_one_line_and_exit_code_2(env: dict[str, str]) -> None:
    done = finished("worker", {**env, "EASYPARK_SMTP_URL": ""})
    assert done.returncode == 2
    assert done.stderr == "easypark cloud worker: EASYPARK_SMTP_URL is not set\n"


@pytest.mark.parametrize("process", ["api", "migrate"])
def test_a_database_that_is_not_there_is_one_line_and_exit_code_2(process: str, env: dict[str, str]) -> None:
    done = finished(process, {**env, "EASYPARK_DATABASE_URL": "postgresql://u:secret-word@127.0.0.1:1/easypark"})
    assert done.returncode == 2
    *logged, last = done.stderr.splitlines()
    assert last.startswith(f"easypark cloud {process}: PostgreSQL at 127.0.0.1:1/easypark cannot be used")
    assert all(line.startswith("{") for line in logged)
    assert "secret-word" not in done.stderr


def test_a_database_that_was_never_migrated_is_said_and_how_to_mend_it(env: dict[str, str]) -> None:
    done = finished(
        "link", {**env, "EASYPARK_DATABASE_URL": env["EASYPARK_DATABASE_URL"].rpartition("/")[0] + "/postgres"}
    )
    assert done.returncode == 2
    assert "run 'easypark cloud migrate'" in done.stderr


def test_a_taken_port_is_said_and_how_to_mend_it(env: dict[str, str]) -> None:
    taken = env["EASYPARK_DATABASE_URL"].rpartition("/")[0].rpartition(":")[2]
    done = finished("api", {**env, "EASYPARK_API_PORT": taken})
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{taken}" in done.stderr
    assert "EASYPARK_API_PORT" in done.stderr


def test_migrating_a_current_database_ends_well(env: dict[str, str]) -> None:
    done = finished("migrate", env)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_api_serves_and_stops_cleanly(env: dict[str, str]) -> None:
    with running("api", env) as child:
        wait_for_health(env, child)
        assert stopped(child) == 0


def wait_for_health(env: dict[str, str], child: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + START_TIMEOUT_REAL_S
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{env['EASYPARK_API_PORT']}/health").json() == {"status": "ok"}
        except httpx.TransportError:
            assert child.poll() is None, child.stderr.read() if child.stderr else ""
            assert time.monotonic() < give_up
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(("process", "number"), [("link", signal.SIGINT), ("worker", signal.SIGTERM)])
def test_link_and_worker_run_without_broker_stripe_and_mail_and_stop_cleanly(
    process: str, number: signal.Signals, env: dict[str, str]
) -> None:
    with running(process, env) as child:
        assert child.stderr is not None
        assert any('"msg": "started"' in line for line in child.stderr)
        time.sleep(1)
        assert child.poll() is None
        assert stopped(child, number) == 0


def test_the_worker_lets_go_of_what_is_older_than_it_is_told_and_counts_it(
    env: dict[str, str], database_url: str
) -> None:
    now_ms = round(time.time() * 1_000)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO link.cursors VALUES ('here', 'log-a', 3, 3, 0)")
        for seq, days in enumerate((5, 4, 1), 1):
            at_ms = now_ms - days * 86_400_000
            connection.execute("INSERT INTO link.events VALUES ('here', 'log-a', %s, %s, 'X', '{}')", [seq, at_ms])
    port = free_port()
    with running("worker", {**env, "EASYPARK_KEEP_DAYS": "3", "EASYPARK_VITALS_PORT": str(port)}) as child:
        give_up = time.monotonic() + START_TIMEOUT_REAL_S
        with psycopg.connect(database_url, autocommit=True) as connection:
            while connection.execute("SELECT min(seq) FROM link.events").fetchone() != (3,):
                assert child.poll() is None, child.stderr.read() if child.stderr else ""
                assert time.monotonic() < give_up
                time.sleep(0.05)
        while "easypark_retention_events_removed 2.0" not in _shown(port):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        assert stopped(child) == 0


def _shown(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return ""
