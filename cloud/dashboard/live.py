"""One look at the source per second, shared by everybody who watches: no watcher, no look.

A watcher is told only what changed since it was last told something, so one that is slow, or comes back after a pause,
skips what it missed and costs no memory. While the source cannot be read, watchers are told so; the ``tick`` that says
"this is current" stops, and that is what a page goes by.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

EVERY_REAL_S = 1.0
LOOK_TIMEOUT_REAL_S = 4.0
RETRY_REAL_MS = 1_000
LONGEST_STREAM_REAL_S = 3_600.0
"""Then a watcher has to come back, and show once more that it may watch."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a region of a page shows. ``parts`` are the changing elements, inner HTML by element id, inside the region
    or elsewhere on the page; ``whole`` is all of the region, sent to who has nothing yet and whenever ``shape`` (which
    parts there are) is another one than before. ``as_of`` says for people when this was so."""

    as_of: str
    shape: str
    whole: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Errors that say the source is away for a while, and what people are told then."""

    errors: tuple[type[Exception], ...]
    """TimeoutError belongs among them: a look that takes too long counts as one that failed."""
    text: str


class Live:
    """``follow`` is one watcher's stream of server-sent events; ``region`` is the id of the element that ``whole``
    goes into. Not safe to share between event loops."""

    def __init__(self, region: str, look: Callable[[], Awaitable[Picture]], trouble: Trouble) -> None:
        self._region = region
        self._look = look
        self._trouble = trouble
        self._picture: Picture | None = None
        self._in_trouble = False
        self._turned = asyncio.Event()
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def picture(self) -> Picture | None:
        """The newest picture, looked for now when there is none at hand; None while the source cannot be read."""
        if self._task is None or self._picture is None:
            await self._look_once()
        return None if self._in_trouble else self._picture

    async def follow(self) -> AsyncIterator[str]:
        """Server-sent events until the watcher goes, ``close`` is called, or an hour is over."""
        self._watchers += 1
        task = self._watched()
        told: Picture | None = None
        ends = time.monotonic() + LONGEST_STREAM_REAL_S
        try:
            yield f"retry: {RETRY_REAL_MS}\n\n"
            while not (self._closed or task.done()) and time.monotonic() < ends:
                turned = self._turned
                if self._in_trouble:
                    yield message("trouble", self._trouble.text)
                elif self._picture is not None:
                    for event in self._news(told, self._picture):
                        yield event
                    told = self._picture
                await turned.wait()
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._rest()

    def close(self) -> None:
        """End every stream; a server can then stop without waiting for pages to go away."""
        self._closed = True
        self._rest()
        self._turn()

    def _news(self, told: Picture | None, picture: Picture) -> list[str]:
        if told is None or told.shape != picture.shape:
            elsewhere = {name: html for name, html in picture.parts.items() if f'id="{name}"' not in picture.whole}
            changed = {self._region: picture.whole, **elsewhere}
        else:
            changed = {name: html for name, html in picture.parts.items() if told.parts.get(name) != html}
        news = [message("parts", "".join(swap(name, html) for name, html in changed.items()))] if changed else []
        return [*news, message("tick", picture.as_of)]

    def _watched(self) -> asyncio.Task[None]:
        """The task that looks; started by the first watcher, with nothing shown that is older than that."""
        if self._task is None:
            self._picture, self._in_trouble = None, False
            self._task = asyncio.create_task(self._keep_looking(), name=f"live {self._region}")
            self._task.add_done_callback(self._ended)
        return self._task

    def _rest(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A defect ends the streams; pages say so, come back, and find a new task."""
        if not task.cancelled() and task.exception() is not None:
            log.error("the live page's source failed", exc_info=task.exception())
        if self._task is task:
            self._task = None
        self._turn()

    async def _keep_looking(self) -> None:
        while True:
            began = time.monotonic()
            await self._look_once()
            self._turn()
            await asyncio.sleep(max(0.0, EVERY_REAL_S - (time.monotonic() - began)))

    async def _look_once(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_REAL_S):
                self._picture = await self._look()
            self._in_trouble = False
        except self._trouble.errors as error:
            if not self._in_trouble:
                log.warning("the live page's source cannot be read: %s", error)
            self._in_trouble = True

    def _turn(self) -> None:
        before, self._turned = self._turned, asyncio.Event()
        before.set()


def swap(element_id: str, html: str) -> str:
    """HTML that puts ``html`` into the element of that id, in the form that htmx takes out of band."""
    return f'<div id="{element_id}" hx-swap-oob="innerHTML">{html}</div>'


def message(event: str, data: str) -> str:
    """One server-sent event; every line of the data is a line of its own, as the format asks."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"
