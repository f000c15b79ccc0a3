"""Security profiles 2 and 3 over real TLS, and the renewal of passwords and certificates, on a whole facility."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from edge.rules.inputs import Knowledge
from edge.station_renewal import Certificates
from edge.station_tls import Encryption, TlsFiles
from edge.stations import Entrance, StationServer, Transport
from shared.clock import REAL_TIME, Clock
from tests.edge.certificate_kit import new_key, request, save_key, self_signed
from tests.edge.messages_kit import Wire, bearer, housed
from tests.edge.stations_kit import PASSWORD, Recorder, basic, facility, no_matches
from tests.waiting import until

pytestmark = pytest.mark.anyio
NOW = Clock(REAL_TIME, time.time)


@dataclass
class Site:
    server: StationServer
    certificates: Certificates
    folder: Path
    tls: Encryption

    def dial(
        self, name: str, *, password: str | None = None, shown: tuple[Path, Path] | None = None, **more: Any
    ) -> Any:
        trust = ssl.create_default_context(cafile=self.folder / "server.pem")
        if shown is not None:
            trust.load_cert_chain(*shown)
        headers = {} if password is None else {"Authorization": basic(name, password)}
        options: dict[str, Any] = {"ssl": trust, "server_hostname": "localhost", "compression": None, **more}
        url = f"wss://127.0.0.1:{self.server.ports[1]}/{name}"
        return connect(url, subprotocols=["ocpp2.0.1"], additional_headers=headers, **options)  # type: ignore[list-item]

    def signed(self, name: str, station_id: str | None = None) -> tuple[Path, Path]:
        """A certificate of the site's authority, and its key."""
        key, file = new_key(), self.folder / f"{name}.crt"
        authority, now_ms = self.certificates.authority(), NOW.now_ms()
        file.write_text(authority.sign(station_id or name, request(station_id or name, key), now_ms))
        return file, save_key(self.folder / f"{name}.pkey", key)


@asynccontextmanager
async def secured(folder: Path, least: int = 1) -> AsyncIterator[Site]:
    """A plain port and one with TLS, for stations dc-1 and dc-2 of one least profile."""
    certificate, key = self_signed(folder, "server")
    site = facility("dc-1", "dc-2")
    stations = tuple(x.model_copy(update={"security_profile": least}) for x in site.stations)
    known = Knowledge(facility=site.model_copy(update={"stations": stations}))
    certificates = Certificates(folder, "boston", NOW)
    server = StationServer(
        submit=Recorder().submit,
        knowledge=lambda: known,
        clock=NOW,
        matches_for_token=no_matches,
        transport=Transport(signer=certificates),
    )
    revoked = folder / "revoked"
    revoked.touch()
    tls = Encryption(TlsFiles(certificate, key, [certificates.authority().certificate_file], revoked))
    serving = asyncio.create_task(server.serve(Entrance("127.0.0.1", 0), Entrance("127.0.0.1", 0, tls)))
    await server.listening.wait()
    try:
        yield Site(server, certificates, folder, tls)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        server.book.close()


async def heartbeat(connection: Any) -> int:
    await connection.send('[2,"h","Heartbeat",{}]')
    kind: int = json.loads(await connection.recv())[0]
    return kind


async def test_profile_2_is_a_password_over_tls(tmp_path: Path) -> None:
    async with secured(tmp_path, least=2) as site, site.dial("dc-1", password=PASSWORD) as connection:
        assert await heartbeat(connection) == 3
        with pytest.raises(InvalidStatus):
            await site.dial("dc-2", password="wrong")
        with pytest.raises(InvalidStatus):
            await site.dial("dc-2")


async def test_a_station_of_profile_2_is_refused_without_tls(tmp_path: Path) -> None:
    async with secured(tmp_path, least=2) as site:
        headers = {"Authorization": basic("dc-1", PASSWORD)}
        url = f"ws://127.0.0.1:{site.server.port}/dc-1"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, subprotocols=["ocpp2.0.1"], additional_headers=headers)  # type: ignore[list-item]
        assert refused.value.response.status_code == 401


async def test_profile_3_is_the_stations_own_certificate_and_no_password(tmp_path: Path) -> None:
    async with secured(tmp_path, least=3) as site:
        with pytest.raises(InvalidStatus):
            await site.dial("dc-1", password=PASSWORD)
        own = site.signed("dc-1")
        async with site.dial("dc-1", shown=own) as connection:
            assert await heartbeat(connection) == 3
            assert list(site.server.certificates()) == ["dc-1"]
        with pytest.raises(InvalidStatus):
            await site.dial("dc-2", shown=own)


