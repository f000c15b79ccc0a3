"""A station that breaks the protocol: it costs itself its connection, then its place, and no other station anything."""

import asyncio
import contextlib
import json
import struct
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from edge import station_door
from edge.ocpp.rpc import FRAME_BYTES_MAX
from edge.rules.quarantine_requests import Misbehaved
from edge.station_door import BEATS, Visitor
from edge.station_guard import OFFENCE_POINTS, RECONNECTS, Guard
from tests.edge.fuzzing import Fuzzer, good_one, torment
from tests.edge.messages_kit import House, bearer, housed
from tests.edge.stations_kit import running
from tests.waiting import until

pytestmark = pytest.mark.anyio
FRAMES = 60


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_one_station_sends_another_is_served(seed: int) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site) as took_s:
        await torment(site, Fuzzer(seed), FRAMES)
    assert took_s


async def test_a_report_may_be_long_and_another_call_may_not() -> None:
    data = [
        {"component": {"name": "C"}, "variable": {"name": f"v{n}"}, "variableAttribute": [{}]} for n in range(2_500)
    ]
    report = {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "reportData": data}
    async with running("dc-1", "dc-2") as site, good_one(site), site.dial("dc-1") as connection:
        await connection.send(json.dumps([2, "m", "NotifyReport", report]))
        assert json.loads(await connection.recv())[:2] == [3, "m"]
        await connection.send(json.dumps([2, "m", "DataTransfer", {"vendorId": "v", "data": "x" * 200_000}]))
        await connection.wait_closed()
        assert connection.close_code == 1009


async def test_garbage_ends_in_a_quarantine_that_a_person_can_end(tmp_path: Path) -> None:
    async with housed(tmp_path, "dc-1", "dc-2") as house, good_one(house.site):
        async with house.station() as wire:
            for _ in range(OFFENCE_POINTS):
                await wire.connection.send("}{")
            await wire.connection.wait_closed()
            assert wire.connection.close_code == 1008
        await refused_in_quarantine(house)
        shown = await house.get("/dc-1")
        assert shown["quarantine"]["reason"].startswith("the frame is not acceptable JSON")
        assert house.events("StationQuarantined")[-1]["until_ms"] == shown["quarantine"]["until_ms"]
        ended = await house.client.delete("/api/v1/stations/dc-1/quarantine", headers=bearer("attendant"))
        assert ended.json()["quarantine"] is None
        async with house.station() as wire:
            assert (await wire.boot())["status"] == "Accepted"
        assert house.events("StationReleased") == [{"station_id": "dc-1", "released_by": "attendant"}]


async def refused_in_quarantine(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await house.site.dial("dc-1")
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) > 0


async def test_frames_that_are_too_long_end_in_quarantine(tmp_path: Path) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site):
        while not site.rules.of(Misbehaved):
            async with site.dial("dc-1") as connection:
                with contextlib.suppress(ConnectionClosed):
                    await connection.send("x" * (FRAME_BYTES_MAX + 1))
                await connection.wait_closed()
        assert len(site.rules.of(Misbehaved)) == 1


@pytest.mark.parametrize("payload", [b"\xff\xfe[2", b"[2,\xc0\x80]"])
async def test_text_that_is_no_utf8_ends_that_connection(payload: bytes) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site), site.dial("dc-1") as connection:
        await connection.send(payload, text=True)
        await connection.wait_closed()
        assert connection.close_code == 1007


async def test_a_flood_of_pings_ends_that_connection(tmp_path: Path) -> None:
    async with running("dc-1", "dc-2") as site, good_one(site), site.dial("dc-1") as connection:
        beat = Frame(Opcode.PING, b"").serialize(mask=True, extensions=[])
        connection.transport.write(beat * (BEATS * 3))
        await connection.wait_closed()
        assert connection.close_code == 1008
        await until(lambda: site.rules.of(Misbehaved))


async def test_a_flood_is_slowed_and_every_message_of_it_is_answered() -> None:
    async with running("dc-1", "dc-2") as site, good_one(site) as took_s, site.dial("dc-1") as connection:
        for number in range(1_200):
            await connection.send(f'[2,"m{number}","Heartbeat",{{}}]')
        answered = 0
        while answered < 1_200:
            answered += json.loads(await connection.recv())[0] == 3
        assert site.rules.of(Misbehaved) == []
    assert took_s


async def test_a_station_that_reconnects_all_the_time_is_held_up_and_not_shut_out() -> None:
    loop = asyncio.get_running_loop()
    async with running("dc-1", "dc-2") as site, good_one(site, "dc-2"):
        for _ in range(RECONNECTS):
            async with site.dial("dc-1"):
                pass
        began_s = loop.time()
        async with site.dial("dc-1") as connection:
            await connection.send('[2,"h","Heartbeat",{}]')
            assert json.loads(await connection.recv())[0] == 3
        assert loop.time() - began_s > 1.0


async def test_peers_that_never_finish_their_handshake_disturb_nobody() -> None:
    async with running("dc-1", "dc-2") as site, good_one(site):
        idle = [await asyncio.open_connection("127.0.0.1", site.server.port) for _ in range(50)]
        for _, writer in idle:
            writer.write(b"GET /dc-1 HTTP/1.1\r\nHost: x\r\n")
        async with site.dial("dc-1") as connection:
            await connection.send('[2,"h","Heartbeat",{}]')
            assert json.loads(await connection.recv())[0] == 3
        for _, writer in idle:
            writer.close()


async def test_a_peer_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_door, "STUCK_REAL_S", 0.2)
    ended = asyncio.Event()

    async def tell_and_tell(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send("x" * 1_000_000)
        ended.set()

    visitor = cast(type[ServerConnection], partial(Visitor, guard=Guard()))
    async with serve(tell_and_tell, "127.0.0.1", 0, create_connection=visitor, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", max_queue=1, compression=None):
            await until(ended.is_set)


async def test_a_connection_cut_in_the_middle_of_a_frame_leaves_the_place_free() -> None:
    async with running("dc-1", "dc-2") as site, good_one(site):
        connection = await site.dial("dc-1")
        connection.transport.write(b"\x81" + struct.pack("!BH", 0xFE, 40_000) + b"mask" + b"x" * 100)
        await asyncio.sleep(0.01)
        connection.transport.abort()
        async with site.dial("dc-1") as again:
            await again.send('[2,"h","Heartbeat",{}]')
            assert json.loads(await again.recv())[0] == 3
