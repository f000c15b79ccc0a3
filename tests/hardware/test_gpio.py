"""Contacts and relays on gpiozero's mock pins."""

import time
from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from hardware.gpio import Board, open_native
from hardware.loop import LoopDetector
from hardware.wiring import WiringError
from shared.devices import Loop, LoopChanged
from tests.hardware.site import Heard, eventually

SETTLE_REAL_S = 0.1


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()


@pytest.fixture
def board(factory: MockFactory) -> Iterator[Board]:
    board = Board(factory, settle_real_s=SETTLE_REAL_S)
    yield board
    board.close()


def test_a_cut_wire_on_a_loop_reads_as_a_car(board: Board) -> None:
    assert board.input(17, fail_safe=True).active is True


def test_a_cut_wire_on_a_limit_switch_reads_as_an_arm_that_has_not_arrived(board: Board) -> None:
    assert board.input(17).active is False


@pytest.mark.parametrize("fail_safe", [True, False])
def test_a_high_pin_is_an_active_contact(board: Board, factory: MockFactory, fail_safe: bool) -> None:
    contact = board.input(17, fail_safe=fail_safe)
    factory.pin(17).drive_high()
    assert contact.active_now is True
    factory.pin(17).drive_low()
    assert contact.active_now is False


def test_on_a_bench_a_contact_that_nobody_moved_is_not_active(factory: MockFactory) -> None:
    board = Board.bench(factory)
    assert board.input(17, fail_safe=True).active is False
    board.close()


def test_a_loop_reports_its_state_at_the_start_and_then_each_change(factory: MockFactory) -> None:
    board = Board.bench(factory)
    heard = Heard()
    LoopDetector("entry-1", Loop.UNDER, board.input(17, fail_safe=True)).start(heard)
    for _ in range(2):
        factory.pin(17).drive_high()
        factory.pin(17).drive_low()
    board.close()
    assert [signal.occupied for signal in heard.of(LoopChanged)] == [False, True, False, True, False]


def test_bounces_are_one_change(board: Board, factory: MockFactory) -> None:
    changes: list[bool] = []
    board.input(17).watch(changes.append)
    for _ in range(20):
        factory.pin(17).drive_high()
        time.sleep(0.002)
        factory.pin(17).drive_low()
        time.sleep(0.002)
    factory.pin(17).drive_high()
    eventually(lambda: len(changes) > 1, "the change")
    assert changes == [False, True]


def test_a_glitch_is_no_change(board: Board, factory: MockFactory) -> None:
    changes: list[bool] = []
    board.input(17).watch(changes.append)
    factory.pin(17).drive_high()
    factory.pin(17).drive_low()
    time.sleep(3 * SETTLE_REAL_S)
    assert changes == [False]


def test_a_pulse_ends_by_itself(board: Board, factory: MockFactory) -> None:
    relay = board.relay(24)
    relay.pulse(0.05)
    eventually(lambda: len(factory.pin(24).states) == 3, "on and off")
    assert [state.state for state in factory.pin(24).states] == [False, True, False]


def test_a_pin_that_is_taken_is_refused_by_name(board: Board) -> None:
    board.relay(24)
    with pytest.raises(WiringError, match="cannot use GPIO24"):
        board.input(24)


def test_a_pin_that_the_header_does_not_have_is_refused_by_name(board: Board) -> None:
    with pytest.raises(WiringError, match="cannot use GPIO99"):
        board.input(99)


def test_closing_switches_running_pulses_off_first(factory: MockFactory) -> None:
    board = Board(factory)
    board.relay(24).pulse(60)
    eventually(lambda: factory.pin(24).state == 1, "on")
    board.close()
    assert factory.pin(24).state == 0


def test_a_machine_without_pins_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    with pytest.raises(WiringError, match=r'no GPIO pins on this machine .* factory = "mock"') as caught:
        open_native()
    assert "\n" not in str(caught.value)
