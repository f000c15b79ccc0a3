"""The composition root of one facility's daemon: builds every part once, starts them, and stops them in order.

The runtime and the devices are the lanes; they live as long as the process does. Stations, link and API are parts
beside them: one that fails is started again alone. When the runtime itself fails, the state in memory is ahead of the
disk, so the process ends and its supervisor starts it anew.
"""

import asyncio
import importlib.metadata
import logging
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from edge import api
from edge.config import Config, ConfigError, read_config
from edge.database import StoreError
from edge.devices import Devices, WiringError
from edge.link import Link, LinkSettings
from edge.part import Part
from edge.rules.inputs import LimitSetpoint, Matches
from edge.rules.state import FacilityState
from edge.runtime import FACILITY_RULES, Runtime
from edge.schemas import SchemaSetError
from edge.stations import StationServer
from edge.store import Store
from edge.tokens import Bearer, read_bearers
from shared import logs
from shared.clock import Clock, Timeline

STOP_REAL_S = 2.5
"""The parts have so long to say goodbye when the daemon stops."""
_log = logging.getLogger(__name__)


class StartError(Exception):
    """The daemon cannot start; one line that says what is wrong and how to mend it."""


def run(config_path: Path) -> int:
    """Live until SIGTERM or SIGINT. Returns the exit code: 0 stopped, 1 the runtime failed, 2 could not start."""
    try:
        config = read_config(config_path)
        logs.configure(process=f"edge {config.facility_id}")
        bearers = read_bearers(config.api.token_file)
        _require_free("ocpp", config.ocpp.host, config.ocpp.port)
        _require_free("api", config.api.host, config.api.port)
        with closing(Store(config.data_dir, config.facility_id)) as store:
            return _live(Daemon(config, store, bearers))
    except (ConfigError, StartError, StoreError, WiringError, SchemaSetError) as error:
        print(error, file=sys.stderr)
        return 2


def _live(daemon: "Daemon") -> int:
    try:
        asyncio.run(daemon.live())
    except Exception:  # noqa: BLE001 - the last place: the trace into the log, the exit code to the supervisor
        _log.critical("the runtime failed, the daemon ends", exc_info=True)
        return 1
    return 0


def _require_free(section: str, host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise StartError(
            f"{section}.port {port} on {section}.host {host} cannot be used ({error.strerror}):"
            " stop the program that has it, or choose another"
        ) from error


class Daemon:
    """One facility's parts, put together. The constructor raises StoreError, WiringError or SchemaSetError."""

    def __init__(self, config: Config, store: Store, bearers: dict[str, Bearer]) -> None:
        clock = Clock(Timeline.parse(config.timeline), time.time)
        version = importlib.metadata.version("easyparkplus")
        self._runtime: Runtime[FacilityState] = Runtime(store, clock, FACILITY_RULES, version=version)
        link = Link(
            LinkSettings(config.facility_id, config.broker_url, version), store, clock, learn=self._runtime.learn
        )
        self._runtime.on_appended = link.stir
        stations = StationServer(
            submit=self._runtime.submit,
            knowledge=lambda: self._runtime.knowledge,
            clock=clock,
            matches_for_token=_looked_up(store),
        )
        self._runtime.on_setpoint(LimitSetpoint, stations.send_limit)
        inside = api.Inside(config.facility_id, clock, self._runtime, store, link, bearers, self._problems)
        app = api.build(inside)
        self._parts = (
            Part("stations", lambda: stations.serve(config.ocpp.host, config.ocpp.port)),
            Part("link", link.run),
            Part("api", lambda: api.serve(app, config.api.host, config.api.port)),
        )
        self._devices = Devices(config, clock, self._runtime)  # last: it holds pins and lines from here on

    async def live(self) -> None:
        """Run until a signal asks to stop. Raises what the runtime raised."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        stopping = asyncio.create_task(stop.wait())
        heart = asyncio.create_task(self._runtime.run())
        with self._devices:
            parts = [asyncio.create_task(part.keep_alive(), name=part.name) for part in self._parts]
            _log.info("running", extra={"head": self._runtime.state.head})
            await asyncio.wait({heart, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            await _end(parts)
        self._runtime.stop()
        await heart
        _log.info("stopped", extra={"head": self._runtime.state.head})

    def _problems(self) -> dict[str, str | None]:
        return {part.name: part.problem for part in self._parts}


def _looked_up(store: Store) -> Callable[[str], Awaitable[Matches]]:
    async def matches_for_token(token: str) -> Matches:
        return store.matches_for_token(token)

    return matches_for_token


async def _end(parts: list[asyncio.Task[None]]) -> None:
    for part in parts:
        part.cancel()
    _, slow = await asyncio.wait(parts, timeout=STOP_REAL_S)
    for part in slow:
        _log.warning("%s did not stop in time and is left behind", part.get_name())
