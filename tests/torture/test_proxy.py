"""The failing network fails as it says, or the trials behind it would prove nothing."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from provisioning.local.ports import HOST
from tests.torture.proxy import Proxy, Weather


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends everything back."""
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


def _echo(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_send_back, args=(connection,), daemon=True).start()


def _send_back(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def ask(proxy: Proxy, timeout_s: float = 5.0) -> bytes:
    with socket.create_connection((HOST, proxy.port), timeout=timeout_s) as connection:
        connection.sendall(b"hello")
        return connection.recv(4096)


def test_fair_weather_carries_everything(echo_port: int) -> None:
    with Proxy(echo_port) as proxy:
        assert ask(proxy) == b"hello"


def test_a_cut_resets_open_connections_and_takes_none_until_it_is_mended(echo_port: int) -> None:
    with Proxy(echo_port) as proxy:
        with socket.create_connection((HOST, proxy.port), timeout=5) as connection:
            connection.sendall(b"hello")
            assert connection.recv(4096) == b"hello"
            proxy.set(Weather.CUT)
            with pytest.raises(ConnectionError):
                _read_until_broken(connection)
        with pytest.raises(ConnectionError):
            _read_until_broken_anew(proxy)
        proxy.set(Weather.FAIR)
        time.sleep(0.1)
        assert ask(proxy) == b"hello"


def _read_until_broken(connection: socket.socket) -> None:
    if connection.recv(4096) == b"":
        raise ConnectionError("closed")


def _read_until_broken_anew(proxy: Proxy) -> None:
    if ask(proxy) == b"":
        raise ConnectionError("closed")


def test_a_half_open_way_stays_connected_and_silent_and_delivers_later(echo_port: int) -> None:
    with Proxy(echo_port) as proxy, socket.create_connection((HOST, proxy.port), timeout=0.3) as connection:
        proxy.set(Weather.HALF_OPEN)
        time.sleep(0.05)
        connection.sendall(b"hello")
        with pytest.raises(TimeoutError):
            connection.recv(4096)
        proxy.set(Weather.FAIR)
        connection.settimeout(5)
        assert connection.recv(4096) == b"hello"
