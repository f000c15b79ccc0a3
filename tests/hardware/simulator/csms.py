"""A small CSMS for the tests of simulated stations: a real WebSocket server on the ``ocpp`` package, which writes down
what it hears and asks what a test wants asked."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from ocpp.exceptions import InternalError
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from hardware.simulator.outlet import stamp

PASSWORD = "correct horse battery"


@dataclass
class Csms:
    """Speaks the version of ``subprotocol`` by its ``peer``. ``heard`` are (action, fields) in order. ``accepts``
    judges id tokens; so many TransactionEvents as ``refuse_events`` are answered with CALLERROR; of the answers in
    ``boot_status`` the last one repeats."""

    now_ms: Callable[[], int]
    subprotocol: str = "ocpp2.0.1"
    peer: Callable[..., Any] = field(default_factory=lambda: _Peer)
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    accepts: Callable[[str], str] = lambda _: "Accepted"
    accepts_start: Callable[[str], str] = lambda _: "Accepted"
    refuse_events: int = 0
    boot_status: list[str] = field(default_factory=lambda: ["Accepted"])
    port: int = 0
    stations: dict[str, Any] = field(default_factory=dict)
    server: Server | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = [fields for action, fields in self.heard if action == "TransactionEvent"]
        return [e for e in found if kind in (None, e["event_type"])]

    def states(self) -> list[tuple[str, str]]:
        return [(e["event_type"], e["transaction_info"]["charging_state"]) for e in self.events()]

    def of(self, action: str) -> list[dict[str, Any]]:
        return [fields for heard, fields in self.heard if heard == action]

    async def until(self, condition: Callable[[], object], timeout_real_s: float = 8.0) -> None:
        """Wait until something heard makes the condition true."""
        async with asyncio.timeout(timeout_real_s):
            while not condition():
                self.news.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self.news.wait()
                except TimeoutError:
                    continue

    async def start(self) -> None:
        self.server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[self.subprotocol],  # type: ignore[list-item]
            process_request=self._admit,
            compression=None,
        )
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[index]

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        pair = f"{request.path.rsplit('/', 1)[-1]}:{PASSWORD}".encode()
        good = request.headers.get("Authorization") == f"Basic {base64.b64encode(pair).decode()}"
        return None if good else connection.respond(HTTPStatus.UNAUTHORIZED, "")

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        station_id = connection.request.path.rsplit("/", 1)[-1]
        peer = self.peer(station_id, connection, self)
        self.stations[station_id] = peer
        try:
            async for frame in connection:
                await peer.route_message(frame)
        except ConnectionClosed:
            self.news.set()

    def hear(self, action: str, fields: dict[str, Any]) -> None:
        self.heard.append((action, fields))
        self.news.set()


class _Peer(ChargePoint):  # type: ignore[misc]
    def __init__(self, station_id: str, connection: ServerConnection, csms: Csms) -> None:
        super().__init__(station_id, connection, response_timeout=8)
        self.csms = csms

    @on("BootNotification")
    def on_boot(self, **fields: Any) -> Any:
        self.csms.hear("BootNotification", fields)
        answers = self.csms.boot_status
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        return call_result.BootNotification(current_time=stamp(self.csms.now_ms()), interval=30, status=status)

    @on("Heartbeat")
    def on_heartbeat(self, **fields: Any) -> Any:
        self.csms.hear("Heartbeat", fields)
        return call_result.Heartbeat(current_time=stamp(self.csms.now_ms()))

    @on("StatusNotification")
    def on_status(self, **fields: Any) -> Any:
        self.csms.hear("StatusNotification", fields)
        return call_result.StatusNotification()

    @on("MeterValues")
    def on_meter_values(self, **fields: Any) -> Any:
        self.csms.hear("MeterValues", fields)
        return call_result.MeterValues()

    @on("NotifyReport")
    def on_report(self, **fields: Any) -> Any:
        self.csms.hear("NotifyReport", fields)
        return call_result.NotifyReport()

    @on("Authorize")
    def on_authorize(self, **fields: Any) -> Any:
        self.csms.hear("Authorize", fields)
        status = self.csms.accepts(fields["id_token"]["id_token"])
        return call_result.Authorize(id_token_info={"status": status})

    @on("TransactionEvent")
    def on_transaction_event(self, **fields: Any) -> Any:
        if self.csms.refuse_events > 0:
            self.csms.refuse_events -= 1
            raise InternalError(description="busy")
        self.csms.hear("TransactionEvent", fields)
        if "id_token" not in fields:
            return call_result.TransactionEvent()
        status = self.csms.accepts_start(fields["id_token"]["id_token"])
        return call_result.TransactionEvent(id_token_info={"status": status})


@asynccontextmanager
async def running(csms: Csms) -> AsyncIterator[Csms]:
    await csms.start()
    try:
        yield csms
    finally:
        await csms.stop()
