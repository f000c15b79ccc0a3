"""How the box on site is wired: which serial line, socket and pin belongs to which device of which lane.

Pins are BCM numbers, as gpiozero counts them. These are plain values; ``hardware/registry.py`` opens what they name.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal
from urllib.parse import urlsplit


class WiringError(ValueError):
    """The wiring cannot be opened as it is written; one line that says what is wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class LanePins:
    """The pins of one lane. Inputs: both loops and both limit switches. Outputs: the two relays of the barrier.

    A loop's contact closes to ground while the loop is *free* (the fail-safe output that detectors have) under the
    board's pull-up, so a cut wire or a detector without power reads as a car. A limit switch closes to 3.3 V at its
    end, so a cut wire reads as an arm that never arrives.
    """

    front: int
    under: int
    arm_up: int
    arm_down: int
    raise_: int
    lower: int


@dataclass(frozen=True, slots=True)
class LaneWiring:
    """One lane. ``plate_reader`` and ``display`` are what ``serial.serial_for_url`` takes: a path such as
    ``/dev/serial/by-id/...``, or ``socket://host:port`` for a converter on the network."""

    lane_id: str
    plate_reader: str
    display: str
    pins: LanePins


@dataclass(frozen=True, slots=True)
class GpioWiring:
    """Where pins come from: ``native`` is this machine's own header, ``mock`` are pins without hardware that another
    process moves through the Unix socket ``wire`` (see ``hardware/simulator/pin_wire.py``)."""

    factory: Literal["native", "mock"] = "native"
    wire: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterWiring:
    """The meter of what the building draws beside the chargers. ``url``: ``tcp://host:port`` for Modbus TCP, a path for
    RTU on a serial line, ``socket://host:port`` for RTU through a transparent converter on the network.

    ``register`` counts from 0, as on the wire. Its value times ``scale_w`` is the load in W; it is below 0 only where
    the building ``exports``. ``poll_s`` is lived time.
    """

    url: str
    register: int
    unit_id: int = 1
    table: Literal["holding", "input"] = "holding"
    kind: Literal["int16", "uint16", "int32", "uint32", "float32"] = "float32"
    word_order: Literal["big", "little"] = "big"
    scale_w: float = 1.0
    exports: bool = False
    poll_s: float = 5.0
    baud: int = 9_600
    parity: Literal["N", "E", "O"] = "N"


def check(gpio: GpioWiring, lanes: Sequence[LaneWiring], meter: MeterWiring | None = None) -> None:
    """Raise WiringError for wiring that cannot be meant: a pin, a serial line or a lane named twice, a mock without
    its wire, a meter without an address."""
    if gpio.factory not in ("native", "mock"):
        raise WiringError(f'[gpio] factory is "native" or "mock", got "{gpio.factory}"')
    if gpio.factory == "mock" and not gpio.wire:
        raise WiringError('[gpio] factory = "mock" needs wire = "path of a unix socket"')
    _once("lane", [lane.lane_id for lane in lanes])
    _once("pin", [f"GPIO{pin}" for lane in lanes for pin in astuple(lane.pins)])
    meters = [] if meter is None else [meter.url]
    _once("serial line", [*meters, *(line for lane in lanes for line in (lane.plate_reader, lane.display))])
    if meter is not None:
        _check_meter(meter)


def _check_meter(meter: MeterWiring) -> None:
    if "://" in meter.url and not _addresses(meter.url):
        raise WiringError(f'[meter] url is "tcp://host:port", "socket://host:port" or a serial path, got "{meter.url}"')
    if meter.scale_w == 0:
        raise WiringError("[meter] scale_w is 0: every load would be none; it is the watts that one unit stands for")


def _addresses(url: str) -> bool:
    try:
        split = urlsplit(url)
        return split.scheme in ("tcp", "socket") and bool(split.hostname and split.port)
    except ValueError:
        return False


def _once(what: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise WiringError(f"each {what} can be wired once, used more often: {', '.join(twice)}")
