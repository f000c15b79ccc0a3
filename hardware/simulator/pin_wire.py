r"""The wiring of a box without hardware: another process moves its pins through a Unix socket.

Lines either way are ``pin=level\n`` in BCM numbers, ``17=1``. The other process sets inputs; it is sent every output on
connecting and every change after that. A closed socket is a pulled cable: inputs stay as they are.
"""

import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpiozero.exc import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPin

from hardware.wiring import WiringError

LINE_BYTES_MAX = 16

_log = logging.getLogger(__name__)


class BadLevel(ValueError):  # noqa: N818 - it is what the line is
    """A line that is not ``pin=level``."""


def level_line(pin: int, level: bool) -> bytes:
    """A level as it goes over the wire."""
    return b"%d=%d\n" % (pin, level)


def parse_level(line: bytes) -> tuple[int, bool]:
    """The pin and level that a line names. Raises BadLevel."""
    pin, _, level = line.strip().partition(b"=")
    if not (pin.isdigit() and len(pin) <= 2 and level in (b"0", b"1")):
        raise BadLevel(f"a line is pin=0 or pin=1, got {line[:LINE_BYTES_MAX]!r}")
    return int(pin), level == b"1"


class WiredPin(MockPin):  # type: ignore[misc]  # gpiozero carries no types
    """A mock pin that tells its factory when it changes as an output."""

    def _change_state(self, value: bool) -> bool:
        changed = bool(super()._change_state(value))
        if changed and self.function == "output":
            self.factory.tell(self.number, bool(value))
        return changed

    @property
    def number(self) -> int:
        """The BCM number."""
        return int(self.info.name.removeprefix("GPIO"))


class WiredFactory(MockFactory):  # type: ignore[misc]  # gpiozero carries no types
    """gpiozero's mock pins, watched."""

    def __init__(self) -> None:
        super().__init__(pin_class=WiredPin)
        self.tell: Callable[[int, bool], None] = lambda _pin, _level: None

    def outputs(self) -> dict[int, bool]:
        """The level of every output."""
        return {pin.number: bool(pin.state) for pin in list(self.pins.values()) if pin.function == "output"}

    def drive(self, number: int, level: bool) -> None:
        """Move an input. Raises BadLevel for a pin that is not there or is an output."""
        try:
            pin = self.pin(number)
        except GPIOZeroError as error:
            raise BadLevel(str(error)) from error
        if pin.function != "input":
            raise BadLevel(f"GPIO{number} is an output here")
        if level:
            pin.drive_high()
        else:
            pin.drive_low()


class PinWire:
    """The box's end of the wire. The socket is made at once, people are let in with ``start``.

    Raises WiringError when the socket cannot be made. Several may connect, such as one per lane. The thread of each
    drives the pins, so callbacks of gpiozero come from there.
    """

    def __init__(self, factory: WiredFactory, path: str) -> None:
        self._factory = factory
        self._path = Path(path)
        self._lock = threading.Lock()
        self._peers: set[socket.socket] = set()
        self._server = _listen(self._path, self._serve)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="pin wire", daemon=True)
        factory.tell = self._tell

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Pull every cable and remove the socket."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)
        with self._lock:
            for peer in self._peers:
                _hang_up(peer)

    def _serve(self, peer: socket.socket) -> None:
        """One connection, in its own thread, until either side ends it."""
        with self._lock:
            for pin, level in self._factory.outputs().items():
                self._send(peer, level_line(pin, level))
            self._peers.add(peer)
        try:
            with peer.makefile("rb") as lines:
                while line := lines.readline(LINE_BYTES_MAX):
                    self._factory.drive(*parse_level(line))
        except BadLevel as error:
            _log.warning("pin wire: hanging up: %s", error)
        except ConnectionError:
            return
        finally:
            with self._lock:
                self._peers.discard(peer)

    def _tell(self, pin: int, level: bool) -> None:
        with self._lock:
            for peer in self._peers:
                self._send(peer, level_line(pin, level))

    @staticmethod
    def _send(peer: socket.socket, line: bytes) -> None:
        """Never waits: a relay does not stand still because somebody does not read."""
        try:
            peer.send(line, socket.MSG_DONTWAIT)
        except OSError:
            _hang_up(peer)


def _hang_up(peer: socket.socket) -> None:
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("the other side was gone already")


def _listen(path: Path, serve: Callable[[socket.socket], None]) -> socketserver.ThreadingUnixStreamServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            serve(self.request)

    _remove_stale(path)
    try:
        server = _Server(str(path), Handler)
        path.chmod(0o600)
    except OSError as error:
        raise WiringError(f"cannot make the pin wire at {path}: {error.strerror or error}") from error
    return server


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def handle_error(self, *_: Any) -> None:
        _log.exception("pin wire: a connection ended badly")


def _remove_stale(path: Path) -> None:
    """Take away the socket that a killed process left behind; never one that somebody answers."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise WiringError(f"the pin wire {path} is in use by another process")
