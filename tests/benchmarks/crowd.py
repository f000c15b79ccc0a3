"""A crowd of stations that never pause and cost as little as can be, so that a server's speed is measured, not theirs.

A talker takes the place of a station's WebSocket client on its connection: its calls are written out beforehand but for
their number, and of an answer it reads the head alone. Whatever else the server says it hands to the client.
"""

import asyncio
import json
import resource
import time
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import BenchmarkError
from tests.benchmarks.fleet import CALL, PATIENCE_REAL_S, Station

_TEXT, _MASKED, _NO_MASK = 0x81, 0x80, bytes(4)
_SHORT_MAX, _TWO_BYTES, _EIGHT_BYTES = 125, 126, 127
_ID_WITHIN = 24
"""Of a frame, the bytes that hold its message's type and id."""
_REFUSED, _NOTHING = b'[4,"', b"\xff"


def allow_files(count: int) -> None:
    """Let this process, and what it starts, have so many open. Raises BenchmarkError where they are too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < count:
        raise BenchmarkError(f"{count} open files are needed, {hard} are allowed: raise the limit (ulimit -Hn)")
    if resource.RLIM_INFINITY != soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


async def talk(stations: Sequence[Station], real_s: float) -> tuple[int, float]:
    """Let all talk at once. How many calls were answered, and the seconds until the last was."""
    began_s = time.perf_counter()
    talkers = [_Talker(one, began_s + real_s) for one in stations]
    async with asyncio.timeout(real_s + PATIENCE_REAL_S):
        trips = sum(await asyncio.gather(*(talker.finished for talker in talkers)))
    return trips, time.perf_counter() - began_s


class _Talker(asyncio.Protocol):
    """One call open at a time, TransactionEvent and MeterValues in turn, until an instant of ``time.perf_counter``.
    ``finished``: how many were answered; BenchmarkError when one was refused or the connection ended."""

    def __init__(self, station: Station, until_s: float) -> None:
        self.finished: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._client: ClientConnection = station.connection
        self._calls = [_written(*station.small_talk(turn)) for turn in (0, 1)]
        self._until_s = until_s
        self._trips = 0
        self._waited_for = b""
        self._buffer = b""
        if self._client.transport.is_closing():
            why = f"{self._client.close_code} {self._client.close_reason}"
            raise BenchmarkError(f"the connection of station {station.number} has ended: {why}")
        self._client.transport.set_protocol(self)
        self._call()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (frame := self._frame()) is not None:
            if self._waited_for not in frame[:_ID_WITHIN]:
                self._client.data_received(frame)
            elif _REFUSED in frame[:_ID_WITHIN]:
                self._end(BenchmarkError(f"a call was refused: {frame!r}"))
            else:
                self._answered()
        if self.finished.done() and self._buffer:
            self._client.data_received(self._buffer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(BenchmarkError(f"the server ended the connection: {exc}"))
        self._client.connection_lost(exc)

    def _frame(self) -> bytes | None:
        """The next frame of the buffer as it came; None when it is not all there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, head = buffer[1], 2
        if length > _SHORT_MAX:
            head = {_TWO_BYTES: 4, _EIGHT_BYTES: 10}[length]
            length = int.from_bytes(buffer[2:head], "big") if len(buffer) >= head else len(buffer)
        if len(buffer) < head + length:
            return None
        self._buffer = buffer[head + length :]
        return buffer[: head + length]

    def _answered(self) -> None:
        self._trips += 1
        if time.perf_counter() < self._until_s:
            self._call()
        else:
            self._end(None)

    def _call(self) -> None:
        self._waited_for = b'"t%07d"' % self._trips
        self._client.transport.write(self._calls[self._trips % len(self._calls)] % self._trips)

    def _end(self, problem: BenchmarkError | None) -> None:
        self._waited_for = _NOTHING
        self._client.transport.set_protocol(self._client)
        if self.finished.done():
            return
        if problem is None:
            self.finished.set_result(self._trips)
        else:
            self.finished.set_exception(problem)


def _written(action: str, payload: dict[str, object]) -> bytes:
    """A call of 126 to 65,535 bytes as a frame, but for the seven digits of its number. The mask of zeros changes no
    byte, so the server has the same work with it as with any other."""
    message = json.dumps([CALL, "t%07d", action, payload], separators=(",", ":")).encode()
    length = len(message % 0)
    return bytes((_TEXT, _MASKED | _TWO_BYTES)) + length.to_bytes(2, "big") + _NO_MASK + message
