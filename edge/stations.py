"""The WebSocket server that charging stations connect to, and which of them are there.

Compression is off: it costs 33 kB a connection, and security profiles 2 and 3 forbid it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from edge import schemas
from edge.ocpp import v16, v201
from edge.ocpp.rpc import FRAME_BYTES_MAX, Answered, Dialect, Payload, Problem, Refused
from edge.ocpp.version import CallBody, Version
from edge.rules.inputs import (
    Answer,
    Input,
    Knowledge,
    LimitReplied,
    LimitSetpoint,
    Matches,
    OrderReplied,
    OrderSetpoint,
)
from edge.station_admission import REVOKED
from edge.station_book import StationBook
from edge.station_calls import AWAY, NOT_CONNECTED, StationAway, limit_replied, order_replied
from edge.station_door import Doorkeeper, Visitor, certificate_of, peer_certificate
from edge.station_handshake import HANDSHAKE_REAL_S, Failures, Handshake
from edge.station_link import StationLink
from edge.station_secrets import StationSecrets
from edge.station_tls import Encryption, ends_ms
from edge.surroundings import Journal, Signer, Surroundings
from shared.clock import Clock

VERSIONS = MappingProxyType({version.subprotocol: version for version in (v201.VERSION, v16.VERSION)})
"""By subprotocol, the one preferred first."""
CLOSE_REAL_S = 1.0
"""How long a closing handshake may take; a station that is gone keeps its successor waiting no longer."""
LOOK_AT_FILES_REAL_S = 10.0
"""How soon a renewed certificate, or a revocation, counts."""
FRAMES_WAITING = 4
"""Frames of one station that wait in memory; the next ones wait in the network."""


class InvalidCall(ValueError):  # noqa: N818  (says what is invalid: the caller's call)
    """A call that the station's OCPP version does not have, or whose payload its schema refuses."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.description)
        self.problem = problem


class NotByHand(ValueError):  # noqa: N818  (as above)
    """A call that a person may not send, because the rules would not know of it."""


@dataclass(frozen=True, slots=True)
class Transport:
    """Time-outs in real seconds, who is told of every frame, where what stations tell of themselves and the passwords
    they were given are kept (None: in memory alone), who signs their certificates, until which lived instant a station
    is kept out (None: it is not), whether it must be told the time, and which keys its meters were seen to sign with. A
    dead station is noticed within ``ping_every`` plus ``pong_within``."""

    ping_every_real_s: float = 20.0
    pong_within_real_s: float = 20.0
    call_timeout_real_s: float = 30.0
    journal: Journal | None = None
    book: StationBook | None = None
    secrets: StationSecrets | None = None
    signer: Signer | None = None
    quarantined_until: Callable[[str], int | None] = lambda _station_id: None
    untimed: Callable[[str], bool] = lambda _station_id: False
    meter_keys: Callable[[str], tuple[str, ...]] = lambda _station_id: ()


