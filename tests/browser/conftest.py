"""A browser and the cloud's API as a real process, for tests of pages as people see them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from cloud.auth import Role, issue_token
from provisioning.local.ports import free_port
from shared.clock import Timeline
from tests.browser.chromium import CHROMIUM, chromium
from tests.cloud.conftest import cloud_template, database_url  # noqa: F401 - fixtures
from tests.cloud.dashboard.day import NOW_MS

SECRET = "s" * 40
START_TIMEOUT_REAL_S = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Skips, loudly, where there is no Chromium. Not for the whole session: while Playwright is open, no other test on
    this thread can run an event loop."""
    if not CHROMIUM.exists():
        pytest.skip(f"NO BROWSER: {CHROMIUM} is not there; install Chromium or name one in EASYPARK_CHROMIUM")
    with chromium() as found:
        yield found


@dataclass
class Cloud:
    """``cloud api`` that can be stopped and started again at the same address."""

    environment: dict[str, str]
    port: int
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        code = "import sys, cloud.main; sys.exit(cloud.main.run('api'))"
        self.child = subprocess.Popen([sys.executable, "-c", code], env=self.environment)
        give_up = time.monotonic() + START_TIMEOUT_REAL_S
        while time.monotonic() < give_up:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/health").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the API does not start")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(number)
        return self.child.wait(20)

    @property
    def address(self) -> str:
        """The dashboard's, with a token as it is printed."""
        token = issue_token(SECRET, role=Role.HQ, subject="viewer", ttl_s=600, now_s=int(time.time()))
        return f"http://127.0.0.1:{self.port}/dashboard?token={token}"


@pytest.fixture
def cloud(browser: Browser, database_url: str, tmp_path: Path) -> Iterator[Cloud]:  # noqa: F811 - the fixture
    """Running, over a database of this test's own, on the afternoon of ``day``."""
    secret = tmp_path / "jwt"
    secret.write_text(SECRET)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "EASYPARK_DATABASE_URL": database_url,
        "EASYPARK_JWT_SECRET_FILE": str(secret),
        "EASYPARK_TIMELINE": str(Timeline(time.time(), NOW_MS, 1.0)),
        "STRIPE_API_KEY": "sk_test_nobody",
        "EASYPARK_STRIPE_API_BASE": "http://127.0.0.1:1",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "EASYPARK_API_PORT": str(port),
    }
    running = Cloud(environment, port)
    running.start()
    yield running
    if running.child is not None and running.child.poll() is None:
        running.child.kill()
        running.child.wait()
