"""What the tests of the station server share: a facility, a recorder in the place of the rules, an OCPP client."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect

from edge.rules.inputs import Answer, Authorization, AuthorizeAsked, Input, Knowledge, Matches, TransactionReported
from edge.stations import DEFAULT_TRANSPORT, Entrance, StationServer, Transport
from shared.clock import Clock, Timeline
from shared.facilities import ChargerLevel, ConnectorType, Evse, Facility, Lane, LaneDirection, Space, Station

PASSWORD = "correct horse battery"
STANDING = Clock(Timeline(0.0, 1_700_000_000_000, 1.0), lambda: 0.0)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def facility(*station_ids: str) -> Facility:
    """Stations whose name begins with dc are fast chargers, the rest Level 2; two EVSEs each."""
    stations = tuple(
        Station(
            station_id=name,
            level=ChargerLevel.DCFC if name.startswith("dc") else ChargerLevel.LEVEL2,
            evses=tuple(
                Evse(evse_id=n, space_id="s-1", connector=ConnectorType.CCS, rating_w=50_000, minimum_w=1_440)
                for n in (1, 2)
            ),
            password_salt="pepper",
            password_sha256=hashlib.sha256(f"pepper{PASSWORD}".encode()).hexdigest(),
        )
        for name in station_ids
    )
    return Facility(
        facility_id="boston",
        name="Boston",
        address="1 Main St",
        zone="America/New_York",
        latitude=42.36,
        longitude=-71.06,
        spaces=(Space(space_id="s-1", level="1", aisle="A", number="1"),),
        lanes=(Lane(lane_id="in", direction=LaneDirection.ENTRY),),
        stations=stations,
    )


@dataclass
class Recorder:
    """Takes inputs as the runtime does and keeps them; judges every token Accepted. ``refuse`` raises instead."""

    seen: list[Input] = field(default_factory=list)
    refuse: Callable[[Input], bool] = lambda _given: False
    gate: Callable[[Input], Awaitable[None]] | None = None

    async def submit(self, given: Input) -> Answer | None:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate(given)
        if self.refuse(given):
            raise OSError("disk full")
        self.seen.append(given)
        token = given.id_token if isinstance(given, AuthorizeAsked | TransactionReported) else None
        return Authorization("Accepted") if token is not None else None

    def of(self, kind: type, station_id: str = "dc-1") -> list[Any]:
        return [x for x in self.seen if isinstance(x, kind) and x.station_id == station_id]


async def no_matches(_token: str) -> Matches:
    return Matches()


@dataclass
class Site:
    server: StationServer
    rules: Recorder

    def url(self, station_id: str) -> str:
        return f"ws://127.0.0.1:{self.server.port}/{station_id}"

    def dial(
        self,
        station_id: str,
        *,
        password: str | None = PASSWORD,
        offered: tuple[str, ...] = ("ocpp2.0.1",),
        **more: Any,
    ) -> connect:
        headers = {} if password is None else {"Authorization": basic(station_id, password)}
        return connect(
            self.url(station_id),
            subprotocols=list(offered) or None,
            additional_headers=headers,
            compression=None,
            **more,
        )


@asynccontextmanager
async def running(
    *station_ids: str,
    rules: Recorder | None = None,
    transport: Transport = DEFAULT_TRANSPORT,
    port: int = 0,
    clock: Clock | None = None,
) -> AsyncIterator[Site]:
    """A server for stations of these ids, on a free port if none is given. Raises what ``serve`` raises."""
    rules = rules or Recorder()
    known = Knowledge(facility=facility(*station_ids))
    server = StationServer(
        submit=rules.submit,
        knowledge=lambda: known,
        clock=clock or STANDING,
        matches_for_token=no_matches,
        transport=transport,
    )
    serving = asyncio.create_task(server.serve(Entrance("127.0.0.1", port)))
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait({listening, serving}, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if serving.done():
        serving.result()
    try:
        yield Site(server, rules)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        server.book.close()
