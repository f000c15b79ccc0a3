"""What the tests of a whole world share: one facility's files, and a gatekeeper who lets everybody in and out through
the real drivers."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hardware.registry import GpioWiring, Site, open_site
from hardware.simulator.world.config import load
from shared.clock import Clock
from shared.devices import Arm, LaneSignal, Loop, LoopChanged, PlateRead
from shared.facilities import (
    ChargerLevel,
    ConnectorType,
    Evse,
    Facility,
    Lane,
    LaneDirection,
    Space,
    SpaceKind,
    Station,
)

PINS = ("front", "under", "arm_up", "arm_down", "raise", "lower")
LANES = ("entry-1", "exit-1")
FACILITY = Facility(
    facility_id="boston-downtown",
    name="Boston Downtown",
    address="1 Post Office Square",
    zone="America/New_York",
    latitude=42.0,
    longitude=-71.0,
    spaces=(
        *(Space(space_id=f"a-{n:03d}", level="1", aisle="A", number=f"{n}") for n in range(1, 201)),
        Space(space_id="ev-01", level="1", aisle="E", number="1", kind=SpaceKind.EV),
    ),
    lanes=(
        Lane(lane_id="entry-1", direction=LaneDirection.ENTRY),
        Lane(lane_id="exit-1", direction=LaneDirection.EXIT),
    ),
    stations=(
        Station(
            station_id="l2-01",
            level=ChargerLevel.LEVEL2,
            evses=(Evse(evse_id=1, space_id="ev-01", connector=ConnectorType.TYPE1, rating_w=7_200, minimum_w=1_440),),
            password_salt="",
            password_sha256="",
        ),
    ),
)


def lane_table(lane_id: str) -> dict[str, Any]:
    first = 2 + len(PINS) * LANES.index(lane_id)
    pins = {name: first + number for number, name in enumerate(PINS)}
    return {"lane_id": lane_id, "plate_reader": f"{lane_id}.camera", "display": f"{lane_id}.display", "pins": pins}


def site_table(**changes: Any) -> dict[str, Any]:
    table: dict[str, Any] = {
        "facility_file": "facility.json",
        "ocpp_url": "ws://127.0.0.1:1",
        "passwords_file": "passwords.json",
        "api_url": "http://127.0.0.1:1",
        "api_token_file": "token",
        "wire": "pins",
        "lanes": [lane_table(lane_id) for lane_id in LANES],
    }
    return table | changes


def write_world(folder: Path, *, site: dict[str, Any] | None = None, **changes: Any) -> Path:
    """The configuration of a world with one facility; the file's path."""
    (folder / "facility.json").write_text(FACILITY.model_dump_json())
    (folder / "passwords.json").write_text(json.dumps({"l2-01": "secret"}))
    (folder / "token").write_text("machine-token\n")
    table = {"seed": "7", "journal": "world.journal", "facilities": [site or site_table()]}
    (folder / "world.json").write_text(json.dumps(table | changes))
    return folder / "world.json"


class Gatekeeper:
    """Lets every car in and out: raises the arm for a read plate, lowers it when the car is through."""

    def __init__(self, devices: Site) -> None:
        self.seen: list[tuple[str, str]] = []
        self._devices = devices

    def __call__(self, signal: LaneSignal) -> None:
        lane = self._devices.lanes[signal.lane_id]
        match signal:
            case PlateRead():
                self.seen.append((signal.lane_id, signal.plate))
                where = f"SPACE a-{len(self.seen):03d}" if signal.lane_id == "entry-1" else "GOODBYE"
                lane.display.show((signal.plate, where))
                lane.barrier.set_arm(Arm.RAISED)
            case LoopChanged(loop=Loop.UNDER, occupied=False):
                lane.barrier.set_arm(Arm.LOWERED)


@contextmanager
def gatekeeper(folder: Path, clock: Clock) -> Iterator[Gatekeeper]:
    lanes = load(folder / "world.json").sites[0].lanes
    with open_site(GpioWiring(factory="mock", wire=str(folder / "pins")), lanes, clock) as devices:
        keeper = Gatekeeper(devices)
        devices.start(keeper)
        yield keeper


@dataclass
class Till:
    """A facility's API as the pay machine sees it: what is due by plate, and what was asked."""

    due_cents: dict[str, int]
    asked: list[tuple[str, str, dict[str, Any]]]
    port: int = 0
    broken: bool = False


@contextmanager
def till(**due_cents: int) -> Iterator[Till]:
    state = Till(dict(due_cents), [])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append((self.path, self.headers["Authorization"], body))
            status, answer = _answer(state, self.path, body)
            self.send_response(status)
            text = json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def _answer(state: Till, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if state.broken:
        return 503, {}
    if path == "/api/v1/quotes":
        if body["plate"] not in state.due_cents:
            return 404, {"detail": "no open session"}
        cents = state.due_cents[body["plate"]]
        return 200, {"session_id": f"s-{body['plate']}", "due_cents": cents, "priced_until_ms": 99}
    return 200, {"accepted": True}


def eventually(holds: Any, what: str, real_s: float = 15.0) -> None:
    give_up = time.monotonic() + real_s
    while not holds():
        assert time.monotonic() < give_up, f"never: {what}"
        time.sleep(0.02)
