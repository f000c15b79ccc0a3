"""The law of the station server, over real sockets: who is let in, and that none disturbs another."""

import asyncio
import json
import logging
import socket

import pytest
from ocpp.v201 import call
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.ocpp.rpc import FRAME_BYTES_MAX
from edge.rules.inputs import (
    StationClosed,
    StationOpened,
)
from edge.stations import Transport
from tests.edge.charger_kit import BOOT, NOW, SHORT, charger, exchange, goodbye, limit
from tests.edge.stations_kit import PASSWORD, Recorder, Site, basic, running
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "password"), [("dc-1", "wrong"), ("dc-1", None), ("dc-9", "wrong"), ("dc-9", None), ("", "wrong")]
)
async def test_a_stranger_or_a_wrong_password_is_refused_and_logged_once(
    caplog: pytest.LogCaptureFixture, name: str, password: str | None
) -> None:
    async with running("dc-1") as site:
        with caplog.at_level(logging.WARNING, "edge.station_door"):
            for _ in range(3):
                with pytest.raises(InvalidStatus) as refused:
                    await site.dial(name, password=password)
                assert refused.value.response.status_code == 401
                assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic")
        assert [r.msg for r in caplog.records if r.name == "edge.station_door"] == ["station refused"]
        assert site.rules.seen == []


@pytest.mark.parametrize("offered", [("ocpp1.5",), ("chat", "ocpp9")])
async def test_without_a_common_subprotocol_the_handshake_completes_and_the_connection_is_closed(
    offered: tuple[str, ...],
) -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        connection_without = site.dial("dc-1", offered=offered)
        async with connection_without as other:
            assert other.subprotocol is None
            with pytest.raises(ConnectionClosed):
                await other.recv()
            assert other.close_code == 1002
            assert "ocpp2.0.1" in (other.close_reason or "")
        assert (await exchange(connection, '[2,"h","Heartbeat",{}]'))[0] == 3


async def test_who_names_no_subprotocol_at_all_is_no_station() -> None:
    async with running("dc-1") as site:
        with pytest.raises(InvalidStatus) as refused:
            await site.dial("dc-1", offered=())
        assert refused.value.response.status_code == 400


async def test_a_station_of_a_newer_version_that_offers_ours_gets_ours() -> None:
    async with running("dc-1") as site, site.dial("dc-1", offered=("ocpp2.1", "ocpp2.0.1", "ocpp1.6")) as connection:
        assert connection.subprotocol == "ocpp2.0.1"


async def test_garbage_is_answered_and_neither_ends_the_connection_nor_disturbs_another_station() -> None:
    garbage: list[str | bytes] = [
        "}{",
        "[]",
        b"\x00\xff",
        '[2,"m",["Heartbeat"],{}]',
        "[" * 50_000,
        "9" * 5_000,
        '[2,"m","Heartbeat",{"customData":{"vendorId":"\\u0000"}}]',
        '[7,"m"]',
    ]
    async with running("dc-1", "dc-2") as site, site.dial("dc-1") as broken, charger(site, "dc-2") as sound:
        for frame in garbage:
            assert (await exchange(broken, frame))[0] == 4
            assert (await sound.call(call.Heartbeat(), suppress=False)).current_time == NOW
        for ignored in ('[3,"nothing",{}]', '[4,"nothing","x","y",{}]', "[3]"):
            await broken.send(ignored)
        assert (await exchange(broken, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
        assert site.rules.of(StationClosed) == []


async def test_a_frame_that_is_too_long_ends_that_connection_alone() -> None:
    async with running("dc-1", "dc-2") as site, site.dial("dc-1") as broken, charger(site, "dc-2") as sound:
        with pytest.raises(ConnectionClosed):
            await exchange(broken, json.dumps([2, "m", "DataTransfer", {"vendorId": "x" * FRAME_BYTES_MAX}]))
        await until(lambda: site.rules.of(StationClosed))
        assert site.rules.of(StationClosed)[0].reason.startswith("sent 1009")
        assert (await sound.call(call.Heartbeat(), suppress=False)).current_time == NOW


async def test_a_second_connection_of_a_station_takes_the_place_of_the_first() -> None:
    async with running("dc-1", transport=SHORT) as site, site.dial("dc-1") as first:
        await exchange(first, BOOT)
        async with site.dial("dc-1") as second:
            await exchange(second, BOOT)
            await goodbye(first)
            assert first.close_reason == "replaced by a newer connection"
            kinds = [type(x).__name__ for x in site.rules.seen if isinstance(x, StationOpened | StationClosed)]
            assert kinds == ["StationOpened", "StationClosed", "StationOpened"]
            site.server.send_limit(limit(1))
            while json.loads(await second.recv())[2] != "SetChargingProfile":
                pass


async def test_a_station_whose_line_went_dead_is_replaced_at_once_by_its_new_connection() -> None:
    async with running("dc-1") as site:
        reader, writer = await _dead_line(site)
        await until(site.server.connected)
        async with site.dial("dc-1") as second:
            async with asyncio.timeout(2.5):
                assert (await exchange(second, BOOT))[0] == 3
        writer.close()
        del reader


async def test_a_station_that_no_longer_answers_pings_shows_as_dead() -> None:
    transport = Transport(ping_every_real_s=0.2, pong_within_real_s=0.2)
    async with running("dc-1", transport=transport) as site:
        _, writer = await _dead_line(site)
        await until(lambda: site.rules.of(StationOpened))
        await until(lambda: site.rules.of(StationClosed), 3)
        assert site.server.connected() == ()
        writer.close()


def test_by_default_a_dead_station_shows_as_dead_within_a_minute() -> None:
    transport = Transport()
    assert transport.ping_every_real_s + transport.pong_within_real_s < 60


async def _dead_line(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A station that completes its handshake and then says and reads nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
    writer.write(
        (
            "GET /dc-1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ocpp2.0.1\r\nAuthorization: {basic('dc-1', PASSWORD)}\r\n\r\n"
        ).encode()
    )
    assert b"101" in await reader.readline()
    return reader, writer


async def test_the_status_names_every_configured_station_and_when_it_was_last_heard() -> None:
    async with running("dc-1", "dc-2") as site:
        async with site.dial("dc-1") as connection:
            await exchange(connection, BOOT)
            now = {name: (x.connected, x.last_seen_ms) for name, x in site.server.status().items()}
            assert now == {"dc-1": (True, 1_700_000_000_000), "dc-2": (False, None)}
        await until(lambda: not site.server.connected())
        assert site.server.status()["dc-1"].connected is False
        assert site.server.status()["dc-1"].last_seen_ms == 1_700_000_000_000


async def test_an_address_that_is_taken_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="address already in use"):
        async with running("dc-1", port=taken.getsockname()[1]):
            pass


async def test_a_refusal_is_logged_anew_once_the_station_has_been_let_in(caplog: pytest.LogCaptureFixture) -> None:
    async with running("dc-1") as site:
        for _ in range(2):
            with pytest.raises(InvalidStatus):
                await site.dial("dc-1", password="wrong")
            async with site.dial("dc-1") as connection:
                await exchange(connection, BOOT)
    assert [r.msg for r in caplog.records if r.name == "edge.station_door"] == ["station refused"] * 2


async def test_stopping_the_server_says_goodbye_and_tells_the_rules() -> None:
    rules = Recorder()
    async with running("dc-1", rules=rules) as site:
        connection = await site.dial("dc-1")
        await exchange(connection, BOOT)
    await goodbye(connection)
    assert connection.close_code == 1001
    assert isinstance(rules.seen[-1], StationClosed)
