"""What counts as a load, and the driver against meters on real sockets and a real pty."""

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import meter
from hardware.meter import BadReading, ModbusMeter, load_of
from hardware.simulator.meter import Manner, MeterLine, Rtu, SimulatedMeter, serve_tcp
from hardware.wiring import GpioWiring, MeterWiring, WiringError, check
from provisioning.local.ports import HOST, free_port
from shared.devices import LoadRead, MeterFailed, MeterSignal
from tests.hardware.site import clock, until

FLOAT = MeterWiring(url="tcp://meter:502", register=52)


def words(kind: str, value: float) -> list[int]:
    raw = struct.pack(f">{kind}", value)
    return [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]


@pytest.mark.parametrize(
    ("wiring", "registers", "load_w"),
    [
        (FLOAT, [0x472F, 0xC800], 45_000),
        (replace(FLOAT, word_order="little"), [0xC800, 0x472F], 45_000),
        (replace(FLOAT, scale_w=1_000.0), words("f", 45.5), 45_500),
        (replace(FLOAT, kind="int32"), [0x0000, 0xAFC8], 45_000),
        (replace(FLOAT, kind="int32", scale_w=-1.0), words("i", -45_000), 45_000),
        (replace(FLOAT, kind="uint32", scale_w=0.1), words("I", 450_000), 45_000),
        (replace(FLOAT, kind="int16", scale_w=100.0), [450], 45_000),
        (replace(FLOAT, kind="uint16", scale_w=10.0), [4_500], 45_000),
        (replace(FLOAT, exports=True), words("f", -12_000.0), -12_000),
        (FLOAT, [0, 0], 0),
    ],
)
def test_registers_become_watts_as_they_are_wired(wiring: MeterWiring, registers: list[int], load_w: int) -> None:
    assert load_of(registers, wiring) == load_w


@pytest.mark.parametrize(
    ("wiring", "registers", "says"),
    [
        (FLOAT, words("f", float("nan")), "measures nothing there"),
        (replace(FLOAT, kind="int32"), [0x8000, 0], "measures nothing there"),
        (replace(FLOAT, kind="uint32"), [0xFFFF, 0xFFFF], "measures nothing there"),
        (replace(FLOAT, kind="int16"), [0x8000], "measures nothing there"),
        (replace(FLOAT, kind="uint16"), [0xFFFF], "measures nothing there"),
        (FLOAT, words("f", float("inf")), "check type, word_order and scale_w"),
        (FLOAT, words("f", 3e38), "check type, word_order and scale_w"),
        (FLOAT, [0x0000, 0x472F], "check type, word_order and scale_w"),
        (FLOAT, words("f", -12_000.0), "current transformers the wrong way round"),
        (FLOAT, [0x472F], "1 registers instead of 2"),
    ],
)
def test_what_cannot_be_a_load_is_no_reading(wiring: MeterWiring, registers: list[int], says: str) -> None:
    with pytest.raises(BadReading, match=says):
        load_of(registers, wiring)


@given(st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2), st.sampled_from(["int32", "uint32", "float32"]))
def test_whatever_stands_in_the_registers_is_a_load_in_bounds_or_no_reading(registers: list[int], kind: str) -> None:
    try:
        load_w = load_of(registers, replace(FLOAT, kind=kind))  # type: ignore[arg-type]
    except BadReading:
        return
    assert 0 <= load_w <= meter.LOAD_W_MAX


@pytest.mark.parametrize("url", ["tcp://meter", "tcp://:502", "http://meter:80", "tcp://meter:notaport", "udp://m:502"])
def test_an_address_that_is_none_is_refused_before_anything_is_opened(url: str) -> None:
    with pytest.raises(WiringError, match=r"\[meter\] url is"):
        check(GpioWiring(), [], replace(FLOAT, url=url))


def test_a_scale_of_zero_is_refused_because_every_load_would_be_none() -> None:
    with pytest.raises(WiringError, match="scale_w is 0"):
        check(GpioWiring(), [], replace(FLOAT, scale_w=0.0))


class Heard:
    """What the driver tells, from its thread."""

    def __init__(self) -> None:
        self.signals: list[MeterSignal] = []

    def __call__(self, signal: MeterSignal) -> None:
        self.signals.append(signal)

    @property
    def last(self) -> MeterSignal | None:
        return self.signals[-1] if self.signals else None

    async def wait_for_load(self, load_w: int) -> None:
        await until(lambda: self.last == LoadRead(load_w=load_w), f"{load_w} W; heard {self.last}")

    async def wait_for_failure(self, says: str) -> None:
        await until(
            lambda: isinstance(self.last, MeterFailed) and says in self.last.reason, f"{says}; heard {self.last}"
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "ANSWER_REAL_S_MAX", 0.4)


@asynccontextmanager
async def driven(wiring: MeterWiring) -> AsyncIterator[Heard]:
    heard, driver = Heard(), ModbusMeter(replace(wiring, poll_s=5.0), clock(speed=100))
    driver.start(heard)
    try:
        yield heard
    finally:
        await asyncio.to_thread(driver.close)


