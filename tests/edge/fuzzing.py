"""Frames that no well-meant station sends, drawn by a seed: damaged ones of real messages, and sheer garbage. And a
station that sends them, beside a good one whose round trips must go on."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.edge.ocpp.samples import least, schema
from tests.edge.stations_kit import Site
from tests.waiting import until

ACTIONS = (
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "Heartbeat",
    "MeterValues",
    "NotifyReport",
    "SecurityEventNotification",
    "SignCertificate",
    "StatusNotification",
    "TransactionEvent",
    "SetChargingProfile",
    "NoSuchAction",
)
_NASTY: tuple[Any, ...] = (
    None,
    True,
    "",
    -1,
    10**17,
    1.5,
    "x" * 5_000,
    [],
    {},
    [[[[]]]],
    "\x00",
    "\ud800",
    "9999-12-31T23:59:60Z",
    {"customData": {"vendorId": 1}},
)
_RAW = (
    "",
    "null",
    "[",
    "[]",
    "{}",
    "[2]",
    "[2,3]",
    '[2,"a"]',
    '[2,"a","Heartbeat",{},{}]',
    "[" * 3_000,
    '{"a":' * 3_000,
    '[2,"a","Heartbeat",{"customData":{"vendorId":NaN}}]',
    '[2,"a","Heartbeat",{"customData":{"vendorId":"v","n":1e999}}]',
    '[2,"a","Heartbeat",{"customData":{"vendorId":"v","n":' + "9" * 4_000 + "}}]",
    '[2,"a","Heartbeat",{"a":1,"a":2}]',
    '[3,"a",{}]',
    '[4,"a","b","c",{}]',
    "9" * 10_000,
    '"' + "x" * 100_000 + '"',
)


class Fuzzer:
    """An endless supply; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - the same again for the same seed

    def frame(self) -> str | bytes:
        """The next frame: text, or bytes for a binary one."""
        kind = self._chance.random()
        if kind < 0.05:
            return self._chance.randbytes(self._chance.randrange(200))
        if kind < 0.25:
            return self._chance.choice(_RAW)
        action = self._chance.choice(ACTIONS)
        message = [2, f"f-{self._chance.randrange(10**6)}", action, _payload(action)]
        for _ in range(self._chance.randrange(3)):
            message = self._wronged(message)
        text = json.dumps(message)
        return self._damaged(text) if kind > 0.7 else text

    def _wronged(self, value: Any) -> Any:
        """The same value with something nasty somewhere within."""
        inner = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not inner or self._chance.random() < 0.2:
            return self._chance.choice(_NASTY)
        at = self._chance.choice(inner)
        changed = dict(value) if isinstance(value, dict) else list(value)
        changed[at] = self._wronged(changed[at])
        return changed

    def _damaged(self, text: str) -> str:
        at, length = self._chance.randrange(len(text)), self._chance.randrange(1, 6)
        return text[:at] + "".join(self._chance.choices('[]{}",:\\0e-\u00e9\x1f', k=length)) + text[at + length :]


def _payload(action: str) -> dict[str, Any]:
    if action == "NoSuchAction":
        return {}
    root = schema(f"{action}Request")
    found: dict[str, Any] = least(root, root)
    return found


@asynccontextmanager
async def good_one(site: Site, name: str = "dc-2") -> AsyncIterator[list[float]]:
    """A station that never stops asking the time; what its round trips took, in seconds."""
    took_s: list[float] = []
    loop = asyncio.get_running_loop()

    async def ask(connection: Any) -> None:
        while True:
            began_s = loop.time()
            await connection.send('[2,"h","Heartbeat",{}]')
            async with asyncio.timeout(5):
                while json.loads(await connection.recv())[1] != "h":
                    pass
            took_s.append(loop.time() - began_s)
            await asyncio.sleep(0.005)

    async with site.dial(name) as connection:
        asking = asyncio.create_task(ask(connection))
        try:
            yield took_s
        finally:
            heard = len(took_s)
            await until(lambda: len(took_s) > heard or asking.done())
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled(), asking.exception()


async def torment(site: Site, fuzzer: Fuzzer, frames: int, name: str = "dc-1") -> None:
    """Send frames as fast as they are taken, and come back whenever the connection ends."""
    while frames:
        with contextlib.suppress(ConnectionClosed, InvalidStatus, OSError):
            async with site.dial(name) as connection:
                listening = asyncio.create_task(_drain(connection))
                try:
                    while frames:
                        frames -= 1
                        frame = fuzzer.frame()
                        # Half a surrogate pair cannot be sent as text: it goes as the UTF-8 that it is not.
                        sent = frame.encode(errors="surrogatepass") if isinstance(frame, str) else frame
                        await connection.send(sent, text=isinstance(frame, str))
                finally:
                    listening.cancel()
        await asyncio.sleep(0)


async def _drain(connection: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            pass
