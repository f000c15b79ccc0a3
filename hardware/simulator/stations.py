"""A simulated charging station on the wire: OCPP over a WebSocket with Basic auth (security profile 1).

The shell around ``device.py``: it connects for ever with back-off, boots, sends what the device queues (one call at a
time, TransactionEvents in order and kept until acknowledged), and wakes the device when something is due.

Energy, samples and heartbeats run in lived time; time-outs and back-off in real time.
"""

import asyncio
import base64
import logging
from dataclasses import dataclass
from random import Random
from typing import Any

from ocpp.exceptions import OCPPError
from ocpp.v201 import call
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from hardware.simulator.commands import StationCommands
from hardware.simulator.device import HEARTBEAT_INTERVAL, Behaviour, Device
from hardware.simulator.electrics import Car
from hardware.simulator.memory import Memory
from hardware.simulator.ocpp_client import VERSION, VERSION_16, Client, Wire
from hardware.simulator.ocpp_client_16 import Client16
from shared.clock import SECOND_MS, Clock
from shared.facilities import ChargerLevel, Station

log = logging.getLogger(__name__)

BACKOFF_MIN_REAL_S = 0.5
BACKOFF_MAX_REAL_S = 15.0
OPEN_TIMEOUT_REAL_S = 10
PING_REAL_S = 20
ATTEMPTS = 5
"""How often a TransactionEvent is sent that is answered with CALLERROR (MessageAttempts); then it is given up."""
ATTEMPT_PAUSE_REAL_S = 1.0
REBOOT_MS = 20 * SECOND_MS
WAKE_REAL_S_MIN = 0.005
"""Two wakes are this far apart, so that a fast time-lapse cannot spin."""
MODELS = {
    ChargerLevel.LEVEL1: ("EasyWatt", "Socket 120"),
    ChargerLevel.LEVEL2: ("EasyWatt", "Wallbox 240"),
    ChargerLevel.DCFC: ("EasyWatt", "Fast 480"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """Where a station connects (its id is added to ``url``), its password, and the OCPP version that it speaks there:
    2.0.1 or 1.6."""

    url: str
    password: str
    version: str = VERSION


class _RebootError(Exception):
    """The station goes down to boot again."""


class SimulatedStation:
    """One station. ``run`` is its life; drivers call the other methods."""

    def __init__(self, doc: Station, login: Login, clock: Clock, memory: Memory, behaviour: Behaviour) -> None:
        self.device = Device(doc, memory, behaviour, clock.now_ms())
        self.device.changed = self._changed
        self._login = login
        self._subprotocol = Subprotocol(f"ocpp{login.version}")
        self._memory = memory
        self._clock = clock
        self._wire: Wire | None = None
        self._commands = StationCommands(self.device, clock.now_ms)
        self._boot_reason: str | None = "PowerUp"
        self._work = asyncio.Event()
        self._mail = asyncio.Event()
        # Jitter only: stations must not all come back in the same moment.
        self._random = Random(doc.station_id)  # noqa: S311

    @property
    def station_id(self) -> str:
        return self.device.doc.station_id

    def _changed(self) -> None:
        self._work.set()
        self._mail.set()

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live())
            tasks.create_task(self._stay_connected())

    # What a driver does.

    def plug_in(self, evse_id: int, car: Car) -> None:
        """Put the plug into a car. Raises ValueError when another one is there."""
        self.device.plug_in(evse_id, car, self._clock.now_ms())

    async def authorize(self, evse_id: int, id_token: str) -> str:
        """Hold a card to the reader for the car at an outlet.

        Returns OCPP's AuthorizationStatusEnumType; on ``Accepted`` a transaction has begun, unless the outlet cannot
        (then ``NotAtThisTime``). While offline every card is accepted (OfflineTxForUnknownIdEnabled).
        """
        token = {"id_token": id_token, "type": "ISO14443"}
        status = await self._ask_for(token)
        if status != "Accepted":
            return status
        began = self.device.begin(evse_id, self._clock.now_ms(), "Authorized", id_token=token)
        return "Accepted" if began else "NotAtThisTime"

    async def _ask_for(self, token: dict[str, str]) -> str:
        if self._wire is None or not self.device.online:
            return "Accepted"
        try:
            return await self._wire.authorize(token)
        except ConnectionClosed:
            return "Accepted"
        except (OCPPError, TimeoutError) as error:
            log.warning("authorize failed", extra={"station_id": self.station_id, "error": repr(error)})
            return "Unknown"

    def unplug(self, evse_id: int) -> Car | None:
        """Pull the plug; the car that was there, None if there was none."""
        return self.device.unplug(evse_id, self._clock.now_ms())

    # What the station does.

    async def _live(self) -> None:
        while True:
            now_ms = self._clock.now_ms()
            self._work.clear()
            self.device.work(now_ms)
            due_ms = self.device.next_due_ms(now_ms)
            wait_real_s = None if due_ms is None else max(WAKE_REAL_S_MIN, self._clock.real_s_until(due_ms))
            await _wait(self._work, wait_real_s)

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                async with self._connect() as connection:
                    if connection.subprotocol == self._subprotocol:
                        await self._serve(connection)
                        failures = 0
            except (OSError, TimeoutError, WebSocketException) as error:
                log.debug("not connected", extra={"station_id": self.station_id, "error": repr(error)})
            if self._boot_reason == "RemoteReset":
                self.device.power_off(self._clock.now_ms())
                await asyncio.sleep(self._clock.real_s(REBOOT_MS))
                self.device.power_on(self._clock.now_ms())
            pause_real_s = min(BACKOFF_MAX_REAL_S, BACKOFF_MIN_REAL_S * 2**failures)
            failures = min(failures + 1, 16)
            await asyncio.sleep(pause_real_s * self._random.uniform(0.5, 1.0))

    def _connect(self) -> connect:
        pair = f"{self.station_id}:{self._login.password}".encode()
        return connect(
            f"{self._login.url.rstrip('/')}/{self.station_id}",
            subprotocols=[self._subprotocol],
            additional_headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_REAL_S,
            ping_interval=PING_REAL_S,
            ping_timeout=PING_REAL_S,
        )

    async def _serve(self, connection: ClientConnection) -> None:
        """Hold one connection until it breaks or the station reboots."""
        self._wire = wire = self._speak(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wire.serve())
                tasks.create_task(self._talk(wire))
        except* _RebootError:
            self._boot_reason = "RemoteReset"
        except* (ConnectionClosed, TimeoutError, OCPPError) as errors:
            log.info("connection lost", extra={"station_id": self.station_id, "error": repr(errors.exceptions[0])})
        finally:
            self.device.online = False
            self._wire = None

    def _speak(self, connection: ClientConnection) -> Wire:
        if self._login.version == VERSION_16:
            return Client16(self.device, connection, self._commands, self._memory)
        return Client(self.station_id, connection, self._commands)

    async def _talk(self, wire: Wire) -> None:
        while self._boot_reason is not None:
            await self._boot(wire, self._boot_reason)
        self.device.online = True
        self.device.notices.clear()
        self.device.notify_status(self._clock.now_ms())
        heartbeat_ms = self._clock.now_ms() + self._heartbeat_interval_ms()
        while True:
            self._mail.clear()
            if self.device.notices:
                await self._send(wire, self.device.notices.popleft())
            elif self.device.outbox:
                await self._send_event(wire)
            elif self.device.reset_type == "Immediate":
                raise _RebootError
            elif self._clock.now_ms() >= heartbeat_ms:
                heartbeat_ms = self._clock.now_ms() + self._heartbeat_interval_ms()
                await self._send(wire, call.Heartbeat())
            else:
                await _wait(self._mail, self._clock.real_s_until(heartbeat_ms))

    def _heartbeat_interval_ms(self) -> int:
        return max(1, int(self.device.variables[HEARTBEAT_INTERVAL])) * SECOND_MS

    async def _boot(self, wire: Wire, reason: str) -> None:
        """One BootNotification (B01); accepted, it need not be sent again until the next boot."""
        vendor, model = MODELS[self.device.doc.level]
        reply = await wire.boot(vendor, model, reason)
        if reply.status == "Accepted":
            self._boot_reason = None
            if reply.interval_s > 0:
                self.device.variables[HEARTBEAT_INTERVAL] = str(reply.interval_s)
            return
        await asyncio.sleep(max(BACKOFF_MIN_REAL_S, self._clock.real_s(reply.interval_s * SECOND_MS)))

    async def _send(self, wire: Wire, message: Any) -> None:
        try:
            await wire.tell(message)
        except OCPPError as error:
            log.warning("refused", extra={"station_id": self.station_id, "call": repr(message), "error": repr(error)})

    async def _send_event(self, wire: Wire) -> None:
        """Send the oldest TransactionEvent until it is acknowledged, or given up after ``ATTEMPTS`` CALLERRORs."""
        _, fields = self.device.outbox[0]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status = await wire.tell_event(fields)
            except OCPPError as error:
                log.warning("event refused", extra={"station_id": self.station_id, "error": repr(error)})
                if attempt < ATTEMPTS:
                    await asyncio.sleep(ATTEMPT_PAUSE_REAL_S * attempt)
                continue
            self.device.delivered()
            if status is not None and status != "Accepted":
                transaction_id = fields["transaction_info"]["transaction_id"]
                self.device.disallow(transaction_id, self._clock.now_ms(), "Deauthorized")
            return
        log.error("event given up", extra={"station_id": self.station_id, "seq_no": fields["seq_no"]})
        self.device.delivered()


async def _wait(event: asyncio.Event, timeout_real_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_real_s):
            await event.wait()
    except TimeoutError:
        return
