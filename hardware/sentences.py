r"""The lines that our serial devices speak: ASCII sentences with a checksum, in the manner of NMEA 0183.

``$BODY*HH\r\n``, where ``HH`` is the exclusive or of the body's bytes as two hexadecimal digits.
Pure: bytes in, words out.
"""

from functools import reduce
from operator import xor

LINE_BYTES_MAX = 256


class BadSentence(ValueError):  # noqa: N818 - it is what the line is, not what we did wrong
    """A line that is not a sentence of ours: garbled on the way, or from some other device."""


def checksum(body: bytes) -> int:
    """The exclusive or of all bytes, 0 to 255."""
    return reduce(xor, body, 0)


def sentence(body: str) -> bytes:
    """Frame a body for the line. Raises ValueError for anything but printable ASCII."""
    if not (body.isascii() and body.isprintable()):
        raise ValueError(f"a sentence holds printable ASCII only, got {body!r}")
    raw = body.encode("ascii")
    return b"$%b*%02X\r\n" % (raw, checksum(raw))


def body_of(line: bytes) -> str:
    """The body of a line without its end. Raises BadSentence saying what is wrong with it."""
    framed, star, digits = line.rpartition(b"*")
    if not star or not framed.startswith(b"$"):
        raise BadSentence(f"not framed as $...*HH: {line[:40]!r}")
    body = framed[1:]
    expected = b"%02X" % checksum(body)
    if digits.upper() != expected:
        raise BadSentence(f"checksum is {expected.decode()}, the line says {digits[:4]!r}")
    text = body.decode("ascii", "replace")
    if not (text.isascii() and text.isprintable()):
        raise BadSentence(f"not printable ASCII: {line[:40]!r}")
    return text


class LineBuffer:
    """Cuts a stream of bytes into lines, however they come. Holds at most one line; a longer one is dropped whole.

    A serial read that times out returns half a line, so the line must be put together here and not by ``readline``.
    """

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._max = line_bytes_max
        self._rest = b""
        self._skipping = False
        self.overlong = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their ends; empty lines are left out."""
        *ended, self._rest = (self._rest + data).split(b"\n")
        lines = []
        for line in ended:
            if self._skipping or len(line) > self._max:
                self._skipping = False
                self.overlong += 1
            elif bare := line.rstrip(b"\r"):
                lines.append(bare)
        if self._skipping or len(self._rest) > self._max:
            self._skipping, self._rest = True, b""
        return lines

    def clear(self) -> None:
        """Forget a line that was begun: the rest of it will not come."""
        self._rest, self._skipping = b"", False
