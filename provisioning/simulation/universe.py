"""Time and chance. Nothing in a simulation happens but through here, so a seed tells the whole story."""

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Process = Iterator[int]
"""Something that goes on for a while: a generator that yields how many milliseconds it waits."""


class Universe:
    """``now_ms`` is true time, which no part of the network can read: each has its own clock."""

    def __init__(self, seed: int, start_ms: int) -> None:
        self.now_ms = start_ms
        self.random = Random(seed)  # noqa: S311 - a story, not a secret
        self._queue: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0

    def after(self, delay_ms: int, call: Callable[..., object], *args: Any) -> None:
        """Call something after a while; at one instant, in the order of asking."""
        self._count += 1
        at_ms = self.now_ms + delay_ms if delay_ms > 0 else self.now_ms
        heapq.heappush(self._queue, (at_ms, self._count, call, args))

    def begin(self, process: Process) -> None:
        """Let a process run until its first wait, and go on by itself from there."""
        delay_ms = next(process, None)
        if delay_ms is not None:
            self.after(delay_ms, self.begin, process)

    def run_until(self, end_ms: int) -> None:
        """Live until an instant."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= end_ms:
            self.now_ms, _, call, args = pop(queue)
            call(*args)
        self.now_ms = max(self.now_ms, end_ms)

    def chance(self, share: float) -> bool:
        """True in that share of all cases."""
        return self.random.random() < share

    def between(self, low: int, high: int) -> int:
        """Any whole number of the stretch, ends included: as ``randint`` draws it, which takes thrice as long."""
        size, draw = high - low + 1, self.random.getrandbits
        if size < 1:
            raise ValueError(f"nothing lies between {low} and {high}")
        bits = size.bit_length()
        above = draw(bits)
        while above >= size:
            above = draw(bits)
        return low + above

    def wait_ms(self, mean_ms: float) -> int:
        """How long until the next of things that come by chance, ``mean_ms`` apart."""
        return 1 + round(self.random.expovariate(1 / mean_ms))


class LocalClock:
    """A clock that is off by ``offset_ms`` and gains ``ppm`` millionths."""

    def __init__(self, universe: Universe, *, offset_ms: int = 0, ppm: int = 0) -> None:
        self.offset_ms = offset_ms
        self._ppm = ppm
        self._universe = universe
        self._since_ms = universe.now_ms

    def now_ms(self) -> int:
        """What it shows."""
        true_ms = self._universe.now_ms
        return true_ms + self.offset_ms + (true_ms - self._since_ms) * self._ppm // 1_000_000
