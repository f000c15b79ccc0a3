"""The meter of the building's load, over Modbus: TCP, or RTU on a serial line or through a transparent converter.

It is asked every few seconds. An answer that cannot be a load is no reading: whoever waits for one must assume the
most, and not take a number that a wrong setting or a dead transformer made up.
"""

import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence
from math import isfinite, isnan
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hardware.wiring import MeterWiring
from shared.clock import SECOND_MS, Clock
from shared.devices import LoadRead, MeterFailed, MeterSignal

if TYPE_CHECKING:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    from pymodbus.pdu import ModbusPDU

ANSWER_REAL_S_MAX = 1.0
POLL_REAL_S_MIN = 0.05
LOAD_W_MAX = 1_000_000_000
FLOAT_MIN = 2.0**-126
"""Smaller than any load: what a float looks like whose words are in the other order."""

_FORMATS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}
_ABSENT = {"int16": -(2**15), "uint16": 2**16 - 1, "int32": -(2**31), "uint32": 2**32 - 1}
"""What meters put where they measure nothing."""
_REFUSALS = {1: "function not known", 2: "no such register", 3: "no such number of registers", 4: "meter failed"}
_REFUSALS |= {6: "meter busy", 10: "gateway has no path to it", 11: "it does not answer its gateway"}


class BadReading(ValueError):  # noqa: N818 - it is what the answer is, not what we did wrong
    """An answer that is not a load; says what it is."""


def register_count(wiring: MeterWiring) -> int:
    """How many registers of 16 bits the value takes."""
    return struct.calcsize(_FORMATS[wiring.kind]) // 2


def load_of(registers: Sequence[int], wiring: MeterWiring) -> int:
    """The building's load in W. Raises BadReading for what cannot be one, so that it never passes for a small load."""
    if len(registers) != register_count(wiring):
        raise BadReading(f"{len(registers)} registers instead of {register_count(wiring)}")
    words = registers if wiring.word_order == "big" else registers[::-1]
    value: float = struct.unpack(f">{_FORMATS[wiring.kind]}", struct.pack(f">{len(words)}H", *words))[0]
    if value == _ABSENT.get(wiring.kind) or isnan(value):
        raise BadReading("it measures nothing there: check register and wiring")
    load_w = value * wiring.scale_w
    if 0 < abs(value) < FLOAT_MIN or not isfinite(load_w) or abs(load_w) > LOAD_W_MAX:
        raise BadReading(f"{value:.4g} is no load: check type, word_order and scale_w")
    if load_w < 0 and not wiring.exports:
        raise BadReading(
            "a load below 0: current transformers the wrong way round, or exports = true for a building that feeds in"
        )
    return round(load_w)


class ModbusMeter:
    """Readings of one meter, every ``poll_s`` lived seconds. Each poll ends in a reading or in a failure; a failure is
    told once until it changes, and ends with the next reading."""

    def __init__(self, wiring: MeterWiring, clock: Clock) -> None:
        self._wiring = wiring
        self._poll_real_s = max(clock.real_s(wiring.poll_s * SECOND_MS), POLL_REAL_S_MIN)
        self._client: ModbusTcpClient | ModbusSerialClient | None = None
        self._emit: Callable[[MeterSignal], None]
        self._told: MeterFailed | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll_for_ever, name=f"meter {wiring.url}", daemon=True)

    def start(self, emit: Callable[[MeterSignal], None]) -> None:
        """Begin to ask; ``emit`` is called from the meter's own thread."""
        self._emit = emit
        self._thread.start()

    def close(self) -> None:
        """Stop; waits at most for a connection and one answer."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * ANSWER_REAL_S_MAX)

    def _poll_for_ever(self) -> None:
        while not self._stopped.is_set():
            began_s = time.monotonic()
            try:
                load_w = load_of(self._ask(), self._wiring)
            except Exception as error:  # noqa: BLE001 - whatever strange bytes raise is the meter's failure, told as such
                self._hang_up()
                self._fail(error)
            else:
                self._told = None
                self._emit(LoadRead(load_w=load_w))
            self._stopped.wait(max(0.0, began_s + self._poll_real_s - time.monotonic()))
        self._hang_up()

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, BadReading)
        reason = str(error) if known else f"no answer that can be read ({type(error).__name__})"
        failed = MeterFailed(reason=f"{self._wiring.url} unit {self._wiring.unit_id}: {reason}")
        if failed != self._told:
            self._told = failed
            self._emit(failed)

    def _ask(self) -> Sequence[int]:
        """One answer's registers. Raises BadReading, or what the client raises."""
        wiring = self._wiring
        if self._client is None:
            self._client = _client(wiring)
        if not self._client.connect():
            raise BadReading("cannot be reached")
        ask: Callable[..., ModbusPDU] = (
            self._client.read_input_registers if wiring.table == "input" else self._client.read_holding_registers
        )
        answer = ask(wiring.register, count=register_count(wiring), device_id=wiring.unit_id)
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            raise BadReading(f"register {wiring.register} is refused: {_REFUSALS.get(code, f'exception {code}')}")
        return answer.registers

    def _hang_up(self) -> None:
        """After a failure nothing that was on its way may pass for the next answer: RTU does not number its answers."""
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]


def _client(wiring: MeterWiring) -> "ModbusTcpClient | ModbusSerialClient":
    """Imported late, on the meter's thread: the lanes do not wait for it. The client for threads, because the one for
    asyncio swallows cancellation."""
    from pymodbus import FramerType  # noqa: PLC0415
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient  # noqa: PLC0415

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it repeats at every poll what we tell once
    url = urlsplit(wiring.url)
    if url.scheme in ("tcp", "socket"):
        framer = FramerType.SOCKET if url.scheme == "tcp" else FramerType.RTU
        return ModbusTcpClient(
            url.hostname or "", port=url.port or 0, framer=framer, timeout=ANSWER_REAL_S_MAX, retries=0
        )
    return ModbusSerialClient(
        wiring.url, baudrate=wiring.baud, parity=wiring.parity, timeout=ANSWER_REAL_S_MAX, retries=0
    )
