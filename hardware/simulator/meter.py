"""A building's meter that speaks Modbus, written from its specification and not with the driver's library, so that the
two cannot be wrong alike. Modbus TCP on a socket, RTU on a pty; only what a meter is asked: functions 3 and 4.
"""

import asyncio
import struct
from enum import StrEnum
from math import cos, pi

from hardware.simulator.pty_line import PtyLine
from shared.clock import MINUTE_MS, Clock, to_local
from shared.facilities import BuildingLoad

LOAD_REGISTER = 52
"""Where ``live_in`` shows the load: int32, watts."""
_STEP_W = 5_000
READS = {3: "holding", 4: "input"}
_RTU_REQUEST_BYTES = 8
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS = 1, 2


class Manner(StrEnum):
    """How it answers."""

    ANSWERS = "ANSWERS"
    SILENT = "SILENT"
    GARBLES = "GARBLES"
    """Something else arrives than what was sent."""


def crc16(frame: bytes) -> int:
    """Modbus' checksum of an RTU frame (Modbus over Serial Line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class SimulatedMeter:
    """One unit; ``words`` are its registers by table and address, which may change at any time."""

    def __init__(self, unit_id: int = 1) -> None:
        self.unit_id = unit_id
        self.words: dict[tuple[str, int], int] = {}
        self.manner = Manner.ANSWERS
        self.asked = 0

    def shows(self, register: int, value: float, kind: str = "f", table: str = "holding") -> None:
        """Put a number into registers, most significant word first; ``kind`` as ``struct`` names it."""
        raw = struct.pack(f">{kind}", value)
        for offset in range(0, len(raw), 2):
            self.words[table, register + offset // 2] = int.from_bytes(raw[offset : offset + 2], "big")

    def answer(self, unit_id: int, request: bytes) -> bytes | None:
        """The PDU that answers a PDU (Modbus Application Protocol V1.1b3, 6.3 and 6.4); None for silence."""
        self.asked += 1
        if self.manner is Manner.SILENT or unit_id != self.unit_id or not request:
            return None
        if self.manner is Manner.GARBLES:
            return bytes(byte ^ 0x5A for byte in request)
        function = request[0]
        if function not in READS or len(request) != struct.calcsize(">BHH"):
            return bytes([function | 0x80, _ILLEGAL_FUNCTION])
        _, first, count = struct.unpack(">BHH", request)
        words = [self.words.get((READS[function], first + n)) for n in range(count)]
        if None in words:
            return bytes([function | 0x80, _ILLEGAL_ADDRESS])
        return struct.pack(f">BB{count}H", function, 2 * count, *words)


async def serve_tcp(meter: SimulatedMeter, host: str, port: int) -> asyncio.Server:
    """Modbus TCP for one meter; the caller closes the server."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(7)
                number, protocol, length, unit_id = struct.unpack(">HHHB", head)
                answer = meter.answer(unit_id, await reader.readexactly(length - 1))
                if answer is not None:
                    writer.write(struct.pack(">HHHB", number, protocol, len(answer) + 1, unit_id) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    return await asyncio.start_server(talk, host, port)


class Rtu:
    """One meter's end of a line that carries RTU frames, whatever the line is."""

    def __init__(self, meter: SimulatedMeter) -> None:
        self._meter = meter
        self._heard = b""

    def feed(self, data: bytes) -> bytes:
        """What it says to the requests that ``data`` completes; a damaged one is not answered."""
        self._heard += data
        said = b""
        while len(self._heard) >= _RTU_REQUEST_BYTES:
            frame, self._heard = self._heard[:_RTU_REQUEST_BYTES], self._heard[_RTU_REQUEST_BYTES:]
            if int.from_bytes(frame[-2:], "little") != crc16(frame[:-2]):
                self._heard = b""
                break
            answer = self._meter.answer(frame[0], frame[1:-2])
            if answer is not None:
                told = frame[:1] + answer
                said += told + crc16(told).to_bytes(2, "little")
        return said


class MeterLine:
    """Modbus RTU for one meter, on a pty that lies at a path."""

    def __init__(self, meter: SimulatedMeter, path: str) -> None:
        self._rtu = Rtu(meter)
        self.line = PtyLine(path, on_bytes=self._hear)

    def _hear(self, data: bytes) -> None:
        self.line.send(self._rtu.feed(data))


def load_w(building: BuildingLoad, at_ms: int, zone: str) -> int:
    """What a building draws in the course of a day: from a quarter of its most, at two in the morning, to nine tenths
    of its most twelve hours later."""
    local = to_local(at_ms, zone)
    of_day = cos((local.hour + local.minute / 60 - 14) * pi / 12)
    return round(building.load_w_max * (0.575 + 0.325 * of_day) / _STEP_W) * _STEP_W


async def live_in(building: BuildingLoad, path: str, zone: str, clock: Clock) -> None:
    """A meter on a serial line at a path, in a building that lives its days; until cancelled."""
    meter = SimulatedMeter()
    line = MeterLine(meter, path).line
    line.plug_in()
    try:
        while True:
            meter.shows(LOAD_REGISTER, load_w(building, clock.now_ms(), zone), "i")
            await asyncio.sleep(clock.real_s(MINUTE_MS))
    finally:
        line.unplug()
