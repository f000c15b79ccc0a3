"""Whatever goes wrong while a bundle is gathered, whoever asked is told, and the rest of it is there."""

import asyncio
import json
import os
import zipfile
from pathlib import Path

import pytest

from edge.config import Config, parse_config
from edge.diagnostics import collector
from edge.diagnostics.collector import Diagnostics, Reading
from edge.rules.gathering import DiagnosticsGathered, GatherDiagnostics
from edge.rules.inputs import Input
from shared.commands import Outcome
from tests.edge.stations_kit import STANDING
from tests.waiting import until

pytestmark = pytest.mark.anyio


def config(folder: Path) -> Config:
    told = {
        "facility_id": "here",
        "data_dir": str(folder),
        "broker_url": "mqtt://127.0.0.1:1",
        "ocpp": {"port": 1},
        "api": {"port": 1, "token_file": "tokens"},
    }
    return parse_config(told, folder / "edge.toml")


async def gathered(folder: Path, **readings: Reading) -> DiagnosticsGathered:
    told: asyncio.Queue[Input] = asyncio.Queue()
    named = {f"{name}.json": reading for name, reading in readings.items()}
    diagnostics = Diagnostics(config(folder), STANDING, named, submit=told.put)
    diagnostics.gather(GatherDiagnostics("c-1"))
    await until(lambda: not told.empty())
    found = told.get_nowait()
    assert isinstance(found, DiagnosticsGathered)
    return found


def parts(folder: Path) -> dict[str, str]:
    (made,) = (folder / "diagnostics").glob("*.zip")
    with zipfile.ZipFile(made) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


async def test_what_cannot_be_written_as_json_says_why_and_the_others_are_there(tmp_path: Path) -> None:
    made = await gathered(tmp_path, bytes=lambda: b"\xff", fine=lambda: 7)
    assert made.outcome is Outcome.DONE
    assert "UnicodeDecodeError" in json.loads(parts(tmp_path)["bytes.json"])["unreadable"]
    assert parts(tmp_path)["fine.json"] == "7"


async def test_a_file_whose_name_is_no_text_is_told_of(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"odd\xff")).write_bytes(b"123")
    assert (await gathered(tmp_path)).outcome is Outcome.DONE
    assert json.loads(parts(tmp_path)["disk.json"])["files"] == {"odd\\udcff": 3}


async def test_what_nobody_thought_of_is_told_to_whoever_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "Hider", lambda: None)
    told = await gathered(tmp_path)
    assert (told.outcome, told.reason) == (Outcome.FAILED, "AttributeError: 'NoneType' object has no attribute 'learn'")
