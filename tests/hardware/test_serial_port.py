"""A serial line stays open for ever, over real ptys and sockets."""

import os
import resource
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.serial_port import SerialPort
from tests.hardware.site import eventually


class Notes:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.lines: list[bytes] = []
        self.idles = 0

    def opened(self) -> None:
        self.heard.append("opened")

    def failed(self, reason: str) -> None:
        self.heard.append(f"failed {reason}")

    def received(self, line: bytes) -> None:
        self.lines.append(line)

    def idle(self) -> None:
        self.idles += 1


class Cable:
    """A pty at a path that can be pulled and put back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.near = -1

    def plug_in(self) -> None:
        self.near, far = os.openpty()
        tty.setraw(far)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(far))
        self._far = far

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self.near)
        os.close(self._far)
        self.near = -1


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "ttyUSB0")
    yield cable
    if cable.near >= 0:
        cable.unplug()


@pytest.fixture
def many_files() -> Iterator[list[int]]:
    """All numbers below 1,024 and some more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    files = [os.open(os.devnull, os.O_RDONLY)]
    while files[-1] < 1_100:
        files.append(os.open(os.devnull, os.O_RDONLY))
    yield files
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def port(cable: Cable, notes: Notes) -> Iterator[SerialPort]:
    port = SerialPort(str(cable.path), notes, poll_real_s=0.05)
    yield port
    port.close()


def test_lines_are_heard_even_when_they_come_in_pieces(cable: Cable, port: SerialPort, notes: Notes) -> None:
    cable.plug_in()
    port.start()
    eventually(lambda: notes.heard == ["opened"], "opened")
    os.write(cable.near, b"first\r\nsec")
    eventually(lambda: notes.idles > 0, "a poll that times out in the middle of a line")
    os.write(cable.near, b"ond\r\n")
    eventually(lambda: notes.lines == [b"first", b"second"], "both lines")


def test_a_missing_device_is_reported_once_and_opened_when_it_appears(
    cable: Cable, port: SerialPort, notes: Notes
) -> None:
    port.start()
    eventually(lambda: len(notes.heard) == 1, "failed")
    assert "cannot open" in notes.heard[0]
    assert "\n" not in notes.heard[0]
    threading.Event().wait(0.5)
    assert len(notes.heard) == 1, "several tries are one failure"
    cable.plug_in()
    eventually(lambda: notes.heard[1:] == ["opened"], "opened")


def test_a_pulled_cable_is_reported_once_and_the_device_works_when_it_is_back(
    cable: Cable, port: SerialPort, notes: Notes
) -> None:
    cable.plug_in()
    port.start()
    eventually(lambda: notes.heard == ["opened"], "opened")
    os.write(cable.near, b"half a li")
    cable.unplug()
    eventually(lambda: len(notes.heard) == 2, "failed")
    assert notes.heard[1].startswith(f"failed {cable.path}")
    cable.plug_in()
    eventually(lambda: notes.heard[2:] == ["opened"], "opened again")
    os.write(cable.near, b"whole\r\n")
    eventually(lambda: notes.lines == [b"whole"], "the line after the break, without the half one before it")


def test_a_line_opened_while_too_many_files_are_open_works_once_they_are_closed(
    cable: Cable, port: SerialPort, notes: Notes, many_files: list[int]
) -> None:
    cable.plug_in()
    port.start()
    eventually(lambda: any("failed" in heard for heard in notes.heard), "the line is refused")
    while many_files:
        os.close(many_files.pop())
    eventually(lambda: notes.heard[-1:] == ["opened"], "it is open")
    os.write(cable.near, b"$A*00\r\n")
    eventually(lambda: notes.lines != [], "a line is heard")


def test_writing_never_waits_and_a_closed_line_says_so(cable: Cable, port: SerialPort, notes: Notes) -> None:
    assert port.write(b"lost") is False
    cable.plug_in()
    port.start()
    eventually(lambda: notes.heard == ["opened"], "opened")
    assert port.write(b"kept\r\n") is True
    assert os.read(cable.near, 64) == b"kept\r\n"


def test_a_device_that_takes_no_more_bytes_does_not_stop_its_writer(
    cable: Cable, port: SerialPort, notes: Notes
) -> None:
    cable.plug_in()
    port.start()
    eventually(lambda: notes.heard == ["opened"], "opened")
    for _ in range(50):
        port.write(b"x" * 10_000)
    eventually(lambda: len(notes.heard) >= 2, "failed")
    assert "cannot write" in notes.heard[1]


def test_a_network_converter_is_a_line_like_any_other(notes: Notes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}", notes, poll_real_s=0.05)
        port.start()
        try:
            peer, _ = server.accept()
            with peer:
                eventually(lambda: notes.heard == ["opened"], "opened")
                peer.sendall(b"over tcp\r\n")
                eventually(lambda: notes.lines == [b"over tcp"], "the line")
                port.write(b"back\r\n")
                assert peer.recv(64) == b"back\r\n"
            eventually(lambda: any(note.startswith("failed") for note in notes.heard), "failed")
        finally:
            port.close()


def test_a_line_looped_back_hears_itself(notes: Notes) -> None:
    port = SerialPort("loop://", notes, poll_real_s=0.05)
    port.start()
    try:
        eventually(lambda: notes.heard == ["opened"], "opened")
        port.write(b"echo\r\n")
        eventually(lambda: notes.lines == [b"echo"], "the echo")
    finally:
        port.close()


def test_closing_ends_the_threads(cable: Cable, notes: Notes) -> None:
    cable.plug_in()
    port = SerialPort(str(cable.path), notes, poll_real_s=0.05)
    port.start()
    eventually(lambda: notes.heard == ["opened"], "opened")
    port.close()
    assert not [t for t in threading.enumerate() if str(cable.path) in t.name]
