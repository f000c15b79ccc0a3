"""Certificates that are renewed and revoked while stations are connected, and handshakes that fail for a reason."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from edge import station_guard, stations
from edge.station_handshake import FAILURES_REMEMBERED, SAY_AGAIN_REAL_S, Failures
from edge.station_tls import why_failed
from tests.edge.certificate_kit import self_signed, serial_of
from tests.edge.stations_kit import PASSWORD
from tests.edge.test_station_security import Site, heartbeat, secured
from tests.waiting import until

pytestmark = pytest.mark.anyio
FAILED = "a TLS handshake failed"
CUT_OFF = (ssl.SSLError, ConnectionError, InvalidMessage, EOFError)


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(x)["reason"] for x in caplog.records if x.getMessage() == FAILED]


async def test_a_renewed_certificate_is_shown_to_who_comes_next_and_nobody_is_dropped(tmp_path: Path) -> None:
    async with secured(tmp_path) as site, site.dial("dc-1", password=PASSWORD) as before:
        assert not site.tls.look()
        before_files = (tmp_path / "server.pem").read_bytes()
        self_signed(tmp_path, "server")  # another key, another certificate, in the same files
        assert (tmp_path / "server.pem").read_bytes() != before_files
        assert site.tls.look()
        async with site.dial("dc-2", password=PASSWORD) as after:  # trusts what is in the file now
            assert await heartbeat(after) == 3
        assert await heartbeat(before) == 3


async def test_a_renewal_that_is_half_done_counts_when_it_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with secured(tmp_path) as site:
        old = (tmp_path / "server.pem").read_bytes()
        certificate, key = self_signed(tmp_path, "new")
        (tmp_path / "server.pem").write_bytes(certificate.read_bytes())
        assert not site.tls.look()
        assert "former ones still count" in caplog.text
        trust = ssl.create_default_context(cadata=old.decode())
        async with site.dial("dc-1", password=PASSWORD, ssl=trust) as connection:
            assert await heartbeat(connection) == 3
        (tmp_path / "server.key").write_bytes(key.read_bytes())
        assert site.tls.look()
        async with site.dial("dc-1", password=PASSWORD) as connection:
            assert await heartbeat(connection) == 3


async def test_a_file_that_is_gone_for_a_moment_changes_nothing(tmp_path: Path) -> None:
    async with secured(tmp_path) as site:
        content = (tmp_path / "server.pem").read_bytes()
        (tmp_path / "server.pem").unlink()
        assert not site.tls.look()
        (tmp_path / "server.pem").write_bytes(content)
        site.tls.look()
        async with site.dial("dc-1", password=PASSWORD) as connection:
            assert await heartbeat(connection) == 3


async def end_of(connection: Any) -> None:
    """Raises ConnectionClosed when it comes."""
    async with asyncio.timeout(20):
        while True:
            await connection.recv()


async def test_a_revoked_certificate_is_refused_and_who_is_connected_with_it_is_put_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stations, "LOOK_AT_FILES_REAL_S", 0.02)
    async with secured(tmp_path, least=3) as site:
        stolen, own = site.signed("dc-1"), site.signed("dc-2")
        async with site.dial("dc-1", shown=stolen) as connection, site.dial("dc-2", shown=own) as other:
            assert await heartbeat(connection) == 3
            (tmp_path / "revoked").write_text(f"# stolen from the workshop\n{serial_of(stolen[0]):X}\n")
            with pytest.raises(ConnectionClosed, match="revoked"):
                await end_of(connection)
            assert await heartbeat(other) == 3
        with pytest.raises(InvalidStatus) as refused:
            await site.dial("dc-1", shown=stolen)
        assert refused.value.response.status_code == 401
        assert "its certificate was revoked" in [vars(x).get("reason") for x in caplog.records]
        async with site.dial("dc-1", shown=site.signed("dc-1")) as renewed:
            assert await heartbeat(renewed) == 3


async def test_when_the_files_cannot_be_followed_any_more_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stations, "LOOK_AT_FILES_REAL_S", 0.02)

    def fail() -> bool:
        raise RuntimeError("nobody thought of that")

    async def live() -> None:
        async with secured(tmp_path) as site:
            monkeypatch.setattr(site.tls, "look", fail)
            await until(lambda: not site.server.listening.is_set())

    with pytest.raises(ExceptionGroup) as ended:
        await live()
    assert ended.group_contains(RuntimeError, match="nobody thought of that")


# Handshakes that fail.


async def plain_http(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.ports[1])
    writer.write(b"GET /dc-1 HTTP/1.1\r\n\r\n")
    await reader.read()
    writer.close()


async def unknown_authority(site: Site) -> None:
    with pytest.raises(CUT_OFF):
        await site.dial("dc-1", shown=self_signed(site.folder, "dc-1"))


async def our_authority_unknown(site: Site) -> None:
    def come() -> None:
        with socket.create_connection(("127.0.0.1", site.server.ports[1]), 20) as bare:
            ssl.create_default_context().wrap_socket(bare, server_hostname="localhost")

    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(come)


async def gone(site: Site) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", site.server.ports[1])
    writer.close()


@pytest.mark.parametrize(
    ("come", "reason"),
    [
        (plain_http, "it speaks HTTP without TLS on the port for TLS"),
        (unknown_authority, "its certificate is not accepted: self-signed certificate"),
        (our_authority_unknown, "it does not know the authority of our certificate"),
        (gone, "it went away"),
    ],
)
async def test_why_a_handshake_failed_is_said_once_for_each_peer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, come: Callable[[Site], Any], reason: str
) -> None:
    caplog.set_level(logging.WARNING)
    async with secured(tmp_path) as site:
        for _ in range(3):
            await come(site)
        await until(lambda: reasons(caplog), 20)
        async with site.dial("dc-1", password=PASSWORD) as connection:
            assert await heartbeat(connection) == 3
        assert reasons(caplog) == [reason]


async def test_handshakes_that_failed_are_not_under_way_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station_guard, "PENDING_MAX", 2)
    async with secured(tmp_path) as site:
        for _ in range(5):
            await plain_http(site)
        async with site.dial("dc-1", password=PASSWORD) as connection:
            assert await heartbeat(connection) == 3


async def test_who_opens_many_connections_and_says_nothing_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station_guard, "PENDING_MAX", 2)
    async with secured(tmp_path) as site:
        idle = [await asyncio.open_connection("127.0.0.1", site.server.ports[1]) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.ports[1])
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        for _, one in [*idle, (reader, writer)]:
            one.close()


def test_the_same_failure_is_said_again_after_an_hour_and_few_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures()
    for now_real_s in (0.0, SAY_AGAIN_REAL_S - 1, SAY_AGAIN_REAL_S, SAY_AGAIN_REAL_S + 1):
        failures.log("10.0.0.1", "it went away", now_real_s)
    assert len(reasons(caplog)) == 2
    for number in range(FAILURES_REMEMBERED):
        failures.log(f"10.1.0.{number}", "it went away", SAY_AGAIN_REAL_S)
    failures.log("10.0.0.1", "it went away", SAY_AGAIN_REAL_S)
    assert len(reasons(caplog)) == 2 + FAILURES_REMEMBERED + 1


def test_a_reason_that_has_no_words_of_its_own_is_handed_on() -> None:
    assert why_failed(ConnectionAbortedError("SSL handshake is taking longer")) == "SSL handshake is taking longer"
    assert why_failed(ssl.SSLError(1, "odd")) == "TLS: odd"
    assert why_failed(OSError()) == "OSError"
