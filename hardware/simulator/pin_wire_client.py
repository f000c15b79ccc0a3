"""The world's end of the pin wire (``hardware/simulator/pin_wire.py``): remembers the levels, connects for ever."""

import asyncio
from collections.abc import Callable

from hardware.sentences import LineBuffer
from hardware.simulator.pin_wire import LINE_BYTES_MAX, level_line, parse_level

RECONNECT_REAL_S_MIN = 0.05
RECONNECT_REAL_S_MAX = 1.0
UNREAD_BYTES_MAX = 65_536


class PinWireClient(asyncio.Protocol):
    """Drives a box's inputs and hears its outputs; ``run`` is the task that keeps it connected.

    What was driven while the cable was out is driven when it is back. Without a cable no relay is energised.
    ``on_output`` is told each change of an output, in the event loop. It is a protocol and not a stream, so that what
    the box says is heard before any timer that is due at the same moment.
    """

    def __init__(self, path: str, *, on_output: Callable[[int, bool], None]) -> None:
        self._path = path
        self._on_output = on_output
        self._inputs: dict[int, bool] = {}
        self._outputs: dict[int, bool] = {}
        self._transport: asyncio.Transport | None = None
        self._lines = LineBuffer(LINE_BYTES_MAX)
        self._lost = asyncio.Event()
        self._plugged = asyncio.Event()
        self._plugged.set()

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def drive(self, pin: int, level: bool) -> None:
        """Set an input of the box, now or as soon as the cable is there."""
        self._inputs[pin] = level
        self._send(level_line(pin, level))

    def level(self, pin: int) -> bool:
        """What an output was last heard to be; False while it is not heard."""
        return self._outputs.get(pin, False)

    def unplug(self) -> None:
        """Pull the cable: the box's inputs stay as they are."""
        self._plugged.clear()
        if self._transport is not None:
            self._transport.abort()

    def plug_in(self) -> None:
        """Put the cable back."""
        self._plugged.set()

    async def run(self) -> None:
        """Stay connected until cancelled; a box that is not there is tried again."""
        wait_real_s = RECONNECT_REAL_S_MIN
        loop = asyncio.get_running_loop()
        while True:
            await self._plugged.wait()
            try:
                transport, _ = await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(wait_real_s)
                wait_real_s = min(2 * wait_real_s, RECONNECT_REAL_S_MAX)
                continue
            wait_real_s = RECONNECT_REAL_S_MIN
            try:
                await self._lost.wait()
            finally:
                transport.abort()
            await asyncio.sleep(wait_real_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Releases go first, so that a box never sees two exclusive contacts closed at once."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream socket's transport is
        self._transport = transport
        self._lost.clear()
        self._lines.clear()
        for pin, level in sorted(self._inputs.items(), key=lambda item: item[1]):
            self._send(level_line(pin, level))

    def data_received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._heard(*parse_level(line))

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._lost.set()
        for pin in list(self._outputs):
            self._heard(pin, False)

    def _heard(self, pin: int, level: bool) -> None:
        if self._outputs.get(pin, False) is not level:
            self._outputs[pin] = level
            self._on_output(pin, level)

    def _send(self, line: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._transport.abort()
