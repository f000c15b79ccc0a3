"""What one EVSE may draw, by the limits that it accepted and by its own clock."""

from collections.abc import Callable

from provisioning.simulation.universe import LocalClock, Universe


class Outlet:
    """``changed`` is called whenever what it may draw may have changed.

    Its clock runs with the box's but for ``off_ms``; a step of the box's it follows when it is told the time, as
    OCPP's stations do at a heartbeat. A lease that has ended by its own clock is forgotten.
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
        self._lent = False
        self._behind_ms = 0

    @property
    def has_fallback(self) -> bool:
        """Whether a permanent limit is installed."""
        return self._fallback_w is not None

    def clock_ms(self) -> int:
        """What the station takes for the time."""
        return self._box_clock.now_ms() - self._behind_ms + self._off_ms

    def box_stepped(self, by_ms: int) -> None:
        """The box's clock was moved; this one was not."""
        self._behind_ms += by_ms

    def hear_time(self) -> None:
        """The box tells the time."""
        if self._behind_ms:
            self._behind_ms = 0
            self._watch_lease()

    def take(self, limit_w: int, from_ms: int, until_ms: int | None) -> None:
        """Accept a limit: the permanent one, or a lease in the place of the last."""
        if until_ms is None:
            self._fallback_w = limit_w
        else:
            self._lease, self._lent = (limit_w, from_ms, until_ms), True
        self._watch_lease()

    def energise(self, on: bool) -> None:
        """Whether a car may draw."""
        self._on = on
        self.changed()

    def may_draw_w(self) -> int:
        """Watts, now; 0 while no car is let draw."""
        return self._limit_w() if self._on else 0

    def car_may_draw_w(self) -> int:
        """What a car might draw, if this was ever lent anything: from then on a box counts it without a car too."""
        return self._limit_w() if self._on or self._lent else 0

    def _limit_w(self) -> int:
        if self._lease is not None and self.clock_ms() < self._lease[2]:
            return min(self._rating_w, self._lease[0])
        return self._rating_w if self._fallback_w is None else min(self._rating_w, self._fallback_w)

    def _watch_lease(self) -> None:
        if self._lease is not None and self.clock_ms() >= self._lease[2]:
            self._lease = None
        if self._lease is not None:
            self._universe.after(max(1, self._lease[2] - self.clock_ms() + 1), self._watch_lease_of, self._lease)
        self.changed()

    def _watch_lease_of(self, lease: tuple[int, int, int]) -> None:
        if lease is self._lease:
            self._watch_lease()
