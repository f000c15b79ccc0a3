"""What one EVSE may draw, by the limits that it accepted and by its own clock."""

from collections.abc import Callable

from provisioning.simulation.universe import LocalClock, Universe


class Outlet:
    """``changed`` is called whenever what it may draw may have changed.

    Its clock follows the box's, as OCPP's stations do at every heartbeat, but for ``off_ms``.
    """

    def __init__(self, universe: Universe, box_clock: LocalClock, rating_w: int, off_ms: int) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._universe = universe
        self._box_clock = box_clock
        self._off_ms = off_ms
        self._rating_w = rating_w
        self._fallback_w: int | None = None
        self._lease: tuple[int, int, int] | None = None
        self._on = False

    @property
    def has_fallback(self) -> bool:
        """Whether a permanent limit is installed."""
        return self._fallback_w is not None

    def clock_ms(self) -> int:
        """What the station takes for the time."""
        return self._box_clock.now_ms() + self._off_ms

    def take(self, limit_w: int, from_ms: int, until_ms: int | None) -> None:
        """Accept a limit: the permanent one, or a lease in the place of the last."""
        if until_ms is None:
            self._fallback_w = limit_w
        else:
            self._lease = (limit_w, from_ms, until_ms)
            self._universe.after(max(1, until_ms - self.clock_ms() + 1), self._lapsed)
        self.changed()

    def energise(self, on: bool) -> None:
        """Whether a car may draw."""
        self._on = on
        self.changed()

    def may_draw_w(self) -> int:
        """Watts, now; 0 while no car is let draw."""
        if not self._on:
            return 0
        if self._lease is not None and self.clock_ms() < self._lease[2]:
            return min(self._rating_w, self._lease[0])
        return self._rating_w if self._fallback_w is None else min(self._rating_w, self._fallback_w)

    def _lapsed(self) -> None:
        self.changed()
