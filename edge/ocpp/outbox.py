"""The calls to one station that wait for their turn, because only one may be open (OCPP 2.0.1 part 4, 4.1.1)."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Two lanes. Urgent items go first and have a key: of one key only the newest waits, so the lane is bounded by the
    number of keys. Ordinary items wait in line behind them, at most ``ordinary_max``."""

    def __init__(self, ordinary_max: int) -> None:
        self._ordinary_max = ordinary_max
        self._urgent: dict[Hashable, Item] = {}
        self._ordinary: deque[Item] = deque()

    def put_urgent(self, key: Hashable, item: Item) -> Item | None:
        """Queue an item behind the other urgent ones. Returns the waiting item that it replaces, if any."""
        replaced = self._urgent.pop(key, None)
        self._urgent[key] = item
        return replaced

    def put_first(self, key: Hashable, item: Item) -> None:
        """Queue an item before all others; nothing else may wait under its key."""
        self._urgent = {key: item, **self._urgent}

    def put(self, item: Item) -> bool:
        """Queue an ordinary item. False, and not queued, when the lane is full."""
        if len(self._ordinary) >= self._ordinary_max:
            return False
        self._ordinary.append(item)
        return True

    def take(self) -> Item | None:
        """The next item, taken out; None when nothing waits."""
        if self._urgent:
            return self._urgent.pop(next(iter(self._urgent)))
        return self._ordinary.popleft() if self._ordinary else None

    def ordinary(self) -> tuple[Item, ...]:
        """The ordinary items that wait, in their order."""
        return tuple(self._ordinary)

    def withdraw(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Take out the ordinary items that nobody wants any more, and return them."""
        gone = [item for item in self._ordinary if unwanted(item)]
        if gone:
            self._ordinary = deque(item for item in self._ordinary if not unwanted(item))
        return gone

    def drain(self) -> list[Item]:
        """Everything that waits, taken out, in the order in which it would have gone."""
        waiting = [*self._urgent.values(), *self._ordinary]
        self._urgent.clear()
        self._ordinary.clear()
        return waiting
