"""What is done to the sockets of the stations' door below the messages: requests that are none, frames that break
RFC 6455, peers that begin and never go on. Bytes written by hand, because a library would not write them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.edge.stations_kit import PASSWORD, Site, basic

HOST = "Host: box"
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
KEY = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
OFFER = "Sec-WebSocket-Protocol: ocpp2.0.1"
HEARTBEAT = b'[2,"h","Heartbeat",{}]'


def signed(name: str) -> str:
    return f"Authorization: {basic(name, PASSWORD)}"


def request(name: str, *lines: str, first: str = "GET /{name} HTTP/1.1") -> bytes:
    return "\r\n".join([first.format(name=name), *lines, "", ""]).encode("latin-1")


def proper(name: str) -> bytes:
    return request(name, HOST, UPGRADE, KEY, OFFER, signed(name))


def frame(payload: bytes, opcode: int = 1, *, end: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    else:
        size = b"\xfe" + length.to_bytes(2, "big") if length < 1 << 16 else b"\xff" + length.to_bytes(8, "big")
    return bytes([0x80 * end | opcode]) + size + bytes(4) + payload


def requests(name: str) -> dict[str, bytes]:
    """Requests that let nobody in, by what is wrong with them."""
    rest = (UPGRADE, KEY, OFFER, signed(name))
    return {
        "no upgrade": request(name, HOST),
        "HTTP/1.0": request(name, HOST, *rest, first="GET /{name} HTTP/1.0"),
        "another method": request(name, HOST, "Content-Length: 3", first="POST /{name} HTTP/1.1") + b"abc",
        "a body": request(name, HOST, "Content-Length: 3", *rest) + b"abc",
        "a chunked body": request(name, HOST, "Transfer-Encoding: chunked", *rest) + b"0\r\n\r\n",
        "two signatures": request(name, HOST, *rest, signed(name)),
        "two keys": request(name, HOST, KEY, *rest),
        "an old version": request(name, HOST, UPGRADE.replace("13", "8"), KEY, OFFER, signed(name)),
        "no key": request(name, HOST, UPGRADE, OFFER, signed(name)),
        "a key that is none": request(name, HOST, UPGRADE, "Sec-WebSocket-Key: !", OFFER, signed(name)),
        "an empty signature": request(name, HOST, UPGRADE, KEY, OFFER, "Authorization: "),
        "half a signature": request(name, HOST, UPGRADE, KEY, OFFER, "Authorization: Basic"),
        "an endless path": request(name, HOST, *rest, first=f"GET /{'a' * 9_000} HTTP/1.1"),
        "an endless header": request(name, HOST, f"X: {'y' * 100_000}", *rest),
        "endless headers": request(name, HOST, *["X: y"] * 300, *rest),
        "NUL in the path": request(name, HOST, *rest, first="GET /{name}\0 HTTP/1.1"),
        "NUL behind the path": request(name, HOST, *rest, first="GET /{name}%00 HTTP/1.1"),
        "a path upwards": request(name, HOST, *rest, first="GET /{name}/%2e%2e/..%2f{name} HTTP/1.1"),
        "no text in the path": request(name, HOST, *rest, first="GET /\xff%ff%zz HTTP/1.1"),
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    }


def wires(heartbeat: bytes = HEARTBEAT) -> dict[str, tuple[bytes, int | None]]:
    """What comes after the handshake, and the code that the connection is closed with; None when it goes on."""
    pieces = [frame(bytes([b]), opcode=n == 0, end=n == len(heartbeat) - 1) for n, b in enumerate(heartbeat)]
    return {
        "no mask": (b"\x81\x16" + heartbeat, 1002),
        "a reserved bit": (b"\xc1" + frame(heartbeat)[1:], 1002),
        "no such opcode": (frame(heartbeat, 3), 1002),
        "no such control opcode": (frame(b"", 11), 1002),
        "a continuation of nothing": (frame(heartbeat, 0), 1002),
        "a beginning within a message": (frame(b"[2,", end=False) + frame(heartbeat), 1002),
        "a byte a frame": (b"".join(pieces), None),
        "endless empty frames": (frame(b"", end=False) + frame(b"", 0, end=False) * 5_000, 1009),
        "a length beyond everything": (b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4), 1009),
        "a long ping": (frame(b"x" * 126, 9), 1002),
        "a ping in pieces": (frame(b"", 9, end=False), 1002),
        "no such reason to close": (frame(b"\x00\x05", 8), 1002),
        "half a reason to close": (frame(b"\x03", 8), 1002),
        "a reason to close that is no text": (frame(b"\x03\xe8\xff\xfe", 8), 1007),
        "more after the end": (frame(b"\x03\xe8", 8) + frame(heartbeat) * 100, 1000),
        "a letter cut in two": (frame(b'["\xc3', end=False) + frame(b'\xa9"]', 0) + frame(heartbeat), None),
        "half a letter": (frame(b'["\xc3"]'), 1007),
        "an abyss": (frame(b"[" * 1_000_000) + frame(heartbeat), None),
        "a number without end": (frame(b"9" * 1_000_000) + frame(heartbeat), None),
    }


@asynccontextmanager
async def bare(site: Site, first: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
    try:
        writer.write(first)
        yield reader, writer
    finally:
        writer.transport.abort()


async def vandalise(site: Site, name: str, seed: int, times: int) -> None:
    """Do such things as they come, and leave in the ways that peers leave."""
    chance = random.Random(seed)  # noqa: S311 - the same again for the same seed
    for _ in range(times):
        begin = chance.choice([*requests(name).values(), *[proper(name)] * 20])
        sent = b"".join(data for data, _ in chance.choices(list(wires().values()), k=2))
        cut = chance.randrange(len(begin)) if chance.random() < 0.1 else len(begin)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with bare(site, begin[:cut]) as (reader, writer):
                if cut == len(begin):
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(sent[: chance.randrange(len(sent))])
                if chance.random() < 0.5:
                    writer.write_eof()
                if chance.random() < 0.5:
                    async with asyncio.timeout(0.5):
                        await reader.read()
