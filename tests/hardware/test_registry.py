"""Opening what a box is wired to: clear refusals, initial reports, and nothing left behind."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.registry import GpioWiring, LanePins, LaneWiring, WiringError, open_site
from shared.devices import ArmMoved, ArmPosition, Loop, LoopChanged
from tests.hardware.site import PINS, Heard, clock, wiring


def test_the_state_of_loops_and_arm_is_reported_at_the_start(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    heard = Heard()
    with open_site(gpio, [lane], clock()) as site:
        assert heard.signals == []
        site.start(heard)
        assert set(site.lanes) == {"entry-1"}
        heard.wait_for(ArmMoved(lane_id="entry-1", position=ArmPosition.BETWEEN))
        heard.wait_for(LoopChanged(lane_id="entry-1", loop=Loop.FRONT, occupied=False))
        heard.wait_for(LoopChanged(lane_id="entry-1", loop=Loop.UNDER, occupied=False))


def test_an_arm_is_reported_after_the_loops_under_it(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    heard = Heard()
    with open_site(gpio, [lane], clock()) as site:
        site.start(heard)
        heard.wait_for(ArmMoved(lane_id="entry-1", position=ArmPosition.BETWEEN))
        kinds = [type(signal) for signal in heard.signals if isinstance(signal, (ArmMoved, LoopChanged))]
        assert kinds.index(ArmMoved) == 2


def test_closing_ends_every_thread_and_removes_the_wire(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    before = set(threading.enumerate())
    with open_site(gpio, [lane], clock()) as site:
        site.start(Heard())
    assert set(threading.enumerate()) <= before
    assert not Path(gpio.wire).exists()
    with open_site(gpio, [lane], clock()):
        assert Path(gpio.wire).exists()


def second(lane: LaneWiring, folder: Path, pins: LanePins) -> LaneWiring:
    return replace(
        lane, lane_id="exit-1", plate_reader=str(folder / "camera-2"), display=str(folder / "display-2"), pins=pins
    )


FREE_PINS = LanePins(front=4, under=5, arm_up=6, arm_down=7, raise_=8, lower=9)


def test_two_lanes_share_one_wire(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    with open_site(gpio, [lane, second(lane, tmp_path, FREE_PINS)], clock()) as site:
        assert list(site.lanes) == ["entry-1", "exit-1"]


def test_a_pin_wired_twice_is_refused(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    with pytest.raises(WiringError, match="each pin can be wired once, used more often: GPIO17"):
        open_site(gpio, [lane, second(lane, tmp_path, replace(FREE_PINS, front=PINS.front))], clock())


def test_a_serial_line_wired_twice_is_refused(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    with pytest.raises(WiringError, match=r"each serial line can be wired once, used more often: .*camera"):
        open_site(gpio, [replace(lane, display=lane.plate_reader)], clock())


def test_a_lane_wired_twice_is_refused(tmp_path: Path) -> None:
    gpio, lane = wiring(tmp_path)
    other = replace(second(lane, tmp_path, FREE_PINS), lane_id="entry-1")
    with pytest.raises(WiringError, match="each lane can be wired once, used more often: entry-1"):
        open_site(gpio, [lane, other], clock())


def test_mock_pins_without_a_wire_are_refused() -> None:
    with pytest.raises(WiringError, match="needs wire"):
        open_site(GpioWiring(factory="mock"), [], clock())


@pytest.mark.parametrize("pin", [2, 99])
def test_a_pin_that_cannot_do_it_is_refused_and_the_rest_is_released(tmp_path: Path, pin: int) -> None:
    """GPIO2 has a pull-up soldered on, which a limit switch cannot use."""
    gpio, lane = wiring(tmp_path)
    with pytest.raises(WiringError, match=f"cannot use GPIO{pin}"):
        open_site(gpio, [replace(lane, pins=replace(PINS, arm_up=pin))], clock())
    assert not Path(gpio.wire).exists()
