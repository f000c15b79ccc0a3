"""A network that fails on request: a TCP proxy before one address, with a thread and an event loop of its own."""

import asyncio
import contextlib
import threading
from enum import StrEnum
from random import Random
from types import TracebackType
from typing import Self

from provisioning.local.ports import HOST

CHUNK_BYTES = 16 * 1024
SLOW_BYTES_PER_REAL_S = 20_000
_LOSSY_ONE_IN = 40


class Weather(StrEnum):
    FAIR = "FAIR"
    CUT = "CUT"
    """Connections are reset and none is taken."""
    HALF_OPEN = "HALF_OPEN"
    """Connections stay, and nothing comes through: what a dead router looks like."""
    SLOW = "SLOW"
    LOSSY = "LOSSY"
    """Each chunk may be the one at which the connection breaks, what was under way included."""


class Proxy:
    """``with Proxy(port) as proxy: connect to proxy.port``. ``set`` may be called from any thread, at any moment."""

    def __init__(self, target_port: int, *, seed: int = 0) -> None:
        self.port = 0
        self._target_port = target_port
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._weather = Weather.FAIR
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name=f"proxy-{target_port}")

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, HOST, 0), self._loop).result()
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.set(Weather.CUT)
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, weather: Weather) -> None:
        """Change the weather for all connections, those that are open included."""
        self._loop.call_soon_threadsafe(self._change, weather)

    def _change(self, weather: Weather) -> None:
        self._weather = weather
        self._open.clear() if weather is Weather.HALF_OPEN else self._open.set()
        if weather is Weather.CUT:
            for writer in list(self._writers):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather is Weather.CUT:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            self._writers -= {writer, back}

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(CHUNK_BYTES):
                await self._open.wait()
                if self._weather is Weather.SLOW:
                    await asyncio.sleep(len(chunk) / SLOW_BYTES_PER_REAL_S)
                if self._weather is Weather.LOSSY and self._random.randrange(_LOSSY_ONE_IN) == 0:
                    break
                target.write(chunk)
                await target.drain()
        target.transport.abort() if self._weather is not Weather.FAIR else target.close()


async def _end_all() -> None:
    """Let what is still being carried come to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
