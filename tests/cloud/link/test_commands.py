"""Commands from headquarters' API over a real broker and database to a box: a real one, or one that misbehaves."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.link import commands, desk
from cloud.link.commands import CommandsProjection
from cloud.link.ingest import ingest
from provisioning.local.broker import Broker
from shared.commands import CommandRequest, CommandResponse, CommandResult, Outcome, Reason
from shared.events import CommandCompleted, CommandTaken
from tests.cloud.link.books import EdgeLog
from tests.cloud.link.boxes_kit import COMMANDS, fake_box, is_there
from tests.cloud.serving import Api, serving
from tests.edge.test_commands import box_on

pytestmark = pytest.mark.anyio
OPEN = {"command": {"type": "OpenGate", "lane_id": "in-1"}}
RESET = {"command": {"type": "ResetStation", "station_id": "cs-1"}}


def dutiful(result: CommandResult) -> Callable[[CommandRequest], CommandResponse]:
    def answer(request: CommandRequest) -> CommandResponse:
        named = {"command_id": request.command_id, "log_id": request.log_id}
        if not request.challenge:
            return CommandResponse(**named, challenge="x")
        return CommandResponse(**named, result=result.model_copy(update={"command_id": request.command_id}))

    return answer


async def test_a_gate_opens_at_a_real_box_and_the_command_is_on_record(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        began = time.monotonic()
        answer = await hq("POST", COMMANDS, OPEN, as_=Role.ATTENDANT)
        assert time.monotonic() - began < 5
        assert answer["outcome"] == "DONE"
        assert [s.lane_id for s in box.raised] == ["in-1"]
    (kept,) = await hq("GET", COMMANDS)
    assert (kept["outcome"], kept["asked_by"], kept["command"]) == ("DONE", "attendant somebody", OPEN["command"])


async def test_the_same_request_again_is_answered_and_not_sent_again(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        mine = {**OPEN, "command_id": "mine-1"}
        assert await hq("POST", COMMANDS, mine) == await hq("POST", COMMANDS, mine)
        assert len(box.raised) == 1
        other = {"command": {"type": "OpenGate", "lane_id": "out-1"}, "command_id": "mine-1"}
        assert "keeps its id" in (await hq("POST", COMMANDS, other, expect=409))["detail"]


async def test_a_facility_that_is_away_is_refused_at_once_and_nothing_is_queued(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    await is_there(engine, online=False)
    problem = await hq("POST", COMMANDS, OPEN, expect=409)
    assert "the facility is away" in problem["detail"]
    async with box_on(tmp_path, broker) as box:
        await asyncio.sleep(0.3)
        assert box.raised == []
    assert [c["outcome"] for c in await hq("GET", COMMANDS)] == ["FAILED"]


async def test_a_facility_that_was_never_heard_of_is_not_found(hq: Api) -> None:
    await hq("POST", COMMANDS, OPEN, expect=404)


async def test_without_a_broker_nothing_is_sent(engine: AsyncEngine, database_url: str) -> None:
    await is_there(engine)
    async with serving(database_url) as api:
        await api("POST", COMMANDS, OPEN, expect=503)
    async with serving(database_url, "mqtt://127.0.0.1:1") as api:
        assert "nothing was done" in (await api("POST", COMMANDS, OPEN, expect=503))["detail"]


async def test_a_box_that_gives_no_challenge_has_surely_done_nothing(
    hq: Api, engine: AsyncEngine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "CHALLENGE_REAL_S", 0.2)
    await is_there(engine)
    heard: list[CommandRequest] = []
    async with fake_box(broker, heard.append):
        assert "nothing was done" in (await hq("POST", COMMANDS, OPEN, expect=503))["detail"]
        await asyncio.sleep(0.2)
    assert [r.challenge for r in heard] == [""]


async def test_a_box_that_falls_silent_after_the_confirmation_leaves_the_outcome_unknown(
    hq: Api, engine: AsyncEngine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.link.commands_api.LANE_REAL_S", 0.2)
    await is_there(engine)

    def answer(request: CommandRequest) -> CommandResponse | None:
        if request.challenge:
            return None
        return CommandResponse(command_id=request.command_id, log_id=request.log_id, challenge="x")

    async with fake_box(broker, answer):
        assert "not known whether" in (await hq("POST", COMMANDS, OPEN, expect=504))["detail"]
    assert [c["outcome"] for c in await hq("GET", COMMANDS)] == ["UNKNOWN"]


async def test_a_late_challenge_of_another_life_of_the_log_confirms_nothing(
    hq: Api, engine: AsyncEngine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "CHALLENGE_REAL_S", 0.3)
    await is_there(engine)
    heard: list[str] = []

    def answer(request: CommandRequest) -> CommandResponse:
        heard.append(request.challenge)
        return CommandResponse(command_id=request.command_id, log_id="log-of-another", challenge="x")

    async with fake_box(broker, answer):
        await hq("POST", COMMANDS, OPEN, expect=503)
    assert heard == [""]


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        (CommandResult(command_id="x", outcome=Outcome.REFUSED, reason=Reason.UNKNOWN_LANE), 404, "no such lane"),
        (CommandResult(command_id="x", outcome=Outcome.REFUSED, reason=Reason.STATION_AWAY), 409, "not connected"),
        (CommandResult(command_id="x", outcome=Outcome.REFUSED, reason="Occupied"), 409, "Occupied"),
        (CommandResult(command_id="x", outcome=Outcome.FAILED, reason="not sent"), 503, "not done"),
        (CommandResult(command_id="x", outcome=Outcome.EXPIRED, reason=Reason.TOO_LATE), 503, "too late"),
        (CommandResult(command_id="x", outcome=Outcome.UNKNOWN), 504, "not known"),
    ],
)
async def test_every_outcome_is_told_plainly(
    hq: Api, engine: AsyncEngine, broker: Broker, result: CommandResult, status: int, words: str
) -> None:
    await is_there(engine)
    async with fake_box(broker, dutiful(result)):
        assert words in (await hq("POST", COMMANDS, OPEN, expect=status))["detail"]


async def test_attendants_open_gates_but_do_not_reset_stations(hq: Api, engine: AsyncEngine) -> None:
    await is_there(engine, online=False)
    await hq("POST", COMMANDS, OPEN, as_=Role.ATTENDANT, expect=409)
    await hq("POST", COMMANDS, RESET, as_=Role.ATTENDANT, expect=403)
    for role in (Role.CUSTOMER, Role.FINANCE, Role.DEVICE):
        await hq("POST", COMMANDS, OPEN, as_=role, expect=403)


@pytest.mark.parametrize(
    "command",
    [
        {"type": "OpenGate"},
        {"type": "Explode"},
        {"type": "StartCharging", "station_id": "cs-1", "evse_id": 1},
        {"type": "SetLimit", "station_id": "cs-1", "evse_id": 1, "limit_w": -1},
    ],
)
async def test_a_command_that_does_not_fit_is_told_what_does_not(hq: Api, command: dict[str, object]) -> None:
    problem = await hq("POST", COMMANDS, {"command": command}, expect=422)
    assert problem["errors"]


async def test_what_the_log_tells_of_a_command_counts_more_than_silence(engine: AsyncEngine) -> None:
    log = EdgeLog().append(
        CommandTaken(command_id="c-1", by="hq ann", command=OPEN["command"]),
        CommandCompleted(command_id="c-1", outcome=Outcome.DONE),
        CommandTaken(command_id="site-1", by="mara", command=RESET["command"]),
    )
    async with transaction(engine) as conn:
        asked = commands.CommandRecord("c-1", "here", "hq ann", OPEN["command"], 5)
        await commands.open_record(conn, asked)
        await commands.settle(conn, CommandResult(command_id="c-1", outcome=Outcome.UNKNOWN), now_ms=6)
        for _ in range(2):
            await ingest(conn, "here", log.batch(), [CommandsProjection()], now_ms=7)
        late = CommandResult(command_id="c-1", outcome=Outcome.UNKNOWN)
        await commands.settle(conn, late, now_ms=8)
        found = {c.command_id: c for c in await commands.newest(conn, "here", limit=9)}
    assert found["c-1"].outcome == "DONE"
    assert (found["site-1"].asked_by, found["site-1"].outcome) == ("mara", None)
