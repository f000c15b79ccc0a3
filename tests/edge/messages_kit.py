"""A facility with real rules, store, station server and API, and one bare connection that plays a station."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from edge import api
from edge.api import Inside
from edge.commands import Commands
from edge.link import Link, LinkSettings
from edge.rules import station_quarantine
from edge.rules.inputs import LimitSetpoint, OrderSetpoint
from edge.runtime import FACILITY_RULES, Runtime
from edge.station_book import StationBook
from edge.station_secrets import StationSecrets
from edge.stations import Entrance, StationServer, Transport
from edge.store import Store
from edge.surroundings import Signer
from edge.tokens import Bearer, Role
from shared.clock import REAL_TIME, Clock
from shared.decisions import FacilityConfigured
from shared.sync import SyncEntry
from tests.edge.ocpp.samples import least, schema
from tests.edge.stations_kit import Site, facility, no_matches

Told = dict[str, Any] | tuple[str, str] | None
TOKENS = {"device": Role.DEVICE, "attendant": Role.ATTENDANT, "manager": Role.MANAGER}


@dataclass
class Wire:
    """The station's side of a connection. Calls from the server are answered with the least that their schema allows,
    or by ``answers``: a payload, an error code and description, None for silence, or what makes one of the call's."""

    connection: ClientConnection
    answers: dict[str, Told | Callable[[dict[str, Any]], Told]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _replies: asyncio.Queue[list[Any]] = field(default_factory=asyncio.Queue)
    _number: int = 0

    async def talk(self) -> None:
        try:
            async for frame in self.connection:
                message = json.loads(frame)
                if message[0] == 2:
                    await self._answer(message)
                else:
                    self._replies.put_nowait(message)
        except ConnectionClosed:
            pass

    async def _answer(self, message: list[Any]) -> None:
        _, message_id, action, payload = message
        self.calls.append((action, payload))
        root = schema(f"{action}Response")
        told = self.answers.get(action, least(root, root)) if action in self.answers else least(root, root)
        told = told(payload) if callable(told) else told
        if isinstance(told, tuple):
            await self.connection.send(json.dumps([4, message_id, *told, {}]))
        elif told is not None:
            await self.connection.send(json.dumps([3, message_id, told]))

    async def say(self, action: str, payload: dict[str, Any]) -> list[Any]:
        """Send a call; returns the frame that answers it."""
        self._number += 1
        await self.connection.send(json.dumps([2, f"s-{self._number}", action, payload]))
        return await self.reply()

    async def reply(self) -> list[Any]:
        """The next frame that is no call."""
        async with asyncio.timeout(5):
            return await self._replies.get()

    async def tell(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a call that must be answered with a CALLRESULT; returns its payload."""
        reply = await self.say(action, payload)
        assert reply[0] == 3, reply
        told: dict[str, Any] = reply[2]
        return told

    async def boot(self) -> dict[str, Any]:
        about = {"model": "M", "vendorName": "V", "firmwareVersion": "1.0", "serialNumber": "S-1"}
        return await self.tell("BootNotification", {"reason": "PowerUp", "chargingStation": about})

    def told(self, action: str) -> list[dict[str, Any]]:
        """The payloads of the server's calls of one action."""
        return [payload for name, payload in self.calls if name == action]


@dataclass
class House:
    site: Site
    runtime: Runtime
    store: Store
    client: httpx.AsyncClient
    app: FastAPI

    @asynccontextmanager
    async def station(self, name: str = "dc-1", **more: Any) -> AsyncIterator[Wire]:
        async with self.site.dial(name, **more) as connection:
            wire = Wire(connection)
            talking = asyncio.create_task(wire.talk())
            try:
                yield wire
            finally:
                talking.cancel()
                await asyncio.wait({talking})

    async def get(self, path: str, token: str = "manager") -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/stations{path}", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def notes(self, kind: str, station_id: str = "dc-1") -> list[dict[str, Any]]:
        told = await self.get(f"/{station_id}/notes/{kind}")
        found: list[dict[str, Any]] = told["notes"]
        return found

    async def post(self, action: str, payload: Any, *, token: str = "manager", to: str = "dc-1") -> httpx.Response:
        return await self.client.post(f"/api/v1/stations/{to}/messages/{action}", json=payload, headers=bearer(token))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the log holds of one type, oldest first."""
        return [e.body for e in self.store.all_entries(after=0) if e.type == kind]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def housed(
    folder: Path,
    *station_ids: str,
    timeout_real_s: float = 5.0,
    signer: Signer | None = None,
) -> AsyncIterator[House]:
    site = facility(*station_ids)
    store, clock = Store(folder, site.facility_id), Clock(REAL_TIME, time.time)
    configured = FacilityConfigured(facility=site).model_dump(mode="json")
    store.apply_decisions("hq-1", [SyncEntry(position=1, body=configured)], 1)
    runtime = Runtime(store, clock, FACILITY_RULES, version="1")
    book = StationBook(folder)
    server = StationServer(
        submit=runtime.submit,
        knowledge=lambda: runtime.knowledge,
        clock=clock,
        matches_for_token=no_matches,
        transport=Transport(
            call_timeout_real_s=timeout_real_s,
            book=book,
            secrets=StationSecrets(folder),
            signer=signer,
            quarantined_until=lambda name: station_quarantine.until(runtime.state, name, clock.now_ms()),
        ),
    )
    runtime.on_setpoint(LimitSetpoint, server.send_limit)
    runtime.on_setpoint(OrderSetpoint, server.send_order)
    app = api.build(
        Inside(
            facility_id=site.facility_id,
            clock=clock,
            runtime=runtime,
            store=store,
            link=Link(LinkSettings(site.facility_id, "mqtt://127.0.0.1", "1"), store, clock, learn=runtime.learn),
            bearers={hashlib.sha256(t.encode()).hexdigest(): Bearer(role, t) for t, role in TOKENS.items()},
            parts=dict,
            commands=Commands(clock, submit=runtime.submit, taken=lambda _: None),
            commits=api.commit_times(),
            data_dir=folder,
            stations=server,
        )
    )
    tasks = [asyncio.create_task(runtime.run()), asyncio.create_task(server.serve(Entrance("127.0.0.1", 0)))]
    await server.listening.wait()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge") as client:
            yield House(Site(server, None), runtime, store, client, app)  # type: ignore[arg-type]
    finally:
        tasks[1].cancel()
        await asyncio.wait({tasks[1]})
        runtime.stop()
        await tasks[0]
        book.close()
        store.close()
