"""The configuration files of the boxes on site and of the simulated world, written anew at each start.

Both sides of a wire are told of it from one place: ``Wires``, ``Ports`` and ``Secrets``.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardware.simulator.meter import LOAD_REGISTER
from provisioning.demo.facilities import CUSTOMERS, METERED, SITES, with_new_passwords
from provisioning.demo.places import Ports, Secrets, Wires, web
from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST
from provisioning.local.private import write_private
from provisioning.local.state import State
from provisioning.local.toml_text import toml
from shared.facilities import Facility

PAY_MACHINE = "device pay-machine"
DISOBEYING = {"l2-07": "IGNORES", "l2-13": "UNSUPPORTED", "dc-03": "SLOW"}
"""Stations of each facility that do not treat their limits as they should, as some in the field do not."""
OLDER = {"l2-01": "1.6", "l2-08": "1.6", "dc-01": "1.6"}
"""Stations of each facility that speak an older OCPP than 2.0.1."""


def facilities(state: State) -> dict[str, Facility]:
    """The facilities with the passwords of their stations, drawn at first start; each also as files beside its box.

    Raises SetupError when what was kept cannot be read.
    """
    found = {}
    for site in SITES:
        folder = state.subfolder("edge", site.facility_id)
        file, passwords_file = folder / "facility.json", folder / "passwords.json"
        if not (file.exists() and passwords_file.exists()):
            drawn, passwords = with_new_passwords(site, lambda: secrets.token_urlsafe(15))
            write_private(passwords_file, json.dumps(passwords))
            write_private(file, drawn.model_dump_json())
        try:
            found[site.facility_id] = Facility.model_validate_json(file.read_text())
        except (OSError, ValueError) as error:
            raise SetupError(f"{file} is corrupt: start over with --fresh") from error
    return found


def edge_log(state: State, facility_id: str) -> Path:
    """The SQLite file that a facility's log is in."""
    return state.folder / "edge" / facility_id / "data" / "facility.db"


@dataclass(frozen=True, slots=True)
class Configs:
    """Writes the files of one run, whose timeline is written into each."""

    state: State
    ports: Ports
    secrets: Secrets
    wires: Wires
    timeline: str

    def edge(self, facility_id: str, broker: str) -> Path:
        """The configuration of one facility's box; the file's path."""
        folder = self.state.subfolder("edge", facility_id)
        token = self.secrets.edge_tokens[facility_id]
        write_private(folder / "token", token)
        write_private(folder / "tokens", f"{hashlib.sha256(token.encode()).hexdigest()} {PAY_MACHINE}\n")
        table: dict[str, Any] = {
            "facility_id": facility_id,
            "data_dir": "data",
            "broker_url": broker,
            "timeline": self.timeline,
            "ocpp": {"host": HOST, "port": self.ports.ocpp[facility_id]},
            "api": {"host": HOST, "port": self.ports.edge_api[facility_id], "token_file": "tokens"},
            "gpio": {"factory": "mock", "wire": self.wires.pins(facility_id)},
            "lanes": self.wires.lanes(facility_id),
        }
        if facility_id in METERED:
            table["meter"] = {"url": self.wires.meter(facility_id), "register": LOAD_REGISTER, "type": "int32"}
        write_private(folder / "edge.toml", toml(table))
        return folder / "edge.toml"

    def world(self, *, seed: int, starts_at_ms: int) -> Path:
        """The configuration of the world; the file's path."""
        folder = self.state.subfolder("world")
        table: dict[str, Any] = {
            "seed": str(seed),
            "timeline": self.timeline,
            "starts_at_ms": starts_at_ms,
            "journal": "world.journal",
            "traffic": {"customers": CUSTOMERS},
            "facilities": [self._site(site.facility_id) for site in SITES],
        }
        (folder / "world.json").write_text(json.dumps(table, indent=1))
        return folder / "world.json"

    def _site(self, facility_id: str) -> dict[str, Any]:
        folder = self.state.folder / "edge" / facility_id
        lanes = self.wires.lanes(facility_id)
        return {
            "facility_file": str(folder / "facility.json"),
            "ocpp_url": f"ws://{HOST}:{self.ports.ocpp[facility_id]}",
            "passwords_file": str(folder / "passwords.json"),
            "api_url": web(self.ports.edge_api[facility_id]),
            "api_token_file": str(folder / "token"),
            "wire": self.wires.pins(facility_id),
            "behaviours": DISOBEYING,
            "versions": OLDER,
            "meter": self.wires.meter(facility_id) if facility_id in METERED else None,
            "lanes": [{"lane_id": lane_id, **wiring} for lane_id, wiring in lanes.items()],
        }
