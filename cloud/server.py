"""uvicorn inside a process that decides itself when to stop, so that open streams can be ended first."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """Leaves signals to its process; it stops when ``should_exit`` is set."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
