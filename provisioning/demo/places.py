"""Where the processes of a demo meet: ports, sockets, serial lines, addresses and secrets.

Ports are remembered, so that the second start has the same ones; a remembered port that another program took in the
meantime is replaced.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from provisioning.demo.facilities import FACILITY_IDS
from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST, free_port, is_free, remembered_port
from provisioning.local.private import secret
from provisioning.local.state import State

DEFAULT_PORT = 8080
LANE_IDS = ("entry-1", "entry-2", "exit-1", "exit-2")
PIN_NAMES = ("front", "under", "arm_up", "arm_down", "raise", "lower")
_FIRST_PIN = 2
_PATH_BYTES_MAX = 100
"""A Unix socket's path has room for 103 bytes on macOS, 107 on Linux."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1. ``page`` is the supervisor's own; ``ocpp`` and ``edge_api`` are by facility."""

    page: int
    api: int
    stripe: int
    mail: int
    ocpp: dict[str, int]
    edge_api: dict[str, int]


def choose_ports(state: State, wanted: int | None) -> Ports:
    """``wanted`` is the port of the page: it must be free. None: 8080, or any other when that is taken.

    Raises SetupError.
    """
    if wanted is not None and not is_free(wanted):
        raise SetupError(f"port {wanted} is taken by another program: stop that one, or choose another with --port")
    folder = state.subfolder("ports")
    return Ports(
        page=wanted or (DEFAULT_PORT if is_free(DEFAULT_PORT) else free_port()),
        api=remembered_port(folder / "api"),
        stripe=remembered_port(folder / "stripe"),
        mail=remembered_port(folder / "mail"),
        ocpp={name: remembered_port(folder / f"ocpp-{name}") for name in FACILITY_IDS},
        edge_api={name: remembered_port(folder / f"edge-api-{name}") for name in FACILITY_IDS},
    )


@dataclass(frozen=True, slots=True)
class Secrets:
    """Drawn at first start, each in a file of its own that only the owner can read."""

    jwt_file: Path
    jwt: str
    stripe_key: str
    webhook: str
    edge_tokens: dict[str, str]


def draw_secrets(state: State) -> Secrets:
    """The secrets of this state folder, drawn when there are none yet."""
    folder = state.subfolder("secrets")
    folder.chmod(0o700)
    return Secrets(
        jwt_file=folder / "jwt",
        jwt=secret(folder / "jwt"),
        stripe_key=f"sk_test_{_alphanumeric(secret(folder / 'stripe'))}",
        webhook=f"whsec_{_alphanumeric(secret(folder / 'webhook'))}",
        edge_tokens={name: secret(folder / f"edge-{name}") for name in FACILITY_IDS},
    )


def _alphanumeric(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


class Wires:
    """A short folder for the sockets and serial lines between the world and the boxes; gone when closed."""

    def __init__(self, state: State) -> None:
        self._folder = state.folder / "run"
        shutil.rmtree(self._folder, ignore_errors=True)
        longest = self._folder / max(FACILITY_IDS, key=len) / "pins"
        if len(str(longest).encode()) > _PATH_BYTES_MAX:
            self._folder = Path(tempfile.mkdtemp(prefix="easypark-"))
        for name in FACILITY_IDS:
            (self._folder / name).mkdir(parents=True)

    def pins(self, facility_id: str) -> str:
        """The Unix socket that moves a facility's pins."""
        return str(self._folder / facility_id / "pins")

    def meter(self, facility_id: str) -> str:
        """The serial line of a building's meter."""
        return str(self._folder / facility_id / "meter")

    def lanes(self, facility_id: str) -> dict[str, dict[str, object]]:
        """The wiring of a facility's lanes, as the configuration files have it."""
        return {
            lane_id: {
                "plate_reader": str(self._folder / facility_id / f"{lane_id}-plates"),
                "display": str(self._folder / facility_id / f"{lane_id}-display"),
                "pins": {name: _FIRST_PIN + number * len(PIN_NAMES) + n for n, name in enumerate(PIN_NAMES)},
            }
            for number, lane_id in enumerate(LANE_IDS)
        }

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def web(port: int) -> str:
    """The address of an HTTP server of ours."""
    return f"http://{HOST}:{port}"
