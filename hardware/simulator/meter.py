"""A building's meter that speaks Modbus, written from its specification and not with the driver's library, so that the
two cannot be wrong alike. Modbus TCP on a socket, RTU on a pty; only what a meter is asked: functions 3 and 4.
"""

import asyncio
import struct
from enum import StrEnum

from hardware.simulator.pty_line import PtyLine

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


class MeterLine:
    """Modbus RTU for one meter, on a pty that lies at a path."""

    def __init__(self, meter: SimulatedMeter, path: str) -> None:
        self._meter = meter
        self._heard = b""
        self.line = PtyLine(path, on_bytes=self._hear)

    def _hear(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= _RTU_REQUEST_BYTES:
            frame, self._heard = self._heard[:_RTU_REQUEST_BYTES], self._heard[_RTU_REQUEST_BYTES:]
            if int.from_bytes(frame[-2:], "little") != crc16(frame[:-2]):
                self._heard = b""
                return
            answer = self._meter.answer(frame[0], frame[1:-2])
            if answer is not None:
                told = frame[:1] + answer
                self.line.send(told + crc16(told).to_bytes(2, "little"))
