"""The MQTT broker as our child: ``nats-server`` with its MQTT 3.1.1 listener on 127.0.0.1.

Each facility has a user that may say only what a facility says and hear only what it is told, under its own topics; the
cloud's user may use all of ours. Passwords are drawn at first start. Any other MQTT 3.1.1 broker takes its place by one
address: what must not be lost is kept by our own logs and acknowledgements, not by a broker.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from provisioning.local.binaries import nats_server
from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST, answers, is_free, remembered_port
from provisioning.local.private import secret, write_private
from provisioning.local.processes import Child
from shared.wire import DOWN, UP, Channel, topic

CLOUD = "cloud"
_START_TIMEOUT_REAL_S = 20.0
_POLL_REAL_S = 0.02
_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
_STORE_BYTES_MAX = 1024 * 1024 * 1024
_DELIVERIES = "$MQTT.sub.>"
"""Where the broker hands a client the messages of its QoS 1 subscriptions."""


class Broker:
    """One MQTT broker kept in ``folder``: configuration, passwords and its store."""

    def __init__(self, folder: Path, *, facility_ids: Sequence[str], port: int | None = None) -> None:
        """``port`` None: one that is free, the same one again when it still is."""
        self.folder = folder
        self._facility_ids = tuple(facility_ids)
        self._wanted_port = port
        self._child: Child | None = None
        self._port = 0

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises SetupError."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Write the configuration and start it, without waiting. Raises SetupError."""
        program, configuration = nats_server(), self.folder / "nats.conf"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._port = self._choose_port()
            write_private(configuration, json.dumps(self._configuration(), indent=1))
        except OSError as error:
            raise SetupError(
                f"cannot keep the broker's data in {self.folder} ({error.strerror}): free space or make it writable,"
                " or choose another folder with --state"
            ) from error
        self._child = Child([str(program), "--config", str(configuration)], log=self.folder / "nats.log")
        self._child.start()

    def wait_until_ready(self, timeout_real_s: float = _START_TIMEOUT_REAL_S) -> None:
        """Wait until it accepts connections. Raises SetupError with its last log line."""
        child = self.process
        give_up = time.monotonic() + timeout_real_s
        while not answers(self._port):
            if not child.running or time.monotonic() > give_up:
                self.stop()
                raise SetupError(
                    f"the broker does not start: {child.last_words() or 'it says nothing'}"
                    f" (log: {child.log}); mend that, or start over with --fresh"
                )
            time.sleep(_POLL_REAL_S)

    def stop(self) -> None:
        """Close all connections and its store."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """``kill -9``: what a power cut does."""
        if self._child is not None:
            self._child.kill()

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def process(self) -> Child:
        """Its process. Raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError("spawn() comes first")
        return self._child

    def url(self, user: str = CLOUD) -> str:
        """``mqtt://user:password@127.0.0.1:port`` of the cloud or of one facility. Holds the password: never log it."""
        return f"mqtt://{user}:{quote(self._password(user), safe='')}@{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _choose_port(self) -> int:
        if self._wanted_port is None:
            return remembered_port(self.folder / "port")
        if not is_free(self._wanted_port):
            raise SetupError(f"port {self._wanted_port} is taken by another program: choose another for the broker")
        return self._wanted_port

    def _password(self, user: str) -> str:
        return secret(self.folder / f"{user}.password")

    def _configuration(self) -> dict[str, object]:
        """NATS reads JSON as its own format. The plain NATS port has to exist; it is any free one and has no user."""
        return {
            "server_name": "easypark",
            "host": HOST,
            "port": -1,
            "max_payload": _PAYLOAD_BYTES_MAX,
            "jetstream": {"store_dir": str(self.folder / "store"), "max_file_store": _STORE_BYTES_MAX},
            "mqtt": {"host": HOST, "port": self._port, "ack_wait": "5s"},
            "authorization": {"users": [self._cloud_user(), *map(self._facility_user, self._facility_ids)]},
        }

    def _cloud_user(self) -> dict[str, object]:
        ours = ["easypark.>", _DELIVERIES]
        return {"user": CLOUD, "password": self._password(CLOUD), "permissions": {"publish": ours, "subscribe": ours}}

    def _facility_user(self, facility_id: str) -> dict[str, object]:
        permissions = {
            "publish": [_subject(facility_id, channel) for channel in UP],
            "subscribe": [*(_subject(facility_id, channel) for channel in DOWN), _DELIVERIES],
        }
        return {"user": facility_id, "password": self._password(facility_id), "permissions": permissions}


def _subject(facility_id: str, channel: Channel) -> str:
    """NATS's name for a topic of ours: its levels are parted by dots."""
    return topic(facility_id, channel).replace("/", ".")
