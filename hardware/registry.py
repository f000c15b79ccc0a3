"""Builds every device that one box is wired to, and takes them down again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Self

from hardware.barrier import RelayBarrier
from hardware.display import SerialDisplay
from hardware.gpio import Board, open_native
from hardware.loop import LoopDetector
from hardware.meter import ModbusMeter
from hardware.plate_reader import PlateReader
from hardware.simulator.pin_wire import PinWire, WiredFactory
from hardware.wiring import GpioWiring, LanePins, LaneWiring, MeterWiring, WiringError, check
from shared.clock import Clock
from shared.devices import LaneSignal, Loop

__all__ = ["GpioWiring", "LaneDevices", "LanePins", "LaneWiring", "MeterWiring", "Site", "WiringError", "open_site"]

Emit = Callable[[LaneSignal], None]
"""Takes one signal. Called from the drivers' threads, never from the caller's event loop, and must return at once:
an asyncio program hands the signal over with ``loop.call_soon_threadsafe``."""


class LaneDevices:
    """The devices of one lane. ``barrier`` and ``display`` fulfil the ports of ``shared/devices.py``; their methods
    return at once and may be called from any thread."""

    def __init__(self, wiring: LaneWiring, board: Board, clock: Clock) -> None:
        self.lane_id = wiring.lane_id
        pins = wiring.pins
        front = board.input(pins.front, fail_safe=True)
        under = board.input(pins.under, fail_safe=True)
        self._loops = (
            LoopDetector(wiring.lane_id, Loop.FRONT, front),
            LoopDetector(wiring.lane_id, Loop.UNDER, under),
        )
        self.barrier = RelayBarrier(
            wiring.lane_id,
            relays=(board.relay(pins.raise_), board.relay(pins.lower)),
            limits=(board.input(pins.arm_up), board.input(pins.arm_down)),
            under=under,
            clock=clock,
        )
        self._plate_reader = PlateReader(wiring.lane_id, wiring.plate_reader, clock)
        self.display = SerialDisplay(wiring.lane_id, wiring.display)

    def start(self, emit: Emit) -> None:
        """Report the state of every loop and of the arm, then every change. See ``Emit`` for the threads.

        The loops come first: whoever hears of an arm must know by then whether a car stands under it.
        """
        for loop in self._loops:
            loop.start(emit)
        self.barrier.start(emit)
        self._plate_reader.start(emit)
        self.display.start(emit)

    def close(self) -> None:
        """Stop the threads and release the serial lines. The pins are released with the site."""
        self.barrier.close()
        self._plate_reader.close()
        self.display.close()


class Site:
    """All lanes of one box, by ``lane_id``, and the building's meter (None: not wired), which is started apart.

    A context manager: leaving it closes everything.
    """

    def __init__(
        self, lanes: Mapping[str, LaneDevices], meter: ModbusMeter | None, opened: ExitStack, wire: PinWire | None
    ) -> None:
        self.lanes = MappingProxyType(dict(lanes))
        self.meter = meter
        self._opened = opened
        self._wire = wire

    def start(self, emit: Emit) -> None:
        """Start every lane; ``emit`` gets the signals of all of them."""
        for lane in self.lanes.values():
            lane.start(emit)
        if self._wire is not None:
            self._wire.start()

    def close(self) -> None:
        """Switch the relays off and release everything. Closed pins become inputs, so the barriers must be of the kind
        that stays where it is without a pulse."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_site(gpio: GpioWiring, lanes: Sequence[LaneWiring], clock: Clock, meter: MeterWiring | None = None) -> Site:
    """Open the pins and build the devices of every lane; nothing is reported before ``Site.start``.

    Serial lines that are missing are no error here: they are waited for, and reported as failed devices. So is a meter
    that does not answer. Raises
    WiringError when the wiring is wrong, this machine has no pins or the wire's socket cannot be made.
    """
    check(gpio, lanes, meter)
    with ExitStack() as undo:
        wire = None
        if gpio.factory == "mock":
            factory = WiredFactory()
            wire = PinWire(factory, gpio.wire)
            undo.callback(wire.close)
            board = Board.bench(factory)
        else:
            board = Board(open_native())
        undo.callback(board.close)
        built: dict[str, LaneDevices] = {}
        for wiring in lanes:
            built[wiring.lane_id] = LaneDevices(wiring, board, clock)
            undo.callback(built[wiring.lane_id].close)
        metering = None if meter is None else ModbusMeter(meter, clock)
        if metering is not None:
            undo.callback(metering.close)
        return Site(built, metering, undo.pop_all(), wire)
