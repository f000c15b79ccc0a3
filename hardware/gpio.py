"""Contacts and relays on gpiozero's pins, of this machine's header or of a bench without hardware.

gpiozero turns an output into an input when it is closed, so a relay floats then: barriers must be driven by pulses and
stay where they are without one.
"""

import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from gpiozero import Device, DigitalInputDevice, DigitalOutputDevice
from gpiozero.exc import BadPinFactory, GPIOZeroError, PinFactoryFallback, PinUnknownPi

from hardware.wiring import WiringError

SETTLE_REAL_S = 0.05
"""A contact counts when it has kept its level this long; relays of loop detectors bounce for up to 20 ms."""


def open_native() -> Any:
    """The pin factory of this machine, as gpiozero finds it. Raises WiringError where there are no pins."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PinFactoryFallback)
            Device.ensure_pin_factory()
    except (BadPinFactory, PinUnknownPi, OSError) as error:
        raise WiringError(
            f'no GPIO pins on this machine ({error}): install lgpio on the box, or set [gpio] factory = "mock"'
        ) from error
    return Device.pin_factory


class Contact:
    """One input: what it says now (``active_now``), what it has settled on (``active``), and each settled change.

    ``active`` means a car for a loop, the arm's arrival for a limit switch.
    """

    def __init__(self, device: Any, *, fail_safe: bool, settle_real_s: float) -> None:
        self._device = device
        self._fail_safe = fail_safe
        self._settle_real_s = settle_real_s
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._edge_real_s = 0.0
        self._watchers: list[Callable[[bool], None]] = []
        self.active = self.active_now
        device.when_activated = lambda: self._edge(not fail_safe)
        device.when_deactivated = lambda: self._edge(fail_safe)

    @property
    def active_now(self) -> bool:
        """The level of this very moment, bounces and all."""
        return bool(self._device.is_active) is not self._fail_safe

    def watch(self, on_change: Callable[[bool], None]) -> None:
        """Tell the level now, and every settled change from the thread that finds it. Earlier watchers hear first."""
        with self._lock:
            self._watchers.append(on_change)
            on_change(self.active)

    def close(self) -> None:
        with self._lock:
            self._watchers.clear()
            if self._timer is not None:
                self._timer.cancel()
        self._device.close()

    def _edge(self, active: bool) -> None:
        if self._settle_real_s == 0:
            self._settle(active)
            return
        with self._lock:
            self._edge_real_s = time.monotonic()
            if self._timer is None:
                self._wait(self._settle_real_s)

    def _wait(self, real_s: float) -> None:
        self._timer = threading.Timer(real_s, self._is_quiet)
        self._timer.daemon = True
        self._timer.start()

    def _is_quiet(self) -> None:
        with self._lock:
            quiet_real_s = time.monotonic() - self._edge_real_s
            if quiet_real_s < self._settle_real_s:
                self._wait(self._settle_real_s - quiet_real_s)
                return
            self._timer = None
            if not self._device.closed:
                self._settle(self.active_now)

    def _settle(self, active: bool) -> None:
        with self._lock:
            if active is self.active:
                return
            self.active = active
            for told in tuple(self._watchers):
                told(active)


class Relay:
    """One output that is energised for a moment at a time. One thread at a time may call: its barrier locks."""

    def __init__(self, device: Any) -> None:
        self._device = device

    def pulse(self, real_s: float) -> None:
        """Energise for ``real_s`` seconds from now; returns at once. A pulse that is still running starts anew."""
        self._device.off()
        self._device.blink(on_time=real_s, off_time=0, n=1)

    def off(self) -> None:
        """De-energise at once, and end a running pulse."""
        self._device.off()


class Board:
    """The pins of one box: hands out contacts and relays, and closes them all. A pin can be handed out once."""

    def __init__(self, factory: Any, *, settle_real_s: float = SETTLE_REAL_S) -> None:
        self._factory = factory
        self._settle_real_s = settle_real_s
        self._is_bench = False
        self._contacts: list[Contact] = []
        self._relays: list[Any] = []

    @classmethod
    def bench(cls, factory: Any) -> "Board":
        """A board of gpiozero's mock pins. They do not bounce, and every change counts: in time-lapse a filter would
        swallow a whole car. A contact that nobody has moved yet is not active."""
        board = cls(factory, settle_real_s=0)
        board._is_bench = True
        return board

    def input(self, pin: int, *, fail_safe: bool = False) -> Contact:
        """A contact to 3.3 V under a pull-down; ``fail_safe``: to ground under a pull-up and active when *open*.

        Either way a high pin is active. Raises WiringError for a pin that is taken or cannot do it.
        """
        device = self._open(DigitalInputDevice, pin, pull_up=fail_safe)
        if self._is_bench:
            device.pin.drive_low()
        contact = Contact(device, fail_safe=fail_safe, settle_real_s=self._settle_real_s)
        self._contacts.append(contact)
        return contact

    def relay(self, pin: int) -> Relay:
        """A relay that a high pin energises; off from the start. Raises WiringError as ``input`` does."""
        device = self._open(DigitalOutputDevice, pin, initial_value=False)
        self._relays.append(device)
        return Relay(device)

    def close(self) -> None:
        """Switch every relay off, then release all pins."""
        for device in self._relays:
            device.off()
        for device in self._relays:
            device.close()
        for contact in self._contacts:
            contact.close()

    def _open(self, kind: Any, pin: int, **options: bool) -> Any:
        try:
            return kind(pin, pin_factory=self._factory, **options)
        except GPIOZeroError as error:
            raise WiringError(f"cannot use GPIO{pin}: {error}") from error
