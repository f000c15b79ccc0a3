"""The plate reader on its serial line, in our own protocol (framing: ``hardware/sentences.py``).

``$PLT,<plate>,<confidence 0-100>*HH`` is a reading; an empty plate means that the camera saw a car but nothing legible.
``$ALV*HH`` is the heartbeat, every 5 s, so that a dead camera is told from an empty lane.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hardware.sentences import BadSentence, body_of, sentence
from hardware.serial_port import SerialPort
from shared.clock import SECOND_MS, Clock
from shared.devices import Device, DeviceFailed, DeviceRecovered, LaneSignal, PlateRead
from shared.ids import normalise_plate

ALIVE_MS = 5 * SECOND_MS
SILENCE_MS = 15 * SECOND_MS
SILENCE_REAL_S_MIN = 2.0
"""In time-lapse a busy machine is not a dead camera: this much real silence is needed too."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the camera makes of a car's plate; ``plate`` empty when it is not legible."""

    plate: str
    confidence_pct: int


@dataclass(frozen=True, slots=True)
class Alive:
    """A heartbeat."""


def plate_sentence(reading: Reading) -> bytes:
    """A reading as the camera sends it."""
    return sentence(f"PLT,{reading.plate},{reading.confidence_pct}")


def alive_sentence() -> bytes:
    """A heartbeat as the camera sends it."""
    return sentence("ALV")


def parse_plate_line(line: bytes) -> Reading | Alive:
    """Read one line of the camera; the plate comes out normalised. Raises BadSentence saying what is wrong."""
    kind, *fields = body_of(line).split(",")
    if kind == "ALV" and not fields:
        return Alive()
    if kind != "PLT" or len(fields) != 2:
        raise BadSentence(f"neither PLT,<plate>,<confidence> nor ALV: {line[:40]!r}")
    plate, confidence = fields
    if not (confidence.isdigit() and len(confidence) <= 3 and int(confidence) <= 100):
        raise BadSentence(f"confidence is 0 to 100, got {confidence!r}")
    return Reading(normalise_plate(plate), int(confidence))


class PlateReader:
    """Signals of one lane's camera. It has failed while its line is gone or while it says nothing for 15 s lived, and
    has recovered with the first good line."""

    def __init__(self, lane_id: str, url: str, clock: Clock) -> None:
        self._lane_id = lane_id
        self._silence_real_s = max(clock.real_s(SILENCE_MS), SILENCE_REAL_S_MIN)
        self._port = SerialPort(url, self, poll_real_s=min(0.5, self._silence_real_s / 4))
        self._emit: Callable[[LaneSignal], None]
        self._has_failed = False
        self._heard_real_s = 0.0
        self.dropped = 0
        """Garbled lines since the start; overlong ones are counted by the port."""

    def start(self, emit: Callable[[LaneSignal], None]) -> None:
        """Open the line; ``emit`` is called from the reading thread."""
        self._emit = emit
        self._port.start()

    def close(self) -> None:
        self._port.close()

    def opened(self) -> None:
        """The line is there; the camera still has to say something."""
        self._heard_real_s = time.monotonic()

    def failed(self, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._emit(DeviceFailed(lane_id=self._lane_id, device=Device.PLATE_READER, reason=reason))

    def received(self, line: bytes) -> None:
        try:
            heard = parse_plate_line(line)
        except BadSentence:
            self.dropped += 1
            self.idle()
            return
        self._heard_real_s = time.monotonic()
        if self._has_failed:
            self._has_failed = False
            self._emit(DeviceRecovered(lane_id=self._lane_id, device=Device.PLATE_READER))
        if isinstance(heard, Reading):
            self._emit(PlateRead(lane_id=self._lane_id, plate=heard.plate, confidence_pct=heard.confidence_pct))

    def idle(self) -> None:
        if time.monotonic() - self._heard_real_s >= self._silence_real_s:
            seconds = SILENCE_MS // SECOND_MS
            garbled = f", {self.dropped} garbled lines in all" if self.dropped else ""
            self.failed(f"nothing legible heard for {seconds} s{garbled}")
