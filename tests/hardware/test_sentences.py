"""The framing of our serial devices."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.sentences import BadSentence, LineBuffer, body_of, checksum, sentence

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)


def test_the_checksum_is_that_of_nmea_0183() -> None:
    assert checksum(b"GPGLL,5300.97914,N,00259.98174,E,125926,A") == 0x28


@given(PRINTABLE)
def test_what_is_framed_is_read_back(body: str) -> None:
    assert body_of(sentence(body).rstrip(b"\r\n")) == body


@given(PRINTABLE, st.data())
def test_one_changed_byte_is_always_noticed(body: str, data: st.DataObject) -> None:
    line = bytearray(sentence(body).rstrip(b"\r\n"))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 31))
    try:
        assert body_of(bytes(line)) == body, "a different body got through"
    except BadSentence:
        return


@given(st.binary(max_size=80))
def test_garbage_is_a_bad_sentence_and_nothing_worse(line: bytes) -> None:
    with contextlib.suppress(BadSentence):
        body_of(line)


@pytest.mark.parametrize("body", ["MÜNCHEN", "two\nlines", "\x00"])
def test_what_the_line_cannot_carry_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        sentence(body)


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").strip(b"\r"))), st.integers(1, 7))
def test_lines_come_out_whole_however_the_bytes_arrive(lines: list[bytes], piece: int) -> None:
    stream = b"".join(line + b"\r\n" for line in lines)
    buffer = LineBuffer()
    got = [line for at in range(0, len(stream), piece) for line in buffer.feed(stream[at : at + piece])]
    assert got == [line for line in lines if line]


def test_an_endless_line_is_dropped_whole_and_counted_once() -> None:
    buffer = LineBuffer(line_bytes_max=8)
    got = [line for _ in range(1_000) for line in buffer.feed(b"xxxx")]
    assert got == []
    assert buffer.feed(b"tail\r\nnext\r\n") == [b"next"]
    assert buffer.overlong == 1


def test_a_line_that_was_begun_before_a_break_is_forgotten() -> None:
    buffer = LineBuffer()
    buffer.feed(b"$PLT,4AB")
    buffer.clear()
    assert buffer.feed(b"$ALV*5B\r\n") == [b"$ALV*5B"]
