"""The control room's server in a thread of its own, beside the supervisor's main thread, which tends the processes."""

import asyncio
import logging
import socket
import threading

import uvicorn

from provisioning.demo.page.app import Inside, build
from provisioning.demo.page.room import Around
from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST

GRACE_REAL_S = 3
STOP_TIMEOUT_REAL_S = 8.0


class PageServer:
    """Listens once ``start`` has returned. Starts no process: children belong to the main thread."""

    def __init__(self, around: Around, port: int) -> None:
        self._port = port
        self._app = build(around)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=GRACE_REAL_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Raises SetupError when the port is taken."""
        try:
            self._socket = socket.create_server((HOST, self._port))
        except OSError as error:
            raise SetupError(
                f"port {self._port} is taken by another program ({error.strerror}): choose another with --port"
            ) from error
        for chatty in ("uvicorn", "httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        self._thread.start()
        self._up.wait()

    def stop(self) -> None:
        """End open streams and stop; does nothing when it was not started."""
        if self._loop is not None and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            self._thread.join(STOP_TIMEOUT_REAL_S)

    def _serve(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._up.set()
        await self._server.serve(sockets=[self._socket])

    async def _close(self) -> None:
        inside: Inside = self._app.state.inside
        await inside.aclose()
        self._server.should_exit = True
