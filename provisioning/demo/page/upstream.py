"""Headquarters' stream, passed on. Where headquarters is away the stream stays open, says so, and tries again."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from cloud.dashboard.live import message

AGAIN_REAL_S = 0.5
_TIMEOUT = httpx.Timeout(2.0, read=5.0)
AWAY = "Headquarters is away. Gates and chargers go on by themselves; what they do arrives when it is back."


class Upstream:
    """One client for all streams; ``aclose`` ends them."""

    def __init__(self, api_url: str) -> None:
        self._url = f"{api_url}/dashboard/stream"
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
        self._closed = False

    async def follow(self, token: str) -> AsyncIterator[str]:
        """Whole server-sent events, as they come; ``trouble`` while there are none."""
        while not self._closed:
            try:
                async for event in self._events(token):
                    yield event
            except httpx.HTTPError:
                yield message("trouble", AWAY)
            await asyncio.sleep(AGAIN_REAL_S)

    async def _events(self, token: str) -> AsyncIterator[str]:
        """Raises httpx.HTTPError. Half an event is kept back, so that a cut never garbles the next one."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self._client.stream("GET", self._url, headers=headers, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            held: list[str] = []
            async for line in answer.aiter_lines():
                held.append(f"{line}\n")
                if not line:
                    yield "".join(held)
                    held.clear()

    async def aclose(self) -> None:
        self._closed = True
        await self._client.aclose()
