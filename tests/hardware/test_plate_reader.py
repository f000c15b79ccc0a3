"""The plate reader's protocol, and what the driver makes of it on a real pty."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import plate_reader
from hardware.plate_reader import (
    Alive,
    PlateReader,
    Reading,
    alive_sentence,
    parse_plate_line,
    plate_sentence,
)
from hardware.sentences import BadSentence, sentence
from shared.devices import Device, DeviceFailed, DeviceRecovered, PlateRead
from tests.hardware.site import Heard, clock, eventually
from tests.hardware.test_serial_port import Cable

RECOVERED = DeviceRecovered(lane_id="entry-1", device=Device.PLATE_READER)


def test_a_reading_carries_plate_and_confidence() -> None:
    assert parse_plate_line(b"$PLT,4AB12C,93*35") == Reading("4AB12C", 93)


def test_a_plate_comes_out_in_the_form_that_is_compared() -> None:
    assert parse_plate_line(sentence("PLT,4ab-12 c,93").rstrip()) == Reading("4AB12C", 93)


def test_a_car_without_a_legible_plate_is_an_empty_plate() -> None:
    assert parse_plate_line(sentence("PLT,,0").rstrip()) == Reading("", 0)


def test_a_heartbeat_is_no_reading() -> None:
    assert parse_plate_line(alive_sentence().rstrip()) == Alive()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("PLT,4AB12C,101", "confidence is 0 to 100"),
        ("PLT,4AB12C,-1", "confidence is 0 to 100"),
        ("PLT,4AB12C,9.5", "confidence is 0 to 100"),
        ("PLT,4AB12C,", "confidence is 0 to 100"),
        ("PLT,4AB12C", "neither PLT"),
        ("PLT,4AB,12C,93", "neither PLT"),
        ("ALV,1", "neither PLT"),
        ("GPGGA,1,2", "neither PLT"),
        ("", "neither PLT"),
    ],
)
def test_any_other_sentence_is_refused_with_the_reason(body: str, says: str) -> None:
    with pytest.raises(BadSentence, match=says):
        parse_plate_line(sentence(body).rstrip())


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_parser(line: bytes) -> None:
    with contextlib.suppress(BadSentence):
        parse_plate_line(line)


@given(st.from_regex(r"[A-Z0-9]{0,12}", fullmatch=True), st.integers(0, 100))
def test_what_a_camera_says_is_what_is_heard(plate: str, confidence_pct: int) -> None:
    reading = Reading(plate, confidence_pct)
    assert parse_plate_line(plate_sentence(reading).rstrip()) == reading


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "camera")
    cable.plug_in()
    yield cable
    if cable.near >= 0:
        cable.unplug()


@pytest.fixture
def heard() -> Heard:
    return Heard()


SILENCE_REAL_S = 0.5


@pytest.fixture
def reader(cable: Cable, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlateReader]:
    monkeypatch.setattr(plate_reader, "SILENCE_REAL_S_MIN", SILENCE_REAL_S)
    reader = PlateReader("entry-1", str(cable.path), clock(speed=600))
    reader.start(heard)
    time.sleep(0.1)
    yield reader
    reader.close()


def say(cable: Cable, data: bytes) -> None:
    os.write(cable.near, data)


def test_a_reading_becomes_a_signal(cable: Cable, reader: PlateReader, heard: Heard) -> None:
    say(cable, plate_sentence(Reading("4AB12C", 93)))
    heard.wait_for(PlateRead(lane_id="entry-1", plate="4AB12C", confidence_pct=93))


def test_garbage_is_counted_and_the_next_reading_is_heard(cable: Cable, reader: PlateReader, heard: Heard) -> None:
    say(cable, b"\xff\x00garbage\r\n$PLT,4AB12C,93*00\r\n" + plate_sentence(Reading("9XY", 80)))
    heard.wait_for(PlateRead(lane_id="entry-1", plate="9XY", confidence_pct=80))
    assert heard.of(PlateRead) == [PlateRead(lane_id="entry-1", plate="9XY", confidence_pct=80)]
    assert reader.dropped == 2


def test_a_silent_camera_has_failed_until_it_is_heard_again(cable: Cable, reader: PlateReader, heard: Heard) -> None:
    since = time.monotonic()
    eventually(lambda: bool(heard.of(DeviceFailed)), "failed")
    assert time.monotonic() - since > SILENCE_REAL_S / 2
    (failed,) = heard.of(DeviceFailed)
    assert failed == DeviceFailed(
        lane_id="entry-1", device=Device.PLATE_READER, reason="nothing legible heard for 15 s"
    )
    say(cable, alive_sentence())
    heard.wait_for(RECOVERED)
    assert len(heard.of(DeviceFailed)) == 1


def test_a_camera_that_sends_only_garbage_has_failed_too(cable: Cable, reader: PlateReader, heard: Heard) -> None:
    until = time.monotonic() + 5
    while not heard.of(DeviceFailed):
        assert time.monotonic() < until, "never failed"
        say(cable, b"garbage\r\n")
        time.sleep(0.05)
    (failed,) = heard.of(DeviceFailed)
    assert isinstance(failed, DeviceFailed)
    assert "garbled" in failed.reason


def test_heartbeats_keep_an_idle_camera_alive(cable: Cable, reader: PlateReader, heard: Heard) -> None:
    until = time.monotonic() + 3 * SILENCE_REAL_S
    while time.monotonic() < until:
        say(cable, alive_sentence())
        time.sleep(0.05)
    assert heard.signals == []


def test_a_pulled_cable_fails_once_and_recovers_with_the_first_good_line(
    cable: Cable, reader: PlateReader, heard: Heard
) -> None:
    cable.unplug()
    eventually(lambda: bool(heard.of(DeviceFailed)), "failed")
    cable.plug_in()
    time.sleep(0.5)
    assert not heard.of(DeviceRecovered), "an open line is not a working camera"
    say(cable, alive_sentence())
    heard.wait_for(RECOVERED)
    assert len(heard.signals) == 2
