"""What a real box gathers about itself reaches headquarters in pieces, over a real broker, and says nothing private."""

import asyncio
import json
import secrets
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.link import desk as desk_module
from edge.diagnostics import collector
from edge.runtime import Runtime
from provisioning.local.broker import Broker
from shared.commands import PIECE_BYTES_MAX, CommandRequest, CommandResponse, CommandResult, Outcome
from tests.cloud.link.boxes_kit import COMMANDS, SITE_ID, fake_box, is_there
from tests.cloud.serving import Api
from tests.edge.test_commands import box_on

pytestmark = pytest.mark.anyio
COLLECT = {"command": {"type": "CollectEdgeDiagnostics"}}
BUNDLES = f"/api/v1/facilities/{SITE_ID}/diagnostics"


def gathered(folder: Path) -> list[Path]:
    return sorted((folder / "diagnostics").glob("*.zip"))


async def test_headquarters_gets_the_bundle_that_the_box_wrote_byte_by_byte(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    noise = secrets.token_hex(2 * PIECE_BYTES_MAX)
    line = json.dumps({"msg": "9ZZ999 is the one, hello", "plate": "4AB12C"})
    told = {"noise.txt": lambda: noise, "log.jsonl": lambda: [line]}
    async with box_on(tmp_path, broker, told) as box:
        await is_there(engine, box.log_id)
        charge = {"type": "StartCharging", "station_id": "cs-1", "evse_id": 1, "plate": "9ZZ999"}
        await hq("POST", COMMANDS, {"command": charge}, expect=409)
        details: dict[str, Any] = (await hq("POST", COMMANDS, COLLECT))["details"]
        answer = await hq.raw("GET", f"{BUNDLES}/{details['name']}", as_=Role.MANAGER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert details["name"] in answer.headers["content-disposition"]
    assert len(answer.content) == details["bytes"] > PIECE_BYTES_MAX, "it came in pieces"
    assert sha256(answer.content).hexdigest() == details["sha256"]
    assert [p.read_bytes() for p in gathered(tmp_path)] == [answer.content]
    with zipfile.ZipFile(BytesIO(answer.content)) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert json.loads(parts["store.json"])["quick_check"] == "ok"
    assert json.loads(parts["disk.json"])["free_bytes"] > 0
    assert json.loads(parts["log.jsonl"]) == {"msg": "*** is the one, hello", "plate": "***"}
    assert "9ZZ999" not in parts["events.jsonl"], "nor what a command named"
    assert json.loads(parts["events.jsonl"].splitlines()[-1])["type"] == "CommandTaken"
    assert (broker.folder / f"{SITE_ID}.password").read_text() not in "".join(parts.values())


async def test_the_same_command_again_names_the_same_bundle(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        mine = {**COLLECT, "command_id": "mine-1"}
        assert await hq("POST", COMMANDS, mine) == await hq("POST", COMMANDS, mine)
    assert len(gathered(tmp_path)) == 1


async def test_a_part_that_cannot_be_told_says_why_and_the_others_are_there(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    def broken() -> object:
        raise RuntimeError("no such thing")

    async with box_on(tmp_path, broker, {"health.json": broken}) as box:
        await is_there(engine, box.log_id)
        await hq("POST", COMMANDS, COLLECT)
    with zipfile.ZipFile(gathered(tmp_path)[0]) as bundle:
        assert json.loads(bundle.read("health.json")) == {"unreadable": "RuntimeError: no such thing"}
        assert "store.json" in bundle.namelist()


async def test_what_cannot_be_written_or_takes_too_long_is_not_done(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        (tmp_path / "diagnostics").write_text("in the way")
        assert "no bundle could be written" in (await hq("POST", COMMANDS, COLLECT, expect=503))["detail"]
        monkeypatch.setattr(collector, "GATHER_WITHIN_REAL_S", 0.0)
        assert "not gathered within 0 s" in (await hq("POST", COMMANDS, COLLECT, expect=503))["detail"]


async def test_away_or_without_such_a_bundle_or_without_a_word_of_the_box_it_says_so(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "diagnostics-here-1.zip"
    await hq("GET", f"{BUNDLES}/{name}", expect=404)
    await is_there(engine, online=False)
    assert "away" in (await hq("POST", COMMANDS, COLLECT, expect=409))["detail"]
    assert "away" in (await hq("GET", f"{BUNDLES}/{name}", expect=409))["detail"]
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        assert "no such bundle" in (await hq("GET", f"{BUNDLES}/{name}", expect=404))["detail"]
        await hq("GET", f"{BUNDLES}/..%2Ffacility.db", expect=404)
        await hq("GET", f"{BUNDLES}/facility.db", expect=422)
    monkeypatch.setattr(desk_module, "CHALLENGE_REAL_S", 0.1)
    assert "did not send" in (await hq("GET", f"{BUNDLES}/{name}", expect=503))["detail"]


async def test_a_box_of_an_older_version_says_that_it_does_not_know_the_reading(
    hq: Api, engine: AsyncEngine, broker: Broker
) -> None:
    await is_there(engine)

    def answer(request: CommandRequest) -> CommandResponse:
        named = {"command_id": request.command_id, "log_id": request.log_id}
        if not request.challenge:
            return CommandResponse(**named, challenge="x")
        refused = CommandResult(command_id=request.command_id, outcome=Outcome.REFUSED, reason="UNKNOWN_COMMAND")
        return CommandResponse(**named, result=refused)

    async with fake_box(broker, answer):
        problem = await hq("GET", f"{BUNDLES}/diagnostics-here-1.zip", expect=409)
    assert "version does not know" in problem["detail"]


async def test_only_managers_and_headquarters_collect_and_fetch(hq: Api, engine: AsyncEngine) -> None:
    await is_there(engine, online=False)
    for role in (Role.CUSTOMER, Role.FINANCE, Role.DEVICE, Role.ATTENDANT):
        await hq("POST", COMMANDS, COLLECT, as_=role, expect=403)
        await hq("GET", f"{BUNDLES}/diagnostics-here-1.zip", as_=role, expect=403)


async def test_reading_is_neither_booked_nor_recorded(
    hq: Api, engine: AsyncEngine, broker: Broker, tmp_path: Path
) -> None:
    async with box_on(tmp_path, broker) as box:
        await is_there(engine, box.log_id)
        runtime: Runtime[Any] = box.runtime
        await asyncio.sleep(0)
        head = runtime.state.head
        await hq("GET", f"{BUNDLES}/diagnostics-here-1.zip", expect=404)
        assert runtime.state.head == head
    async with transaction(engine) as conn:
        assert await conn.scalar(text("SELECT count(*) FROM link.commands")) == 0
