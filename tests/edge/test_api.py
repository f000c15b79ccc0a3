"""The edge's API over the real runtime and rules: what pages see, what the pay machine may do, and who may ask."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from edge import api
from edge.api import Inside
from edge.commands import Commands
from edge.link import Link, LinkSettings
from edge.rules.inputs import (
    CommandSettled,
    ConnectorReported,
    LaneSignalled,
    OrderReplied,
    OrderSetpoint,
    StationOpened,
)
from edge.rules.orders import SendLocalList
from edge.runtime import FACILITY_RULES, Runtime
from edge.stations import StationServer
from edge.store import Store
from edge.tokens import Bearer, Role
from provisioning.local.ports import free_port
from shared.clock import REAL_TIME, Clock
from shared.decisions import FacilityConfigured, RightAssigned, TariffPublished
from shared.devices import ArmMoved, ArmPosition, Loop, LoopChanged, PlateRead
from shared.rights import Right, RightKind, Vehicle
from shared.sync import SyncEntry
from tests.builders import facility, tariffs
from tests.edge.stations_kit import no_matches

pytestmark = pytest.mark.anyio
SITE = facility(11_000, 22_000)
HEADERS = {"Authorization": "Bearer sesame"}


@dataclass
class Rig:
    """A running facility with its API, without network."""

    client: httpx.AsyncClient
    runtime: Runtime
    store: Store
    parts: dict[str, str | None]
    shift_s: list[float]

    def later(self, seconds: float) -> None:
        """Let the clock run ahead."""
        self.shift_s[0] += seconds

    async def signal(self, signal: object) -> None:
        await self.runtime.submit(LaneSignalled(signal))

    async def enter(self, plate: str) -> None:
        lane_id = next(lane.lane_id for lane in SITE.lanes if lane.direction == "ENTRY")
        await self.signal(LoopChanged(lane_id=lane_id, loop=Loop.FRONT, occupied=True))
        await self.signal(PlateRead(lane_id=lane_id, plate=plate, confidence_pct=99))
        await self.signal(ArmMoved(lane_id=lane_id, position=ArmPosition.RAISED))
        await self.signal(LoopChanged(lane_id=lane_id, loop=Loop.UNDER, occupied=True))
        await self.signal(LoopChanged(lane_id=lane_id, loop=Loop.FRONT, occupied=False))
        await self.signal(LoopChanged(lane_id=lane_id, loop=Loop.UNDER, occupied=False))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, SITE.facility_id)
    yield store
    store.close()


def configure(store: Store) -> None:
    decided = [
        FacilityConfigured(facility=SITE),
        *(TariffPublished(tariff=t) for t in tariffs()),
        RightAssigned(
            right=Right(
                right_id="acct-1", kind=RightKind.ACCOUNT, customer_id="c-1", vehicles=(Vehicle(plate="4AB12"),)
            )
        ),
    ]
    entries = [SyncEntry(position=n, body=d.model_dump(mode="json")) for n, d in enumerate(decided, 1)]
    store.apply_decisions("hq-1", entries, len(entries))


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    configure(store)
    async for rig in rigged(store):
        yield rig


async def rigged(store: Store) -> AsyncIterator[Rig]:
    shift_s = [0.0]
    clock = Clock(REAL_TIME, lambda: time.time() + shift_s[0])
    runtime = Runtime(store, clock, FACILITY_RULES, version="1")
    link = Link(LinkSettings(SITE.facility_id, "mqtt://127.0.0.1", "1"), store, clock, learn=runtime.learn)
    bearers = {
        hashlib.sha256(b"sesame").hexdigest(): Bearer(Role.DEVICE, "pay machine 2"),
        hashlib.sha256(b"mellon").hexdigest(): Bearer(Role.ATTENDANT, "mara"),
    }
    parts: dict[str, str | None] = {"stations": None, "link": None}
    commands = Commands(clock, submit=runtime.submit, taken=lambda: runtime.state.commands)
    runtime.on_setpoint(CommandSettled, commands.settled)
    commits = api.commit_times()
    runtime.on_commit = commits.observe
    app = api.build(
        Inside(
            facility_id=SITE.facility_id,
            clock=clock,
            runtime=runtime,
            store=store,
            link=link,
            bearers=bearers,
            parts=lambda: parts,
            commands=commands,
            commits=commits,
            data_dir=Path("/"),
            stations=StationServer(
                submit=runtime.submit,
                knowledge=lambda: runtime.knowledge,
                clock=clock,
                matches_for_token=no_matches,
            ),
        )
    )
    running = asyncio.create_task(runtime.run())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge", headers=HEADERS) as client:
        yield Rig(client, runtime, store, parts, shift_s)
    runtime.stop()
    await running


# Health.


async def test_health_needs_no_token_and_names_every_part(rig: Rig) -> None:
    answer = await rig.client.get("/health", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.json()["healthy"] is True
    assert answer.json()["parts"] == {"stations": "running", "link": "running"}
    assert answer.json()["cloud"] == "away"


async def test_a_part_that_failed_is_ill_health_and_says_why(rig: Rig) -> None:
    rig.parts["stations"] = "OSError: address in use"
    answer = await rig.client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["parts"]["stations"] == "OSError: address in use"


# Who may ask.


@pytest.mark.parametrize("method_path", ["GET /api/v1/state", "GET /api/v1/events", "POST /api/v1/quotes"])
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic c2VzYW1l", "Bearer"])
async def test_without_a_known_token_nothing_is_told(rig: Rig, method_path: str, authorization: str) -> None:
    method, path = method_path.split()
    answer = await rig.client.request(method, path, headers={"Authorization": authorization}, json={"plate": "A"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_path_that_does_not_exist_is_a_problem_too(rig: Rig) -> None:
    answer = await rig.client.get("/api/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


# The state.


async def test_the_state_shows_cars_chargers_power_and_the_link(rig: Rig) -> None:
    await rig.enter("4AB12")
    await rig.runtime.submit(StationOpened("cs-1", "2.0.1"))
    await rig.runtime.submit(ConnectorReported("cs-1", 1, 1, "Available"))
    seen = (await rig.client.get("/api/v1/state")).json()
    assert (seen["facility_id"], seen["configured"], seen["sessions"]) == (SITE.facility_id, True, 1)
    assert {s["kind"]: s["total"] - s["free"] for s in seen["spaces"]} == {"REGULAR": 1, "EV": 0}
    assert [(c["station_id"], c["status"], c["connected"]) for c in seen["chargers"]] == [
        ("cs-1", "Available", True),
        ("cs-2", "", False),
    ]
    assert seen["budget_w"] == 400_000
    assert seen["drawn_w"] == 0
    assert seen["link"]["head"] == rig.store.head
    assert seen["link"]["connected"] is False


async def test_before_headquarters_configured_it_the_state_says_so(store: Store) -> None:
    async for rig in rigged(store):
        seen = (await rig.client.get("/api/v1/state")).json()
        assert seen["configured"] is False
        assert seen["link"]["head"] >= 0


# Events.


async def test_the_newest_events_are_told_oldest_first_and_from_a_position_on(rig: Rig) -> None:
    await rig.enter("4AB12")
    newest = (await rig.client.get("/api/v1/events", params={"limit": 2})).json()
    assert newest["head"] == rig.store.head
    assert [e["seq"] for e in newest["entries"]] == [rig.store.head - 1, rig.store.head]
    first = (await rig.client.get("/api/v1/events", params={"after": 0, "limit": 1})).json()
    assert [e["type"] for e in first["entries"]] == ["DaemonStarted"]
    none = (await rig.client.get("/api/v1/events", params={"after": rig.store.head})).json()
    assert none["entries"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "after=-1", "after=x"])
async def test_a_range_that_cannot_be_is_refused_with_what_is_allowed(rig: Rig, query: str) -> None:
    answer = await rig.client.get(f"/api/v1/events?{query}")
    assert answer.status_code == 422
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


# The pay machine.


async def test_the_pay_machine_quotes_by_plate_takes_the_money_and_owes_no_more(rig: Rig) -> None:
    await rig.enter("4AB12")
    rig.later(3_600)
    due = (await rig.client.post("/api/v1/quotes", json={"plate": "4ab-12"})).json()
    assert due["due_cents"] == due["total_cents"] > 0
    payment = {
        "session_id": due["session_id"],
        "amount_cents": due["due_cents"],
        "method": "CARD",
        "reference": "machine-2-0001",
        "priced_until_ms": due["priced_until_ms"],
    }
    for _ in range(2):  # a machine that heard no answer asks again
        assert (await rig.client.post("/api/v1/payments", json=payment)).json() == {"accepted": True}
    taken = [e for e in rig.store.entries(after=0, limit=500) if e.type == "PaymentTaken"]
    assert [e.body["taken_by"] for e in taken] == ["pay machine 2"]
    again = (await rig.client.post("/api/v1/quotes", json={"session_id": due["session_id"]})).json()
    assert again["due_cents"] == 0


async def test_a_car_that_is_not_inside_has_no_price(rig: Rig) -> None:
    answer = await rig.client.post("/api/v1/quotes", json={"plate": "NOBODY"})
    assert answer.status_code == 404
    assert "NOBODY" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"plate": "A", "session_id": "s"}, []])
async def test_a_quote_is_for_one_session_or_one_plate(rig: Rig, body: object) -> None:
    assert (await rig.client.post("/api/v1/quotes", json=body)).status_code == 422


@pytest.mark.parametrize(
    ("change", "status"),
    [({"amount_cents": 0}, 422), ({"method": "CHEQUE"}, 422), ({"reference": ""}, 422), ({"session_id": "none"}, 409)],
)
async def test_money_that_cannot_be_booked_is_refused(rig: Rig, change: dict[str, object], status: int) -> None:
    payment = {"session_id": "s", "amount_cents": 100, "method": "CASH", "reference": "r", "priced_until_ms": 1}
    answer = await rig.client.post("/api/v1/payments", json={**payment, **change})
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_while_the_daemon_stops_money_is_not_said_to_be_taken(rig: Rig) -> None:
    rig.runtime.stop()
    await asyncio.sleep(0.05)
    answer = await rig.client.post("/api/v1/quotes", json={"plate": "4AB12"})
    assert answer.status_code == 503


# Serving.


async def test_a_port_that_is_taken_is_an_os_error_and_not_the_end_of_the_process() -> None:
    taken = asyncio.Event()

    async def other(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        taken.set()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        with pytest.raises(OSError, match="in use"):
            await api.serve(FastAPI(), "127.0.0.1", server.sockets[0].getsockname()[1])


async def test_serving_stops_when_cancelled_and_frees_the_port() -> None:
    app, port = FastAPI(), free_port()
    for _ in range(2):
        serving = asyncio.create_task(api.serve(app, "127.0.0.1", port))
        async with httpx.AsyncClient() as client:
            async with asyncio.timeout(5):
                while True:
                    try:
                        assert (await client.get(f"http://127.0.0.1:{port}/x")).status_code == 404
                        break
                    except httpx.ConnectError:
                        await asyncio.sleep(0.02)
        serving.cancel()
        await asyncio.wait_for(asyncio.wait({serving}), 3)
        assert serving.cancelled()


# Commands.

ATTENDANT = {"Authorization": "Bearer mellon"}


async def test_an_attendant_opens_holds_and_releases_a_lane(rig: Rig) -> None:
    for act in ("open", "hold", "release"):
        answer = await rig.client.post(f"/api/v1/lanes/in-1/{act}", headers=ATTENDANT)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "DONE")
    log = (await rig.client.get("/api/v1/events")).json()["entries"]
    opened = [e["body"] for e in log if e["type"] == "LaneOpened"]
    assert opened == [{"lane_id": "in-1", "by": "mara"}, {"lane_id": "in-1", "by": "mara", "held": True}]


async def test_what_is_refused_is_a_problem_that_says_why(rig: Rig) -> None:
    for path, body, status, words in (
        ("lanes/in-9/open", None, 404, "no such lane"),
        ("lanes/in-1/release", None, 409, "not held"),
        ("stations/cs-9/reset", None, 404, "no such station"),
        ("stations/cs-1/reset", None, 503, "not connected"),
        ("stations/cs-1/limit", {"evse_id": 9, "limit_w": 0}, 404, "no such EVSE"),
        ("stations/cs-1/limit", {"evse_id": 1, "limit_w": -5}, 422, "limit_w"),
        ("stations/cs-1/start", {"evse_id": 1}, 422, "id_token or plate"),
        ("stations/cs-1/paint", None, 422, "start"),
    ):
        answer = await rig.client.post(f"/api/v1/{path}", json=body, headers=ATTENDANT)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert words in answer.json()["detail"]


async def test_a_limit_is_set_at_once(rig: Rig) -> None:
    answer = await rig.client.post(
        "/api/v1/stations/cs-1/limit", json={"evse_id": 1, "limit_w": 2_000}, headers=ATTENDANT
    )
    assert answer.status_code == 200
    assert rig.runtime.state.caps == {"cs-1/1": 2_000}


async def test_a_stations_order_answers_what_the_station_said(rig: Rig) -> None:
    orders: list[OrderSetpoint] = []
    rig.runtime.on_setpoint(OrderSetpoint, lambda s: None if isinstance(s.order, SendLocalList) else orders.append(s))
    await rig.runtime.submit(StationOpened("cs-1", "2.0.1"))
    asking = asyncio.create_task(
        rig.client.post("/api/v1/stations/cs-1/unlock", json={"evse_id": 1}, headers=ATTENDANT)
    )
    while not orders:  # noqa: ASYNC110 - what is waited for comes through the runtime
        await asyncio.sleep(0.01)
    await rig.runtime.submit(OrderReplied(orders[0].order_id, "cs-1", "REJECTED", "UnlockFailed"))
    answer = await asking
    assert (answer.status_code, answer.json()["detail"]) == (409, "not done: UnlockFailed")


async def test_a_machine_may_not_command(rig: Rig) -> None:
    assert (await rig.client.post("/api/v1/lanes/in-1/open")).status_code == 403
    assert (await rig.client.post("/api/v1/lanes/in-1/open", headers={"Authorization": ""})).status_code == 401


# Metrics.


async def test_figures_need_no_token_here_and_say_what_is_known(rig: Rig) -> None:
    await rig.enter("4AB12")
    answer = await rig.client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    found = {s.name: s.value for f in text_string_to_metric_families(answer.text) for s in f.samples if not s.labels}
    assert found["easypark_edge_sessions_open"] == 1
    assert found["easypark_edge_commit_seconds_count"] >= 1
    assert found["easypark_edge_disk_free_bytes"] > 0
    assert found["easypark_edge_link_connected"] == found["easypark_edge_link_refused"] == 0
    assert "easypark_edge_knowledge_age_seconds" not in found, "unknown is left out"
    assert 'easypark_edge_power_watts{kind="budget"} 400000.0' in answer.text
    assert 'easypark_edge_part_failed{part="link"} 0.0' in answer.text


async def test_figures_from_another_machine_need_a_token(rig: Rig) -> None:
    for headers, status in (({"X-Forwarded-For": "203.0.113.5", "Authorization": ""}, 401), (ATTENDANT, 200)):
        assert (await rig.client.get("/metrics", headers=headers)).status_code == status
