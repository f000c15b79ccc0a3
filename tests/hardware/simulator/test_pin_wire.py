"""The wire over which another process moves mock pins, over a real Unix socket."""

import asyncio
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import DigitalInputDevice, DigitalOutputDevice

from hardware.simulator.pin_wire import BadLevel, PinWire, WiredFactory, level_line, parse_level
from hardware.simulator.pin_wire_client import PinWireClient
from hardware.wiring import WiringError
from tests.hardware.site import WAIT_REAL_S, eventually, until


@pytest.mark.parametrize(("line", "level"), [(b"17=1\n", (17, True)), (b"4=0\n", (4, False))])
def test_a_line_is_a_pin_and_its_level(line: bytes, level: tuple[int, bool]) -> None:
    assert parse_level(line) == level
    assert level_line(*level) == line


@pytest.mark.parametrize("line", [b"", b"17", b"17=2", b"17=", b"=1", b"x=1", b"-1=1", b"117=1", b"17=1=1"])
def test_any_other_line_is_refused(line: bytes) -> None:
    with pytest.raises(BadLevel, match="pin=0 or pin=1"):
        parse_level(line)


@pytest.fixture
def factory() -> WiredFactory:
    return WiredFactory()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "wire")


@pytest.fixture
def wire(factory: WiredFactory, path: str) -> Iterator[PinWire]:
    factory.front = DigitalInputDevice(17, pull_up=False, pin_factory=factory)
    factory.relay = DigitalOutputDevice(24, pin_factory=factory)
    wire = PinWire(factory, path)
    wire.start()
    yield wire
    wire.close()


def connect(path: str) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(WAIT_REAL_S)
    peer.connect(path)
    return peer


def test_inputs_follow_the_other_process(wire: PinWire, factory: WiredFactory, path: str) -> None:
    with connect(path) as peer:
        peer.sendall(b"17=1\n")
        eventually(lambda: factory.front.is_active, "high")
        peer.sendall(b"17=0\n17=1\n17=0\n")
        eventually(lambda: not factory.front.is_active, "low")


def test_outputs_are_told_on_connecting_and_at_each_change(wire: PinWire, factory: WiredFactory, path: str) -> None:
    factory.relay.on()
    with connect(path) as peer, peer.makefile("rb") as lines:
        assert lines.readline() == b"24=1\n"
        factory.relay.off()
        factory.relay.on()
        assert [lines.readline(), lines.readline()] == [b"24=0\n", b"24=1\n"]


def test_a_pulled_cable_leaves_the_inputs_as_they_are(wire: PinWire, factory: WiredFactory, path: str) -> None:
    with connect(path) as peer:
        peer.sendall(b"17=1\n")
        eventually(lambda: factory.front.is_active, "high")
    with connect(path) as again:
        assert again.recv(16) == b"24=0\n"
        assert factory.front.is_active


@pytest.mark.parametrize("line", [b"24=1\n", b"99=1\n", b"nonsense\n", b"1" * 100])
def test_who_sends_nonsense_or_drives_an_output_is_hung_up_on(
    wire: PinWire, factory: WiredFactory, path: str, line: bytes
) -> None:
    with connect(path) as peer, peer.makefile("rb") as lines:
        assert lines.readline() == b"24=0\n"
        peer.sendall(line)
        assert lines.readline() == b""
    assert not factory.relay.is_active
    with connect(path) as other:
        assert other.recv(16) == b"24=0\n"


def test_somebody_who_never_reads_does_not_hold_up_a_relay(wire: PinWire, factory: WiredFactory, path: str) -> None:
    with connect(path) as deaf:
        assert deaf.recv(16) == b"24=0\n"
        for _ in range(20_000):
            factory.relay.toggle()
    with connect(path) as other:
        assert other.recv(16).startswith(b"24=")


def test_the_socket_is_for_its_owner_only(wire: PinWire, path: str) -> None:
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_a_socket_left_by_a_killed_process_is_taken_over(factory: WiredFactory, path: str) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    wire = PinWire(factory, path)
    wire.close()
    assert not Path(path).exists()


def test_a_wire_in_use_is_refused(wire: PinWire, path: str) -> None:
    with pytest.raises(WiringError, match="in use by another process"):
        PinWire(WiredFactory(), path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WiringError, match=r"cannot make the pin wire at .*nowhere/wire: No such file"):
        PinWire(WiredFactory(), str(tmp_path / "nowhere" / "wire"))


@pytest.mark.anyio
async def test_the_client_drives_what_was_set_before_it_could_connect(factory: WiredFactory, path: str) -> None:
    factory.front = DigitalInputDevice(17, pull_up=False, pin_factory=factory)
    client = PinWireClient(path, on_output=lambda _pin, _level: None)
    client.drive(17, True)
    running = asyncio.create_task(client.run())
    await asyncio.sleep(0.1)
    wire = PinWire(factory, path)
    wire.start()
    await until(lambda: factory.front.is_active, "high")
    running.cancel()
    wire.close()


@pytest.mark.anyio
async def test_the_client_s_cable_can_be_pulled_and_put_back(wire: PinWire, factory: WiredFactory, path: str) -> None:
    told: list[tuple[int, bool]] = []
    client = PinWireClient(path, on_output=lambda pin, level: told.append((pin, level)))
    running = asyncio.create_task(client.run())
    factory.relay.on()
    await until(lambda: client.level(24), "the relay is on")
    client.unplug()
    await until(lambda: not client.connected, "unplugged")
    assert told == [(24, True), (24, False)], "without a cable nothing is energised"
    client.drive(17, True)
    await asyncio.sleep(0.1)
    assert not factory.front.is_active
    client.plug_in()
    await until(lambda: factory.front.is_active and client.level(24), "all is as it should be")
    running.cancel()


@pytest.mark.anyio
async def test_the_client_survives_a_box_that_starts_again(factory: WiredFactory, path: str) -> None:
    client = PinWireClient(path, on_output=lambda _pin, _level: None)
    client.drive(17, True)
    running = asyncio.create_task(client.run())
    for _ in range(2):
        factory = WiredFactory()
        front = DigitalInputDevice(17, pull_up=False, pin_factory=factory)
        wire = PinWire(factory, path)
        wire.start()
        await until(lambda device=front: device.is_active, "high")
        wire.close()
    running.cancel()
