"""The TLS handshake before a station is heard at all. asyncio's own listening swallows why one fails; a station that
cannot get in is a person's question, so the reason is logged, once for each peer and reason in a while."""

import asyncio
import logging

from edge.station_door import Visitor
from edge.station_guard import Guard
from edge.station_tls import Encryption, why_failed

HANDSHAKE_REAL_S = 20.0
"""It may take so long, and then that of WebSocket: radio links are slow, and a peer that guesses waits."""
SAY_AGAIN_REAL_S = 3_600.0
FAILURES_REMEMBERED = 1_000
_log = logging.getLogger(__name__)


class Failures:
    """What was logged of whom lately, in real seconds."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], float] = {}

    def log(self, address: str, reason: str, now_real_s: float) -> None:
        """Log a failure, unless it is known."""
        said_real_s = self._said.get((address, reason))
        if said_real_s is not None and now_real_s - said_real_s < SAY_AGAIN_REAL_S:
            return
        self._said.pop((address, reason), None)
        self._said[address, reason] = now_real_s
        if len(self._said) > FAILURES_REMEMBERED:
            del self._said[next(iter(self._said))]
        _log.warning("a TLS handshake failed", extra={"peer": address, "reason": reason})


class Handshake(asyncio.Protocol):
    """Stands for a visitor until its connection is encrypted, and keeps what it said meanwhile: with TLS 1.3 a request
    may come along with the end of the handshake."""

    def __init__(self, visitor: Visitor, encryption: Encryption, guard: Guard, failures: Failures) -> None:
        self._visitor = visitor
        self._encryption = encryption
        self._guard = guard
        self._failures = failures
        self._address = ""
        self._said: list[bytes] = []
        self._ended = False
        self._shaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; end it at once when the address has too many under way."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"a connection with a {type(transport).__name__} cannot be encrypted")
        transport.pause_reading()
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._guard.knock(self._address):
            self._guard.settled(self._address)
            transport.abort()
            return
        self._shaking = asyncio.get_running_loop().create_task(self._shake(transport))

    def data_received(self, data: bytes) -> None:
        """What it says before the visitor is told of it."""
        self._said.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (of every protocol)
        """It is gone before it came."""
        self._ended = True

    async def _shake(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                transport, self, self._encryption.context, server_side=True, ssl_handshake_timeout=HANDSHAKE_REAL_S
            )
        except OSError as error:
            self._failures.log(self._address, why_failed(error), loop.time())
            return
        finally:
            self._guard.settled(self._address)
        if encrypted is None or self._ended:
            return
        encrypted.set_protocol(self._visitor)
        self._visitor.connection_made(encrypted)
        for said in self._said:
            self._visitor.data_received(said)
