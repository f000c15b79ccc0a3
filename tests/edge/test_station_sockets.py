"""Below OCPP's messages: whatever bytes a peer sends, it ends with a refusal or a closed connection of its own."""

import asyncio
import logging

import pytest

from edge.station_guard import RECONNECTS
from tests.edge.fuzzing import good_one
from tests.edge.stations_kit import running
from tests.edge.vandalism import (
    HEARTBEAT,
    HOST,
    KEY,
    OFFER,
    UPGRADE,
    bare,
    frame,
    proper,
    request,
    requests,
    signed,
    vandalise,
    wires,
)

pytestmark = pytest.mark.anyio
PATIENCE_REAL_S = 10


async def told(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed."""
    async with asyncio.timeout(PATIENCE_REAL_S):
        return await reader.read()


@pytest.mark.parametrize("wrong", requests("dc-1"))
async def test_a_request_that_is_wrong_lets_nobody_in(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site), bare(site, requests("dc-1")[wrong]) as (reader, _):
        answer = await told(reader)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505")), answer
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "lines",
    [
        (UPGRADE, KEY, OFFER),
        (HOST, "Origin: http://elsewhere", UPGRADE, KEY, OFFER),
        (HOST, UPGRADE, KEY, "Sec-WebSocket-Protocol: ocpp1.6", OFFER),
        (HOST, UPGRADE, KEY, "Sec-WebSocket-Protocol: ocpp2.1, ocpp2.0.1 ,ocpp1.6"),
        (HOST, UPGRADE, KEY, OFFER, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    ],
)
async def test_what_stations_leave_out_or_add_keeps_none_out(lines: tuple[str, ...]) -> None:
    first = request("dc-1", *lines, signed("dc-1"))
    async with running("dc-1") as site, bare(site, first) as (reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n" in head
        assert b"Sec-WebSocket-Extensions" not in head
        writer.write(frame(HEARTBEAT))
        async with asyncio.timeout(PATIENCE_REAL_S):
            await reader.readuntil(b'[3,"h",{"currentTime":')


@pytest.mark.parametrize("kind", wires())
async def test_frames_that_break_the_protocol_end_that_connection_and_no_other(kind: str) -> None:
    sent, code = wires()[kind]
    async with running("dc-1", "dc-2") as site, good_one(site), bare(site, proper("dc-1")) as (reader, writer):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(sent)
        if code is None:
            async with asyncio.timeout(PATIENCE_REAL_S):
                await reader.readuntil(b'[3,"h",{"currentTime":')
        else:
            # The server's close frame: FIN and opcode 8, a length, the code.
            assert code.to_bytes(2, "big") in (await told(reader)).rpartition(b"\x88")[2][:3]


async def test_a_station_that_says_no_more_is_gone_and_its_place_free() -> None:
    async with running("dc-1", "dc-2") as site, good_one(site), bare(site, proper("dc-1")) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        await told(reader)
        async with site.dial("dc-1") as connection:
            await connection.send(HEARTBEAT.decode())
            async with asyncio.timeout(PATIENCE_REAL_S):
                while '"currentTime"' not in await connection.recv():
                    pass


@pytest.mark.parametrize("seed", [1, 2])
async def test_vandals_disturb_nobody(seed: int) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site) as took_s:
        await vandalise(site, "dc-1", seed, RECONNECTS)
    assert took_s
