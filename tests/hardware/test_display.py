"""The display's protocol, and that it always ends up showing the last text."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.display import (
    LINE_CHARACTERS_MAX,
    LINES_MAX,
    SerialDisplay,
    display_sentence,
    parse_display,
)
from hardware.sentences import BadSentence, sentence
from shared.devices import Device, DeviceFailed, DeviceRecovered
from tests.hardware.site import Heard, eventually
from tests.hardware.test_serial_port import Cable


def read_back(lines: tuple[str, ...]) -> tuple[str, ...]:
    return parse_display(display_sentence(lines).rstrip(b"\r\n"))


def test_lines_go_out_as_documented() -> None:
    assert display_sentence(("WELCOME", "Level 2")) == b"$DSP,WELCOME|Level 2*09\r\n"


def test_no_lines_clear_the_display() -> None:
    assert display_sentence(()) == b"$DSP,*6B\r\n"
    assert read_back(()) == ()


def test_prices_are_shown_as_they_are() -> None:
    assert read_back(("Due $12.50", "5 * 2 = 10, pay inside")) == ("Due $12.50", "5 * 2 = 10, pay inside")


def test_what_does_not_fit_is_cut_off() -> None:
    assert read_back(tuple("ABCDE")) == ("A", "B", "C", "D")
    assert read_back(("x" * 30,)) == ("x" * 24,)


def test_what_cannot_be_shown_becomes_the_nearest_that_can() -> None:
    assert read_back(("Café|bar\n€",)) == ("Cafe?bar??",)


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_makes_a_sentence_that_fits(lines: list[str]) -> None:
    shown = read_back(tuple(lines))
    assert len(shown) <= LINES_MAX
    assert all(len(line) <= LINE_CHARACTERS_MAX for line in shown)


def test_another_device_s_sentence_is_refused() -> None:
    with pytest.raises(BadSentence, match="not DSP"):
        parse_display(sentence("PLT,4AB,90").rstrip())


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "display")
    yield cable
    if cable.near >= 0:
        cable.unplug()


def test_the_last_text_is_shown_when_the_display_comes_and_comes_back(cable: Cable) -> None:
    heard = Heard()
    display = SerialDisplay("exit-1", str(cable.path))
    display.start(heard)
    try:
        eventually(lambda: bool(heard.of(DeviceFailed)), "failed")
        display.show(("FIRST",))
        display.show(("PAY AT MACHINE",))
        for times in (1, 2):
            cable.plug_in()
            assert os.read(cable.near, 64) == display_sentence(("PAY AT MACHINE",))
            heard.wait_for(DeviceRecovered(lane_id="exit-1", device=Device.DISPLAY), times=times)
            cable.unplug()
            eventually(lambda n=times: len(heard.of(DeviceFailed)) == n + 1, "failed again")
    finally:
        display.close()


def test_a_new_text_replaces_the_old_one(cable: Cable) -> None:
    cable.plug_in()
    display = SerialDisplay("exit-1", str(cable.path))
    display.start(Heard())
    try:
        assert os.read(cable.near, 64) == display_sentence(())
        display.show(("WELCOME",))
        assert os.read(cable.near, 64) == display_sentence(("WELCOME",))
    finally:
        display.close()