@asynccontextmanager
async def on_tcp(port: int, *, unit_id: int = 1) -> AsyncIterator[SimulatedMeter]:
    simulated = SimulatedMeter(unit_id)
    server = await serve_tcp(simulated, HOST, port)
    try:
        yield simulated
    finally:
        server.close()


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["holding", "input"])
async def test_a_meter_on_the_network_is_read_again_and_again(table: str) -> None:
    port = free_port()
    wiring = replace(FLOAT, url=f"tcp://{HOST}:{port}", table=table, unit_id=7)  # type: ignore[arg-type]
    async with on_tcp(port, unit_id=7) as simulated:
        simulated.shows(52, 45_000.0, table=table)
        async with driven(wiring) as heard:
            await heard.wait_for_load(45_000)
            simulated.shows(52, 61_000.0, table=table)
            await heard.wait_for_load(61_000)
    assert not [s for s in heard.signals if isinstance(s, MeterFailed)]


@pytest.mark.anyio
async def test_a_meter_on_a_serial_line_is_read_and_its_pulled_plug_is_told(tmp_path: Path) -> None:
    simulated = SimulatedMeter()
    simulated.shows(3, 45_000, "i")
    line = MeterLine(simulated, str(tmp_path / "ttyUSB0")).line
    line.plug_in()
    async with driven(MeterWiring(url=str(tmp_path / "ttyUSB0"), register=3, kind="int32")) as heard:
        await heard.wait_for_load(45_000)
        line.unplug()
        await heard.wait_for_failure("cannot be reached")
        line.plug_in()
        await heard.wait_for_load(45_000)
    line.unplug()


@pytest.mark.anyio
@pytest.mark.parametrize("manner", [Manner.SILENT, Manner.GARBLES])
async def test_a_meter_that_is_silent_or_talks_rubbish_is_told_once_and_heard_again_when_it_mends(
    manner: Manner, tmp_path: Path
) -> None:
    port = free_port()
    line_meter = SimulatedMeter()
    line_meter.shows(52, 45_000.0)
    line = MeterLine(line_meter, str(tmp_path / "line")).line
    line.plug_in()
    async with on_tcp(port) as tcp_meter:
        tcp_meter.shows(52, 45_000.0)
        cases: Sequence[tuple[SimulatedMeter, str]] = (
            (tcp_meter, f"tcp://{HOST}:{port}"),
            (line_meter, str(tmp_path / "line")),
        )
        for simulated, url in cases:
            async with driven(replace(FLOAT, url=url)) as heard:
                await heard.wait_for_load(45_000)
                simulated.manner = manner
                await heard.wait_for_failure("no answer that can be read")
                asked = simulated.asked
                await until(lambda s=simulated, n=asked: s.asked > n + 1, "asked again")  # type: ignore[misc]
                assert len([s for s in heard.signals if isinstance(s, MeterFailed)]) == 1
                simulated.manner = Manner.ANSWERS
                await heard.wait_for_load(45_000)
    line.unplug()


@pytest.mark.anyio
async def test_an_answer_that_comes_too_late_through_a_converter_does_not_pass_for_the_next() -> None:
    """The second answer of five, each with a load of its own, takes longer than the driver waits."""
    simulated, answers = SimulatedMeter(), iter([(1, 0.0), (2, 0.6), (3, 0.0), (4, 0.0), (5, 0.0)])

    async def convert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rtu = Rtu(simulated)
        while data := await reader.read(100):
            number, delay_real_s = next(answers, (6, 0.0))
            simulated.shows(52, 10_000.0 * number)
            said = rtu.feed(data)
            await asyncio.sleep(delay_real_s)
            writer.write(said)
        writer.close()

    port = free_port()
    converter = await asyncio.start_server(convert, HOST, port)
    async with driven(replace(FLOAT, url=f"socket://{HOST}:{port}")) as heard:
        await heard.wait_for_load(60_000)
    told = [s.load_w if isinstance(s, LoadRead) else None for s in heard.signals]
    assert told[:5] == [10_000, None, 30_000, 40_000, 50_000]
    converter.close()


@pytest.mark.anyio
async def test_a_register_that_the_meter_does_not_have_is_named() -> None:
    port = free_port()
    async with on_tcp(port), driven(replace(FLOAT, url=f"tcp://{HOST}:{port}")) as heard:
        await heard.wait_for_failure("register 52 is refused: no such register")


@pytest.mark.anyio
async def test_a_meter_that_is_not_there_is_waited_for() -> None:
    port = free_port()
    async with driven(replace(FLOAT, url=f"tcp://{HOST}:{port}")) as heard:
        await heard.wait_for_failure("cannot be reached")
        async with on_tcp(port) as simulated:
            simulated.shows(52, 45_000.0)
            await heard.wait_for_load(45_000)


@pytest.mark.anyio
@pytest.mark.parametrize("noise", [b"", b"\x00", b"\xff" * 300, b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(9)])
async def test_no_bytes_of_a_stranger_end_the_polling_or_pass_for_a_load(noise: bytes) -> None:
    async def rant(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(noise)
        await writer.drain()
        writer.close()

    port = free_port()
    stranger = await asyncio.start_server(rant, HOST, port)
    async with driven(replace(FLOAT, url=f"tcp://{HOST}:{port}")) as heard:
        await heard.wait_for_failure("")
        stranger.close()
        async with on_tcp(port) as simulated:
            simulated.shows(52, 45_000.0)
            await heard.wait_for_load(45_000)
    assert {s.load_w for s in heard.signals if isinstance(s, LoadRead)} == {45_000}


@pytest.mark.anyio
async def test_closing_ends_the_thread() -> None:
    before = set(threading.enumerate())
    async with driven(replace(FLOAT, url=f"tcp://{HOST}:{free_port()}")) as heard:
        await heard.wait_for_failure("cannot be reached")
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("meter")]
