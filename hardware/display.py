"""The driver's display on its serial line: ``$DSP,<line>|<line>|...*HH``, at most four lines of 24 characters.

``$DSP,*HH`` clears it. The display shows what it was told last until it is told otherwise, and answers nothing.
"""

import threading
import unicodedata
from collections.abc import Callable

from hardware.sentences import BadSentence, body_of, sentence
from hardware.serial_port import SerialPort
from shared.devices import Device, DeviceFailed, DeviceRecovered, LaneSignal

LINES_MAX = 4
LINE_CHARACTERS_MAX = 24
_HEAD = "DSP,"


def display_sentence(lines: tuple[str, ...]) -> bytes:
    """The sentence that shows ``lines``. What does not fit is cut off, and what the display cannot show is replaced by
    the nearest it can (accents go, other characters become ``?``): a text is never a reason to show nothing."""
    return sentence(_HEAD + "|".join(_showable(line) for line in lines[:LINES_MAX]))


def parse_display(line: bytes) -> tuple[str, ...]:
    """The lines that a sentence shows; none when it clears the display. Raises BadSentence."""
    body = body_of(line)
    if not body.startswith(_HEAD):
        raise BadSentence(f"not DSP,<lines>: {line[:40]!r}")
    text = body.removeprefix(_HEAD)
    return tuple(text.split("|")) if text else ()


def _showable(line: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", line) if not unicodedata.combining(c))
    return "".join(c if c.isascii() and c.isprintable() and c != "|" else "?" for c in plain)[:LINE_CHARACTERS_MAX]


class SerialDisplay:
    """One lane's display. Shows the last text again whenever its line comes back."""

    def __init__(self, lane_id: str, url: str) -> None:
        self._lane_id = lane_id
        self._port = SerialPort(url, self)
        self._emit: Callable[[LaneSignal], None]
        self._has_failed = False
        self._lock = threading.Lock()
        self._shown = display_sentence(())

    def start(self, emit: Callable[[LaneSignal], None]) -> None:
        """Open the line; ``emit`` is called from the reading thread."""
        self._emit = emit
        self._port.start()

    def close(self) -> None:
        self._port.close()

    def show(self, lines: tuple[str, ...]) -> None:
        """Show these lines from now on. Returns at once, from any thread."""
        with self._lock:
            self._shown = display_sentence(lines)
            self._port.write(self._shown)

    def opened(self) -> None:
        with self._lock:
            self._port.write(self._shown)
        if self._has_failed:
            self._has_failed = False
            self._emit(DeviceRecovered(lane_id=self._lane_id, device=Device.DISPLAY))

    def failed(self, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._emit(DeviceFailed(lane_id=self._lane_id, device=Device.DISPLAY, reason=reason))

    def received(self, line: bytes) -> None:
        """Displays say nothing; what comes is noise."""

    def idle(self) -> None:
        """Silence is what a display does."""
