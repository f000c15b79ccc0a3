"""The composition root of one facility's daemon: the lanes first, then everything around them; stops them in order.

The runtime and the devices are the lanes; they live as long as the process does. Stations, link and API are parts
beside them (``edge/outside.py``): one that fails is started again alone. When the runtime itself fails, the state in
memory is ahead of the disk, so the process ends and its supervisor starts it anew.
"""

import asyncio
import importlib
import importlib.metadata
import logging
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import Config, ConfigError, read_config
from edge.database import StoreError, tells_of_damage
from edge.devices import Devices, WiringError
from edge.lanes import Lanes
from edge.part import Part
from edge.recovery import open_store, suspect_damage
from edge.rules.clock_inputs import TakeClock
from edge.rules.inputs import LimitSetpoint, OrderSetpoint, Setpoint
from edge.rules.state import FacilityState
from edge.runtime import FACILITY_RULES, Runtime
from edge.store import Store
from edge.timekeeping import SteadyTime, Timekeeper
from edge.tokens import Bearer, read_bearers
from shared import logs
from shared.clock import Clock, Timeline

if TYPE_CHECKING:
    from edge.outside import Outside

STOP_REAL_S = 2.5
"""The parts have so long to say goodbye when the daemon stops."""
_log = logging.getLogger(__name__)


FILES = 8_192
"""Open files and sockets that the daemon may have: supervisors begin with 1,024, which a crowd at the door of the
stations can use up, and the store needs some too."""


class StartError(Exception):
    """The daemon cannot start; one line that says what is wrong and how to mend it."""


def run(config_path: Path) -> int:
    """Live until SIGTERM or SIGINT. Returns the exit code: 0 stopped, 1 the runtime failed, 2 could not start."""
    try:
        config = read_config(config_path)
        logs.configure(process=f"edge {config.facility_id}")
        _allow_files()
        bearers = read_bearers(config.api.token_file)
        if config.ocpp.port is not None:
            _require_free("ocpp", config.ocpp.host, config.ocpp.port)
        if config.ocpp.tls is not None:
            _require_free("ocpp.tls", config.ocpp.host, config.ocpp.tls.port)
        _require_free("api", config.api.host, config.api.port)
        steady = SteadyTime(config.data_dir)
        clock = Clock(Timeline.parse(config.timeline), steady.read_real_s)
        opened = open_store(
            config.data_dir, config.facility_id, backup_folder=config.backup_folder, now_ms=clock.now_ms()
        )
        with closing(opened) as store:
            return _live(config, store, clock, bearers, steady)
    except (ConfigError, StartError, StoreError, WiringError) as error:
        print(error, file=sys.stderr)
        return 2


def _live(config: Config, store: Store, clock: Clock, bearers: dict[str, Bearer], steady: SteadyTime) -> int:
    store.on_damage = lambda: suspect_damage(config.data_dir)
    try:
        daemon = Daemon(config, store, clock, bearers, steady)
        asyncio.run(daemon.live())
    except (StoreError, WiringError):
        raise
    except Exception as error:  # noqa: BLE001 - the last place: the trace into the log, the exit code to the supervisor
        if tells_of_damage(error):
            suspect_damage(config.data_dir)
        _log.critical("the runtime failed, the daemon ends", exc_info=True)
        return 1
    return 1 if daemon.failed else 0


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _require_free(section: str, host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        whose = section.partition(".")[0]
        raise StartError(
            f"{section}.port {port} on {whose}.host {host} cannot be used ({error.strerror}):"
            " stop the program that has it, or choose another"
        ) from error


class Daemon:
    """One facility's lanes, and what is built around them; ``clock`` reads ``steady``. The constructor raises
    StoreError or WiringError."""

    def __init__(
        self, config: Config, store: Store, clock: Clock, bearers: dict[str, Bearer], steady: SteadyTime
    ) -> None:
        version = importlib.metadata.version("easyparkplus")
        self.failed = False
        self._runtime: Runtime[FacilityState] = Runtime(
            store, clock, FACILITY_RULES, version=version, clock_known=steady.known and store.head > 0
        )
        self._time = Timekeeper(steady, clock, post=self._runtime.post, submit=self._runtime.submit)
        self._runtime.on_setpoint(TakeClock, self._time.take)
        self._lanes = Lanes(config, store, clock, self._runtime, bearers, version, self._end, self._problems)
        self._stop = asyncio.Event()
        self._early: list[Setpoint] = []
        self._outside: Outside | None = None
        for kind in (LimitSetpoint, OrderSetpoint):
            self._runtime.on_setpoint(kind, self._early.append)
        self._devices = Devices(config, clock, self._runtime)  # last: it holds pins and lines from here on

    async def live(self) -> None:
        """Run until a signal asks to stop. Raises what the runtime raised."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        data_dir = self._lanes.config.data_dir

        def damaged() -> None:
            suspect_damage(data_dir)
            loop.call_soon_threadsafe(self._end, "the store is damaged")

        self._lanes.store.on_damage = damaged
        stopping = asyncio.create_task(self._stop.wait())
        heart = asyncio.create_task(self._runtime.run())
        with self._devices:
            around = asyncio.create_task(Part("outside", self._live_outside).keep_alive(), name="outside")
            _log.info("running", extra={"head": self._runtime.state.head})
            time_kept = asyncio.create_task(Part("time", self._time.run).keep_alive(), name="time")
            await asyncio.wait({heart, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            time_kept.cancel()
            await _end(around)
        self._runtime.stop()
        await heart
        if self._outside is not None:
            self._outside.close()
        _log.info("stopped", extra={"head": self._runtime.state.head})

    async def _live_outside(self) -> None:
        """Import on a thread, so that the lanes go on meanwhile; build on the loop, where the parts will live."""
        if self._outside is None:
            outside = await asyncio.to_thread(importlib.import_module, "edge.outside")
            await asyncio.to_thread(outside.prepare)
            self._outside = outside.Outside(self._lanes)
            self._runtime.obey(self._early)
        await self._outside.live()

    def _problems(self) -> Mapping[str, str | None]:
        return self._devices.problems()

    def _end(self, reason: str) -> None:
        _log.critical("the daemon ends to be started anew: %s", reason)
        self.failed = True
        self._stop.set()


async def _end(around: "asyncio.Task[None]") -> None:
    around.cancel()
    _, slow = await asyncio.wait({around}, timeout=STOP_REAL_S)
    if slow:
        _log.warning("not every part stopped in time; they are left behind")