async def test_a_certificate_of_another_authority_ends_in_the_handshake(tmp_path: Path) -> None:
    async with secured(tmp_path, least=3) as site:
        with pytest.raises((ssl.SSLError, ConnectionError, InvalidMessage, EOFError)):
            await site.dial("dc-1", shown=self_signed(tmp_path, "dc-1"))


async def test_tls_below_1_2_is_refused(tmp_path: Path) -> None:
    async with secured(tmp_path) as site:
        trust = ssl.create_default_context(cafile=tmp_path / "server.pem")
        trust.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await site.dial("dc-1", password=PASSWORD, ssl=trust)


@pytest.mark.parametrize(
    "suite",
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"],
)
async def test_of_tls_1_2_only_the_suites_of_the_specification_are_spoken(tmp_path: Path, suite: str) -> None:
    async with secured(tmp_path) as site:
        trust = ssl.create_default_context(cafile=tmp_path / "server.pem")
        trust.maximum_version = ssl.TLSVersion.TLSv1_2
        trust.set_ciphers(suite)
        dialled = site.dial("dc-1", password=PASSWORD, ssl=trust)
        if "GCM" not in suite:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await dialled
            return
        async with dialled as connection:
            assert await heartbeat(connection) == 3


async def test_a_station_that_asks_for_a_certificate_gets_it_and_comes_back_with_it(tmp_path: Path) -> None:
    async with secured(tmp_path) as site:
        signing = asyncio.create_task(site.certificates.run(site.server))
        key = new_key()
        async with site.dial("dc-1", password=PASSWORD) as connection:
            wire = Wire(connection)
            talking = asyncio.create_task(wire.talk())
            assert (await wire.tell("SignCertificate", {"csr": request("dc-2", key)}))["status"] == "Rejected"
            assert (await wire.tell("SignCertificate", {"csr": request("dc-1", key)}))["status"] == "Accepted"
            await until(lambda: wire.told("CertificateSigned"))
            talking.cancel()
        (told,) = wire.told("CertificateSigned")
        assert told["certificateType"] == "ChargingStationCertificate"
        file = tmp_path / "given.crt"
        file.write_text(told["certificateChain"])
        async with site.dial("dc-1", shown=(file, save_key(tmp_path / "given.key", key))) as connection:
            assert await heartbeat(connection) == 3
        signing.cancel()
        with suppress(asyncio.CancelledError):
            await signing


async def test_a_password_is_renewed_and_the_old_one_counts_until_the_new_one_is_used(tmp_path: Path) -> None:
    async with housed(tmp_path, "dc-1") as house:
        async with house.station() as wire:
            await wire.boot()
            wire.answers["SetVariables"] = set_result("Accepted")
            told = await house.client.put("/api/v1/stations/dc-1/password", headers=bearer("manager"))
            assert told.json()["outcome"] == "ACCEPTED"
            new = next(
                x["setVariableData"][0]["attributeValue"]
                for x in wire.told("SetVariables")
                if x["setVariableData"][0]["variable"]["name"] == "BasicAuthPassword"
            )
        assert new not in told.text
        for password in (PASSWORD, new):
            async with house.station(password=password) as wire:
                await wire.boot()
        with pytest.raises(InvalidStatus):
            await house.site.dial("dc-1", password=PASSWORD)
        assert new not in (tmp_path / "station-keys.json").read_text()


async def test_a_password_that_the_station_refuses_counts_for_nothing(tmp_path: Path) -> None:
    async with housed(tmp_path, "dc-1") as house, house.station() as wire:
        await wire.boot()
        wire.answers["SetVariables"] = set_result("Rejected")
        told = await house.client.put("/api/v1/stations/dc-1/password", headers=bearer("manager"))
        assert told.json()["outcome"] == "REJECTED", told.text
        assert len(house.site.server.secrets.keys(facility("dc-1").stations[0])) == 1
        refused = await house.post("SetVariables", {"setVariableData": [password_item()]})
        assert refused.status_code == 409


async def test_only_managers_renew_what_a_station_signs_in_with(tmp_path: Path) -> None:
    async with housed(tmp_path, "dc-1") as house:
        for path in ("password", "certificate"):
            asked = f"/api/v1/stations/dc-1/{path}"
            assert (await house.client.put(asked, headers=bearer("attendant"))).status_code == 403
            assert (await house.client.put(asked, headers=bearer("manager"))).status_code == 503


def password_item() -> dict[str, Any]:
    component, variable = {"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"}
    return {"component": component, "variable": variable, "attributeValue": "0" * 20}


def set_result(status: str) -> dict[str, Any]:
    about = {k: v for k, v in password_item().items() if k != "attributeValue"}
    return {"setVariableResult": [{"attributeStatus": status, **about}]}
