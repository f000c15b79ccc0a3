"""Photographs the real page of a real demo for the README: ``python -m tests.browser.screenshot``.

Starts a demo of its own at 60 times life, lets it live into the afternoon, and writes docs/live-page.png. With
``--address`` it photographs a demo that runs already.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.chromium import chromium, tab

ROOT = Path(__file__).resolve().parents[2]
BYTES_MAX = 300_000
SPEED = 60
START_TIMEOUT_REAL_S = 300.0


def main() -> int:
    """0: the picture is there and small enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--address", help="of a running demo's page, with its token")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "live-page.png")
    parser.add_argument("--live-minutes", type=float, default=6.0, help="real minutes to let an own demo live")
    options = parser.parse_args()
    options.out.parent.mkdir(exist_ok=True)
    if options.address:
        photograph(options.address, options.out)
    else:
        with demo() as address:
            time.sleep(options.live_minutes * 60)
            photograph(address, options.out)
    size = options.out.stat().st_size
    print(f"{options.out}: {size} bytes")
    return 0 if size <= BYTES_MAX else 1


@contextmanager
def demo() -> Iterator[str]:
    """A demo in a folder of its own; the address that it prints."""
    with tempfile.TemporaryDirectory(prefix="easypark-") as folder:
        command = [sys.executable, "-m", "provisioning", "demo", "--speed", str(SPEED), "--state", f"{folder}/demo"]
        running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            yield _address(running)
        finally:
            running.terminate()
            running.communicate()


def _address(running: "subprocess.Popen[str]") -> str:
    give_up = time.monotonic() + START_TIMEOUT_REAL_S
    for line in running.stdout or ():
        print(line, end="", flush=True)
        if found := re.search(r"http://\S+token=\S+", line):
            return found.group()
        if time.monotonic() > give_up:
            break
    raise SystemExit("the demo does not print its address")


def photograph(address: str, out: Path) -> None:
    """The whole page in the light, once everything on it is current."""
    with chromium() as browser, tab(browser, height=1000) as (page, outside):
        page.goto(address)
        expect(page.locator("#hq article")).to_have_count(2, timeout=20_000)
        expect(page.locator("#letters li").first).to_be_visible(timeout=60_000)
        page.wait_for_timeout(3_000)
        expect(page.locator(".is-stale")).to_have_count(0)
        page.screenshot(path=out, full_page=True)
        assert outside == [], outside


if __name__ == "__main__":
    sys.exit(main())