DEFAULT_TRANSPORT = Transport()


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where stations connect to: with ``tls`` for security profiles 2 and 3, without for profile 1."""

    host: str
    port: int
    tls: Encryption | None = None


@dataclass(frozen=True, slots=True)
class StationStatus:
    """``last_seen_ms``: when its last frame came, in lived time; None when it never was here since the start."""

    connected: bool
    last_seen_ms: int | None


class StationServer:
    """All stations of a facility. ``serve`` is its life; everything runs in its event loop."""

    def __init__(
        self,
        *,
        submit: Callable[[Input], Awaitable[Answer | None]],
        knowledge: Callable[[], Knowledge],
        clock: Clock,
        matches_for_token: Callable[[str], Awaitable[Matches]],
        transport: Transport = DEFAULT_TRANSPORT,
    ) -> None:
        """Compiles the schemas: raises ``schemas.SchemaSetError`` when the installed ones are not those expected."""
        self.book = transport.book or StationBook()
        self.secrets = transport.secrets or StationSecrets()
        self._door = Doorkeeper(knowledge, clock, self.secrets, transport.quarantined_until)
        self._around = Surroundings(
            submit=submit,
            knowledge=knowledge,
            clock=clock,
            matches_for_token=matches_for_token,
            book=self.book,
            guard=self._door.guard,
            journal=transport.journal,
            call_timeout_real_s=transport.call_timeout_real_s,
            signer=transport.signer,
            untimed=transport.untimed,
            meter_keys=transport.meter_keys,
        )
        self._transport = transport
        self._failures = Failures()
        self._dialects: dict[str, Dialect] = {
            v201.VERSION.subprotocol: schemas.v201_dialect(),
            v16.VERSION.subprotocol: schemas.v16_dialect(),
        }
        self._links: dict[str, StationLink] = {}
        self._last_seen_ms: dict[str, int] = {}
        self._unsent: asyncio.Queue[LimitReplied | OrderReplied] = asyncio.Queue()
        self.ports: tuple[int, ...] = ()
        self.listening = asyncio.Event()

    @property
    def port(self) -> int:
        """The first port that is listened on, once ``listening`` is set."""
        return self.ports[0]

    async def serve(self, *entrances: Entrance) -> None:
        """Serve until cancelled. Port 0 takes a free one; ``self.ports`` says which, once ``listening`` is set.

        Raises OSError when an address cannot be taken, and a group with what ``submit`` raises for a limit or an order
        that could not be sent: the rules must hear of it, or the daemon end.
        """
        async with AsyncExitStack() as undo:
            undo.callback(self.listening.clear)
            servers: list[Server] = [
                await undo.enter_async_context(self._listening(entrance)) for entrance in entrances
            ]
            self.ports = tuple(next(iter(server.sockets)).getsockname()[1] for server in servers)
            self.listening.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell_of_unsent())
                for entrance in entrances:
                    if entrance.tls is not None:
                        tasks.create_task(self._look(entrance.tls))

    async def _tell_of_unsent(self) -> None:
        while True:
            await self._around.submit(await self._unsent.get())

    def _listening(self, entrance: Entrance) -> AbstractAsyncContextManager[Server]:
        return serve(
            self._connected,
            entrance.host,
            entrance.port,
            process_request=self._door.admit,
            select_subprotocol=_select,
            create_connection=cast(type[ServerConnection], partial(self._visitor, entrance.tls)),
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=FRAMES_WAITING,
            open_timeout=HANDSHAKE_REAL_S,
            ping_interval=self._transport.ping_every_real_s,
            ping_timeout=self._transport.pong_within_real_s,
            close_timeout=CLOSE_REAL_S,
            server_header=None,
        )

    def _visitor(self, tls: Encryption | None, protocol: ServerProtocol, server: Server, **more: Any) -> Visitor:
        visitor = Visitor(protocol, server, guard=self._door.guard, tls=tls, **more)
        if tls is not None:
            visitor.first = Handshake(visitor, tls, self._door.guard, self._failures)
        return visitor

    async def _look(self, tls: Encryption) -> None:
        """Follow the files of a TLS port, and end the connections whose certificate was revoked meanwhile."""
        while True:
            await asyncio.sleep(LOOK_AT_FILES_REAL_S)
            if await asyncio.to_thread(tls.look):
                for link in [x for x in self._links.values() if x.certificate and tls.revoked.holds(x.certificate)]:
                    await link.retire(REVOKED)

    def send_limit(self, setpoint: LimitSetpoint) -> None:
        """Send a limit as soon as the station may be asked. Its outcome is submitted as a LimitReplied: REJECTED as
        well when it certainly was never sent."""
        link = self._links.get(setpoint.station_id)
        unsent = (setpoint, NOT_CONNECTED) if link is None else link.send_limit(setpoint)
        if unsent is not None:
            self._unsent.put_nowait(limit_replied(*unsent))

    def send_order(self, setpoint: OrderSetpoint) -> None:
        """Send an order when its turn comes, at most once. What became of it is submitted as an OrderReplied: UNSENT
        when the station is away or it could not leave by its deadline, UNSUPPORTED when the version has no word."""
        link = self._links.get(setpoint.station_id)
        result = AWAY if link is None else link.send_order(setpoint)
        if result is not None:
            self._unsent.put_nowait(order_replied(setpoint, result))

    async def call(self, station_id: str, action: str, payload: Payload) -> Answered | Refused:
        """Call a station with a message's own payload and wait for what it says.

        Raises InvalidCall (and nothing is sent), StationAway, StationBusy, or NoAnswer when the outcome is unknown.
        """
        link = self._links.get(station_id)
        if link is None:
            raise StationAway(f"{station_id} is not connected")
        if (problem := link.judge(action, payload)) is not None:
            raise InvalidCall(problem)
        return await link.request(CallBody(action, payload))

    def knows(self, station_id: str, action: str) -> bool:
        """Whether a station can be called with an action: by the version it speaks, by any while it is away."""
        link = self._links.get(station_id)
        spoken = list(self._dialects.values()) if link is None else [link.dialect]
        return any(dialect.goes_to_station(action) for dialect in spoken)

    def judge_by_hand(self, station_id: str, action: str, payload: Payload) -> None:
        """Raises StationAway, InvalidCall, or NotByHand with the reason why a person may not send this message."""
        link = self._links.get(station_id)
        if link is None:
            raise StationAway(f"{station_id} is not connected")
        if (problem := link.judge(action, payload)) is not None:
            raise InvalidCall(problem)
        if (reason := link.why_not_by_hand(action, payload)) is not None:
            raise NotByHand(reason)

    def connected(self) -> tuple[str, ...]:
        """The ids of the stations that are connected."""
        return tuple(sorted(self._links))

    def status(self) -> dict[str, StationStatus]:
        """Every configured station, and whether it is there."""
        facility = self._around.knowledge().facility
        known = [] if facility is None else [s.station_id for s in facility.stations]
        seen_ms = self._last_seen_ms | {name: link.last_seen_ms for name, link in self._links.items()}
        return {name: StationStatus(name in self._links, seen_ms.get(name)) for name in known}

    def version_of(self, station_id: str) -> Version | None:
        """The OCPP version that a station speaks; None while it is away."""
        link = self._links.get(station_id)
        return None if link is None else link.version

    def certificates(self) -> dict[str, int]:
        """When the certificates end that connected stations showed (lived ms)."""
        return {name: link.certificate_ends_ms for name, link in self._links.items() if link.certificate_ends_ms}

    async def _connected(self, socket: ServerConnection) -> None:
        station = socket.station if isinstance(socket, Visitor) else None
        version = VERSIONS.get(socket.subprotocol or "")
        if station is None or version is None:
            # OCPP-J 3.1.2: without a common version the handshake is completed, then the connection is closed.
            await socket.close(1002, f"offer one of the subprotocols {', '.join(VERSIONS)}")
            return
        dialect = self._dialects[version.subprotocol]
        link = StationLink(socket, station, version=version, dialect=dialect, around=self._around)
        link.certificate_ends_ms, link.certificate = ends_ms(peer_certificate(socket)), certificate_of(socket)
        await self._live(station.station_id, link)

    async def _live(self, station_id: str, link: StationLink) -> None:
        """Run a link. It takes the place of the station's older one, whose end the rules hear of first."""
        older = self._links.get(station_id)
        self._links[station_id] = link
        try:
            await link.run(older)
        finally:
            self._last_seen_ms[station_id] = link.last_seen_ms
            if self._links.get(station_id) is link:
                del self._links[station_id]


def _select(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Our preferred one of those offered; None completes the handshake without any."""
    return next((Subprotocol(name) for name in VERSIONS if name in offered), None)
