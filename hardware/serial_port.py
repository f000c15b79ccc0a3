"""A serial line that is kept open for ever: read by a thread, written without waiting, opened again when it breaks.

Time-outs here are real seconds: they belong to the wire, not to the life of the facility.
"""

import logging
import termios
import threading
from collections import deque
from typing import Any, Protocol

import serial

from hardware.sentences import LineBuffer

REOPEN_REAL_S_MIN = 0.1
REOPEN_REAL_S_MAX = 2.0
WRITE_TIMEOUT_REAL_S = 1.0
WAITING_WRITES_MAX = 8

_log = logging.getLogger(__name__)

_BROKEN = (OSError, termios.error, ValueError)
"""pyserial's SerialException is an OSError; a pulled plug shows as it, as a plain OSError or as termios.error. A line
whose number is above 1,023, because the process has so many files open, shows as ValueError: ``select`` cannot wait for
it, and another opening may get a lower one."""


class Listener(Protocol):
    """What a device driver hears from its line. Every call comes from the line's own reading thread."""

    def opened(self) -> None:
        """The line is open (again)."""

    def failed(self, reason: str) -> None:
        """The line cannot be opened or broke; told once, until ``opened``."""

    def received(self, line: bytes) -> None:
        """One line, without its end."""

    def idle(self) -> None:
        """Nothing came for a poll."""


class SerialPort:
    """One line by its path or URL (``/dev/ttyUSB0``, ``socket://host:port``). ``close`` ends its threads."""

    def __init__(self, url: str, listener: Listener, *, baud: int = 9_600, poll_real_s: float = 0.5) -> None:
        self.url = url
        self._listener = listener
        self._baud = baud
        self._poll_real_s = poll_real_s
        self._lines = LineBuffer()
        self._stopped = threading.Event()
        self._wake = threading.Condition()
        self._writing = threading.Lock()
        self._port: Any = None
        self._broken = ""
        self._writes: deque[bytes] = deque(maxlen=WAITING_WRITES_MAX)
        self._threads = [
            threading.Thread(target=self._read_for_ever, name=f"read {url}", daemon=True),
            threading.Thread(target=self._write_for_ever, name=f"write {url}", daemon=True),
        ]

    @property
    def overlong(self) -> int:
        """How many lines were dropped because they did not end in time."""
        return self._lines.overlong

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; waits at most for one poll and one write."""
        self._stopped.set()
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(self._poll_real_s + WRITE_TIMEOUT_REAL_S)

    def write(self, data: bytes) -> bool:
        """Queue bytes for the line; returns at once. False, and nothing is kept, while the line is not open: what was
        meant for it then may be wrong later. The oldest of more than a few waiting writes is dropped."""
        with self._wake:
            if self._port is None:
                return False
            self._writes.append(data)
            self._wake.notify_all()
            return True

    def _read_for_ever(self) -> None:
        failing, wait_real_s = False, REOPEN_REAL_S_MIN
        while not self._stopped.is_set():
            try:
                port = self._open()
            except _BROKEN as error:
                if not failing:
                    self._listener.failed(f"cannot open {self.url}: {_why(error)}")
                failing = True
                self._stopped.wait(wait_real_s)
                wait_real_s = min(2 * wait_real_s, REOPEN_REAL_S_MAX)
                continue
            failing, wait_real_s = False, REOPEN_REAL_S_MIN
            reason = self._listen(port)
            if reason:
                failing = True
                self._listener.failed(f"{self.url}: {reason}")
                self._stopped.wait(wait_real_s)

    def _open(self) -> Any:
        port = serial.serial_for_url(
            self.url, baudrate=self._baud, timeout=self._poll_real_s, write_timeout=WRITE_TIMEOUT_REAL_S
        )
        self._lines.clear()
        with self._wake:
            self._writes.clear()
            self._port, self._broken = port, ""
        return port

    def _listen(self, port: Any) -> str:
        """Read until stopped (empty answer) or broken (says why); the port is closed then."""
        try:
            self._listener.opened()
            while not self._stopped.is_set():
                if self._broken:
                    return self._broken
                data = port.read(1)
                if not data:
                    self._listener.idle()
                    continue
                for line in self._lines.feed(data + port.read(port.in_waiting)):
                    self._listener.received(line)
        except _BROKEN as error:
            return _why(error)
        finally:
            with self._wake:
                self._port = None
            with self._writing:
                _close(port)
        return ""

    def _write_for_ever(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._writes or self._stopped.is_set())
                if self._stopped.is_set():
                    return
                data = self._writes.popleft()
            with self._writing:
                port = self._port
                if port is not None:
                    self._write_now(port, data)

    def _write_now(self, port: Any, data: bytes) -> None:
        """The reading thread closes the port under the same lock: pyserial does not bear that during a write."""
        try:
            port.write(data)
        except _BROKEN as error:
            self._broken = f"cannot write: {_why(error)}"


def _why(error: Exception) -> str:
    """One line without the number that people cannot read."""
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]


def _close(port: Any) -> None:
    try:
        port.close()
    except _BROKEN as error:
        _log.debug("closing a broken line: %s", error)
