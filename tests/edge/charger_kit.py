"""The other side of the station server's tests: the ``ocpp`` package's own ChargePoint, and bare frames."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201.datatypes import (
    ChargingStationType,
    GetVariableResultType,
    SetVariableResultType,
)
from websockets.asyncio.client import ClientConnection

from edge.rules.inputs import (
    LimitSetpoint,
)
from edge.stations import Transport
from tests.edge.stations_kit import Site

NOW = "2023-11-14T22:13:20.000Z"
BOOT = json.dumps(
    [2, "b", "BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}]
)
SHORT = Transport(call_timeout_real_s=0.3)


class Charger(ChargePoint):
    """An independent station. It takes what it is told, and remembers it."""

    def __init__(self, name: str, connection: ClientConnection) -> None:
        super().__init__(name, connection, response_timeout=5)
        self.profiles: list[dict[str, Any]] = []
        self.variables: dict[str, str] = {}
        self.rate_unit = "A,W"
        self.answer = "Accepted"

    @on("SetChargingProfile")
    def _profile(self, evse_id: int, charging_profile: dict[str, Any], **_: Any) -> call_result.SetChargingProfile:
        self.profiles.append({"evse_id": evse_id, **charging_profile})
        return call_result.SetChargingProfile(status=self.answer)

    @on("SetVariables")
    def _set(self, set_variable_data: list[dict[str, Any]], **_: Any) -> call_result.SetVariables:
        results = []
        for item in set_variable_data:
            name = item["variable"]["name"]
            self.variables[name] = item["attribute_value"]
            status = "Rejected" if name == "TxStopPoint" else "Accepted"
            results.append(SetVariableResultType(status, item["component"], item["variable"]))
        return call_result.SetVariables(set_variable_result=results)

    @on("GetVariables")
    def _get(self, get_variable_data: list[dict[str, Any]], **_: Any) -> call_result.GetVariables:
        known = {"RateUnit": self.rate_unit, "SupplyPhases": "1"}
        results = [
            GetVariableResultType(
                "Accepted", x["component"], x["variable"], attribute_value=known[x["variable"]["name"]]
            )
            if x["variable"]["name"] in known
            else GetVariableResultType("UnknownVariable", x["component"], x["variable"])
            for x in get_variable_data
        ]
        return call_result.GetVariables(get_variable_result=results)

    async def boot(self) -> call_result.BootNotification:
        about = ChargingStationType(model="M", vendor_name="V", firmware_version="1.0")
        answer: call_result.BootNotification = await self.call(
            call.BootNotification(charging_station=about, reason="PowerUp"), suppress=False
        )
        return answer


@asynccontextmanager
async def charger(site: Site, name: str = "dc-1", **more: Any) -> AsyncIterator[Charger]:
    async with site.dial(name, **more) as connection:
        station = Charger(name, connection)
        talking = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            talking.cancel()
            await asyncio.wait({talking})


def limit(request_id: int, station_id: str = "dc-1", evse_id: int = 1, **more: Any) -> LimitSetpoint:
    return LimitSetpoint(request_id, station_id, evse_id, more.get("limit_w", 11_000), 0, more.get("until_ms"))


async def exchange(connection: ClientConnection, frame: str | bytes) -> list[Any]:
    """Send a frame and return the next CALLRESULT or CALLERROR, passing over what the server asks."""
    await connection.send(frame)
    while True:
        async with asyncio.timeout(5):
            message = json.loads(await connection.recv())
        if message[0] != 2:
            return message


async def goodbye(connection: ClientConnection) -> None:
    """Read on until the server closes the connection; fails when it does not."""
    async with asyncio.timeout(5):
        async for _ in connection:
            pass
