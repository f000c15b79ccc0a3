"""Whoever keeps books hears what happens and says what cannot be. Books share no code with the rules they judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.facilities import Facility

FAILURES_MAX = 20
"""A broken rule fails over and over; the first few tell what is wrong."""

Hearing = Mapping[type, Callable[[Any], None]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a book is kept about. ``fail`` takes one sentence; ``now_ms`` is true time."""

    facilities: Mapping[str, Facility]
    fail: Callable[[str], None]
    now_ms: Callable[[], int]


class Book(Protocol):
    """One book of the auditor: made with a ``Subject``, told every happening that it ``hears``.

    ``reads`` are the types of events that it wants to find in ``Logged.event``.
    """

    reads: frozenset[str]

    def hears(self) -> Hearing: ...


class Auditor:
    """Tells each happening to the books that hear its kind."""

    def __init__(
        self, books: Sequence[Callable[[Subject], Book]], facilities: Mapping[str, Facility], now_ms: Callable[[], int]
    ) -> None:
        self.failures: list[str] = []
        kept = [make(Subject(facilities, self.fail, now_ms)) for make in books]
        self.reads = frozenset().union(*(book.reads for book in kept))
        self._hearers: dict[type, list[Callable[[Any], None]]] = {}
        for book in kept:
            for kind, hearer in book.hears().items():
                self._hearers.setdefault(kind, []).append(hearer)

    def tell(self, happening: object) -> None:
        """Something happened."""
        for hear in self._hearers.get(type(happening), ()):
            hear(happening)

    def fail(self, what: str) -> None:
        """Something cannot be."""
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(what)
