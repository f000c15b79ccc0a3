"""TCP ports on this machine."""

import contextlib
import secrets
import socket
from pathlib import Path

HOST = "127.0.0.1"
_FIRST, _COUNT = 18_000, 14_000


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now. Another program may still take it before ours does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nothing listens on now, drawn from below the range that systems take for outgoing connections.

    From that range a port that is free now may be the near end of somebody's connection when a server comes back to it.
    """
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        if is_free(port):
            return port


def remembered_port(file: Path) -> int:
    """The port written in ``file`` when it is still free, else a new one, which is written there."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        port = int(file.read_text())
        if 0 < port < 65536 and is_free(port):
            return port
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def answers(port: int, host: str = HOST) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False
