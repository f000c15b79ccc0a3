"""One facility's real daemon in a process of its own, over a folder that holds what headquarters decided."""

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.database import FILE_NAME
from edge.rules import facility as rules
from edge.store import Store
from provisioning.local.ports import HOST, answers, free_port
from shared.clock import HOUR_MS
from shared.decisions import FacilityConfigured, RightAssigned, TariffPublished
from shared.events import entry
from shared.facilities import Facility
from shared.rights import Right
from shared.sync import SyncEntry
from tests.benchmarks.figures import BenchmarkError
from tests.builders import facility, right, tariffs
from tests.edge.rules.site import Site

PASSWORD = "benchmark"
PINS = {"front": 5, "under": 6, "arm_up": 13, "arm_down": 19, "raise": 20, "lower": 21}
RATINGS_W = (11_000,) * 16 + (50_000,) * 9
"""25 chargers, Level 2 and DC, that together could draw half as much again as the site's 400 kW."""
_START_REAL_S = 20.0
_STOP_REAL_S = 10.0


def full_size(regular: int = 200, ratings_w: Sequence[int] = RATINGS_W) -> Facility:
    """A facility of the size that the product is made for; its stations sign in with ``PASSWORD``."""
    base = facility(*ratings_w, regular=regular)
    digest = hashlib.sha256(f"salt{PASSWORD}".encode()).hexdigest()
    stations = tuple(s.model_copy(update={"password_sha256": digest}) for s in base.stations)
    return base.model_copy(update={"stations": stations})


def account(number: int) -> Right:
    """The right of the customer whose car has the plate ``EVn`` and whose id token is ``TOKEN-cn``."""
    return right(f"c{number}", f"EV{number}")


def fill(folder: Path, site: Facility, rights: Sequence[Right], parked: Sequence[Right] = ()) -> None:
    """Make the data folder of a daemon that knows ``rights`` and the stations, which it told their limits before, and
    has the cars of ``parked`` inside."""
    decided = [FacilityConfigured(facility=site), *(TariffPublished(tariff=t) for t in tariffs())]
    decided += [RightAssigned(right=r) for r in rights]
    store = Store(folder / "data", site.facility_id)
    try:
        entries = [SyncEntry(position=n, body=d.model_dump(mode="json")) for n, d in enumerate(decided, 1)]
        store.apply_decisions("hq-1", entries, len(entries))
        lived = Site(site, now_ms=round(time.time() * 1_000) - HOUR_MS, state=rules.new_state(store.log_id))
        lived.connect(*(station.station_id for station in site.stations))
        for holder in parked:
            lived.drive_through("in-1", holder.vehicles[0].plate, holder)
        written = zip(lived.events, lived.event_times, strict=True)
        store.append([entry(n, at_ms, event) for n, (event, at_ms) in enumerate(written, 1)])
    finally:
        store.close()


class Box:
    """The daemon of a filled folder; entering starts it and waits until stations may connect, leaving stops it."""

    def __init__(
        self,
        folder: Path,
        facility_id: str,
        *,
        camera: str = "camera",
        display: str = "display",
        broker_url: str = f"mqtt://{HOST}:1",
    ) -> None:
        self.folder = folder
        self.broker_url = broker_url
        self.port = free_port()
        self.api_port = free_port()
        self.wire = folder / "pins"
        self._log = folder / "edge.log"
        self._config = folder / "edge.toml"
        self._config.write_text(_TOML.format(facility_id=facility_id, box=self, camera=camera, display=display))
        (folder / "tokens").touch()
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The daemon's process. Raises BenchmarkError when it was not started."""
        if self._daemon is None:
            raise BenchmarkError("the daemon is not running")
        return self._daemon.pid

    @property
    def file(self) -> Path:
        """The facility's SQLite file."""
        return self.folder / "data" / FILE_NAME

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "provisioning", "edge", "--config", str(self._config)]
            self._daemon = subprocess.Popen(command, stderr=log)
        give_up_s = time.monotonic() + _START_REAL_S
        while not (self.wire.exists() and answers(self.port)):
            if self._daemon.poll() is not None or time.monotonic() > give_up_s:
                self.__exit__(None, None, None)
                raise BenchmarkError(f"the daemon does not start: {self.last_words()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is None:
            return
        self._daemon.send_signal(signal.SIGTERM)
        try:
            self._daemon.wait(_STOP_REAL_S)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self._log.read_text().splitlines()
        return lines[-1] if lines else "it says nothing"


_TOML = f"""
facility_id = "{{facility_id}}"
data_dir = "data"
broker_url = "{{box.broker_url}}"
[ocpp]
host = "{HOST}"
port = {{box.port}}
[api]
host = "{HOST}"
port = {{box.api_port}}
token_file = "tokens"
[gpio]
factory = "mock"
wire = "pins"
[lanes.in-1]
plate_reader = "{{camera}}"
display = "{{display}}"
pins = {{{{ {", ".join(f"{name} = {pin}" for name, pin in PINS.items())} }}}}
"""
