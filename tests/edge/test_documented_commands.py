"""The commands that the pages on charging stations show, run as they stand there but for address, port and token."""

import asyncio
import json
import re
import shutil
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from edge import api
from edge.config import parse_config
from provisioning.local.ports import free_port
from tests.edge.messages_kit import House, Wire, housed
from tests.edge.ocmf_kit import Meter
from tests.edge.stations_kit import PASSWORD
from tests.edge.test_station_security import secured
from tests.house.laws import ROOT

pytestmark = pytest.mark.anyio
SHOWN = re.compile(r"^ {4,}((?:curl|openssl) (?:.*\\\n)*.*)", re.MULTILINE)
CURL_BASE = "http://127.0.0.1:8080"
STATION = "acme-07"


def commands(tool: str) -> list[str]:
    pages = [(ROOT / "docs" / page).read_text() for page in ("charging.md", "stations.md")]
    return [x for page in pages for x in SHOWN.findall(page) if x.startswith(tool)]


async def run(command: str) -> str:
    """What a command prints; it must succeed."""
    running = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, wrong = await running.communicate()
    assert running.returncode == 0, (command, wrong.decode())
    return printed.decode()


async def answered(house: House, command: str, wire: Wire) -> dict[str, Any]:
    """What the API said to a ``curl``, which fails for a status of 400 or more."""
    port = free_port()
    serving = asyncio.create_task(api.serve(house.app, "127.0.0.1", port))
    try:
        command = command.replace("curl ", "curl --silent --show-error --fail --retry-connrefused --retry 9 ", 1)
        assert CURL_BASE in command
        printed = await run("TOKEN=manager; " + command.replace(CURL_BASE, f"http://127.0.0.1:{port}"))
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    assert wire.calls
    found: dict[str, Any] = json.loads(printed)
    return found


def test_the_pages_show_commands() -> None:
    assert len(commands("curl")) >= 4
    assert len(commands("openssl")) >= 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("command", commands("curl"))
async def test_every_call_of_the_api_is_answered(tmp_path: Path, command: str) -> None:
    async with housed(tmp_path, STATION) as house, house.station(STATION) as wire:
        about = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        wire.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "Accepted", **about}]}
        await wire.boot()
        assert await answered(house, command, wire)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
async def test_every_look_at_tls_and_certificates_prints_what_is_looked_for(tmp_path: Path) -> None:
    async with secured(tmp_path) as site:
        certificate, _ = site.signed("dc-1")
        certificate.rename(tmp_path / f"{STATION}.pem")
        meter = Meter()
        pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        (tmp_path / "meter.pem").write_bytes(meter.public(pem, spki))
        for command in commands("openssl"):
            there = command.replace("BOX:9443", f"localhost:{site.server.ports[1]}")
            printed = await run(f"cd {tmp_path}; {there}")
            assert re.search(r"TLSv1\.2|serial=[0-9A-F]+", printed) or printed == meter.key
        async with site.dial("dc-1", password=PASSWORD):
            pass


def test_the_ports_are_configured_as_the_page_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "charging.md").read_text()
    shown = re.search(r"^ {4}\[ocpp\]\n(?: {4}.*\n)+", page, re.MULTILINE)
    assert shown
    table = tomllib.loads(re.sub(r"^ {4}", "", shown.group(), flags=re.MULTILINE))
    least = {
        "facility_id": "boston",
        "data_dir": "data",
        "broker_url": "mqtt://127.0.0.1",
        "gpio": {"factory": "native"},
        "api": {"port": 8080, "token_file": "tokens"},
    }
    config = parse_config({**least, **table}, tmp_path / "edge.toml")
    assert config.ocpp.port == 9000
    assert config.ocpp.tls is not None
    assert config.ocpp.tls.revoked == tmp_path / "revoked.pem"
