"""The newest log lines of this process, kept in memory for diagnostics."""

import logging
from collections import deque

from shared.logs import JsonLines

LINES_KEPT = 1_000
LINE_CHARACTERS_MAX = 4_000


class RecentLines(logging.Handler):
    """Keeps what is logged while it is attached to the root."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.setFormatter(JsonLines("edge"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line. Whoever logs what cannot be written is not stopped by it."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)
        else:
            self.lines.append(line[:LINE_CHARACTERS_MAX])
