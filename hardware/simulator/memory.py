"""What a simulated station keeps through a power cut: its state under one key of the journal, and the TransactionEvents
that wait to be acknowledged, each under its own."""

from collections import deque
from typing import Any

from hardware.simulator.journal import Journal

Fields = dict[str, Any]


class Memory:
    """One station's part of a journal. ``waiting`` are its unacknowledged messages, oldest first."""

    def __init__(self, journal: Journal, key: str) -> None:
        self._journal = journal
        self._key = key
        kept = sorted((int(number), fields) for number, fields in journal.under(f"{key}/out/"))
        self.waiting: deque[tuple[int, Fields]] = deque(kept)
        self._numbered = kept[-1][0] if kept else 0

    def load(self) -> Fields:
        """The state as it was last kept, empty for a new station."""
        kept: Fields = self._journal.get(self._key) or {}
        return kept

    def keep(self, state: Fields) -> None:
        """Keep the state."""
        self._journal.put(self._key, state)

    def queue(self, message: Fields) -> None:
        """Keep a message until it is acknowledged."""
        self._numbered += 1
        self.waiting.append((self._numbered, message))
        self._journal.put(f"{self._key}/out/{self._numbered}", message)

    def acknowledged(self) -> None:
        """The oldest waiting message needs no keeping any more."""
        number, _ = self.waiting.popleft()
        self._journal.put(f"{self._key}/out/{number}", None)

    def note(self, name: str, value: Any) -> None:
        """Keep a value beside the state; None forgets it."""
        self._journal.put(f"{self._key}/note/{name}", value)

    def noted(self, name: str) -> Any:
        """A value that was noted, None when there is none."""
        return self._journal.get(f"{self._key}/note/{name}")
