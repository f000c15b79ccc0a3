"""One line of JSON per log record on stderr, the same in every process.

``correlation_id`` follows one request or batch through the code of a task without being handed from function to
function; what is logged within it carries it. No secret and no person's data belongs in a log line: who logs sees to
that, nothing is filtered here.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

_correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Everything logged inside, also by tasks started inside, carries this id."""
    token = _correlation_id.set(correlation_id)
    try:
        yield
    finally:
        _correlation_id.reset(token)


class JsonLines(logging.Formatter):
    """``ts`` (real time, UTC), ``level``, ``logger``, ``msg``, ``process``, then what was given as ``extra``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
            "process": self._process,
        }
        if (correlation_id := _correlation_id.get()) is not None:
            line["correlation_id"] = correlation_id
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(*, process: str, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every log record of this process to ``stream`` (stderr) as JSON lines, in place of what was set before.

    ``process`` names it in each line, such as ``edge boston-downtown``. Chatty libraries are held to warnings.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("asyncio", "httpx", "httpcore", "uvicorn", "websockets", "procrastinate"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
