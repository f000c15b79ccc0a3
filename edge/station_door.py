"""The door that charging stations come through: who is let in, who is kept waiting, who is kept out and why.

Nothing here touches a connection that has come through. A refusal is logged once per station and reason: a station
tries again for ever, and so does who guesses passwords.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.server import ServerProtocol

from edge.rules.inputs import Knowledge
from edge.station_admission import Admitted, Approach, Refusal, admit, station_id_of
from edge.station_guard import Bucket, Guard
from edge.station_secrets import StationSecrets
from edge.station_tls import Encryption, common_name
from shared.clock import SECOND_MS, Clock
from shared.facilities import Station

REFUSALS_REMEMBERED = 1_000
BEATS, BEATS_A_REAL_S = 100, 10
"""Pings and pongs of one station; more is an attack, because they pass by the read loop."""
TOO_MANY_BEATS = "too many pings"
_BEATS = (Opcode.PING, Opcode.PONG)
STUCK_REAL_S = 30.0
"""So long may what we have to say to a peer wait in memory before its connection is cut. Whoever reads nothing could
keep it for ever otherwise, with its station's place: saying goodbye waits behind all else."""
_log = logging.getLogger(__name__)


class Visitor(ServerConnection):
    """A connection that counts as pending until it was let in or has ended. ``first`` has the connection before it."""

    def __init__(
        self, protocol: ServerProtocol, server: Server, *, guard: Guard, tls: Encryption | None = None, **more: Any
    ) -> None:
        super().__init__(protocol, server, **more)
        self.station: Station | None = None
        self.first: asyncio.Protocol | None = None
        self._tls = tls
        self._guard = guard
        self._address: str | None = None
        self._beats = Bucket(BEATS, BEATS_A_REAL_S)
        self._cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, that of ``first`` before our own; end it at once when the address has too many under
        way."""
        first, self.first = self.first, None
        if first is not None and isinstance(transport, asyncio.Transport):
            transport.set_protocol(first)
            first.connection_made(transport)
            return
        super().connection_made(transport)
        self._address = address_of(self)
        if not self._guard.knock(self._address):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self._unstuck()
        self.settled()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is told; it has a while to begin again."""
        super().pause_writing()
        self._unstuck()
        self._cut = self.loop.call_later(STUCK_REAL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._unstuck()
        super().resume_writing()

    def _unstuck(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    def settled(self) -> None:
        """It has signed in, or has ended."""
        if self._address is not None:
            self._guard.settled(self._address)
            self._address = None

    @property
    def revoked(self) -> bool:
        """Whether the certificate that it showed counts no more."""
        shown = certificate_of(self)
        return shown is not None and self._tls is not None and self._tls.revoked.holds(shown)

    def process_event(self, event: Event) -> None:
        """End a connection that does nothing but ping."""
        if isinstance(event, Frame) and event.opcode in _BEATS and self._beats.take(1, self.loop.time()):
            self.protocol.fail(CloseCode.POLICY_VIOLATION, TOO_MANY_BEATS)
            self.send_data()
            return
        super().process_event(event)


def address_of(connection: ServerConnection) -> str:
    """The peer's address without its port."""
    address = connection.remote_address
    return str(address[0]) if isinstance(address, tuple) else ""


def peer_certificate(connection: ServerConnection) -> dict[str, Any] | None:
    """The certificate that a station showed and whose chain was checked."""
    found: dict[str, Any] | None = connection.transport.get_extra_info("peercert")
    return found or None


def certificate_of(connection: ServerConnection) -> bytes | None:
    """The same, whole (DER)."""
    encrypted = connection.transport.get_extra_info("ssl_object")
    return None if encrypted is None else encrypted.getpeercert(binary_form=True)


class Doorkeeper:
    """``quarantined_until`` says until which lived instant a station is kept out; None for one that is not."""

    def __init__(
        self,
        knowledge: Callable[[], Knowledge],
        clock: Clock,
        secrets: StationSecrets,
        quarantined_until: Callable[[str], int | None],
    ) -> None:
        self.guard = Guard()
        self._knowledge = knowledge
        self._clock = clock
        self._secrets = secrets
        self._quarantined_until = quarantined_until
        self._refusals: dict[tuple[str, str], None] = {}

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets it in. Holds up who guesses passwords and who reconnects in a tight loop."""
        address, name = address_of(connection), station_id_of(request.path)
        await _pause(self.guard.guessing(address, name, _now_real_s()))
        verdict = admit(self._knowledge().facility, _approach(connection, request), self._secrets)
        if isinstance(verdict, Refusal):
            if verdict.status is HTTPStatus.UNAUTHORIZED:
                self.guard.guessed_wrong(address, name, _now_real_s())
            return self._refuse(connection, name, verdict)
        if (refused := self._kept_out(connection, name)) is not None:
            return refused
        if "Sec-WebSocket-Protocol" not in request.headers:
            # Who names no version at all is no OCPP station; who names another one is told so (OCPP-J 3.1.2).
            return self._refuse(connection, name, Refusal(HTTPStatus.BAD_REQUEST, "it offers no subprotocol"))
        await _pause(self.guard.visit(address, name, _now_real_s()))
        self._let_in(connection, verdict)
        return None

    def _let_in(self, connection: ServerConnection, admitted: Admitted) -> None:
        station = admitted.station
        self._refusals = {key: None for key in self._refusals if key[0] != station.station_id}
        if admitted.key is not None:
            try:
                self._secrets.used(station, admitted.key)
            except OSError as error:
                about = {"station_id": station.station_id, "problem": str(error)}
                _log.warning("the older passwords of a station still count", extra=about)
        if isinstance(connection, Visitor):
            connection.station = station
            connection.settled()

    def _kept_out(self, connection: ServerConnection, station_id: str) -> Response | None:
        until_ms = self._quarantined_until(station_id)
        if until_ms is None:
            return None
        response = self._refuse(
            connection, station_id, Refusal(HTTPStatus.TOO_MANY_REQUESTS, "it is in quarantine for its misbehaviour")
        )
        left_ms = max(0, until_ms - self._clock.now_ms())
        response.headers["Retry-After"] = str(left_ms // SECOND_MS + 1)
        return response

    def _refuse(self, connection: ServerConnection, station_id: str, refusal: Refusal) -> Response:
        self._log_refusal(station_id, refusal, connection)
        response = connection.respond(refusal.status, f"{refusal.status.phrase}\n")
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="charging stations", charset="UTF-8"'
        return response

    def _log_refusal(self, station_id: str, refusal: Refusal, connection: ServerConnection) -> None:
        key = (station_id, refusal.reason)
        if key in self._refusals:
            return
        if len(self._refusals) >= REFUSALS_REMEMBERED:
            del self._refusals[next(iter(self._refusals))]
        self._refusals[key] = None
        about = {"station_id": station_id[:48], "reason": refusal.reason, "peer": str(connection.remote_address)}
        _log.warning("station refused", extra=about)


def _approach(connection: ServerConnection, request: Request) -> Approach:
    return Approach(
        target=request.path,
        authorization=_only(request.headers.get_all("Authorization")),
        encrypted=connection.transport.get_extra_info("ssl_object") is not None,
        certificate_name=common_name(peer_certificate(connection)),
        certificate_revoked=isinstance(connection, Visitor) and connection.revoked,
    )


def _only(values: list[str]) -> str | None:
    """None for two of a kind as for none: which of them counts is not for us to guess."""
    return values[0] if len(values) == 1 else None


async def _pause(real_s: float) -> None:
    if real_s > 0:
        await asyncio.sleep(real_s)


def _now_real_s() -> float:
    return asyncio.get_running_loop().time()
