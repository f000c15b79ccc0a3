"""Charging stations that do nothing but talk: one call open at a time each, the next as soon as it is answered."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.box import PASSWORD
from tests.benchmarks.figures import BenchmarkError

PATIENCE_REAL_S = 30.0
CALL, RESULT, ERROR = 2, 3, 4


def dial(port: int, station_id: str) -> connect:
    """A station's connection, with Basic auth. It does not ping: on a busy machine a crowd that does would hang up."""
    credentials = base64.b64encode(f"{station_id}:{PASSWORD}".encode()).decode()
    return connect(
        f"ws://127.0.0.1:{port}/{station_id}",
        subprotocols=["ocpp2.0.1"],
        additional_headers={"Authorization": f"Basic {credentials}"},
        compression=None,
        ping_interval=None,
    )


@dataclass
class Station:
    """One EVSE on one connection. ``listen`` must run; it also answers what the server calls, and the limit that it is
    told is what its car draws. ``laps_s`` are the durations of its round trips."""

    number: int
    connection: ClientConnection
    laps_s: list[float] = field(default_factory=list)
    power_w: int = 4_200
    _sent: int = 0
    _register_wh: int = 0
    _answer: "asyncio.Future[list[Any]] | None" = None

    async def listen(self) -> None:
        """Take what comes until the connection ends."""
        try:
            async for frame in self.connection:
                message = json.loads(frame)
                if self._answer is not None and message[1] == f"m{self._sent}":
                    self._answer.set_result(message)
                elif message[0] == CALL:
                    await self.connection.send(json.dumps(self._obey(*message[1:4])))
        except ConnectionClosed:
            return

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """One round trip; the answer's payload. Raises BenchmarkError for a CALLERROR."""
        self._sent += 1
        self._answer = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        await self.connection.send(json.dumps([CALL, f"m{self._sent}", action, payload]))
        async with asyncio.timeout(PATIENCE_REAL_S):
            message = await self._answer
        self.laps_s.append(time.perf_counter() - began_s)
        if message[0] not in (RESULT, CALL):  # an echo is the call itself
            raise BenchmarkError(f"{action} was refused: {message}")
        return message[2]

    async def boot(self) -> None:
        """Say who it is; from then on the server calls it."""
        station = {"model": "M", "vendorName": "V", "firmwareVersion": "1"}
        await self.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    async def tell_status(self, status: str) -> None:
        """Say how its connector is."""
        told = {"timestamp": _now(), "connectorStatus": status, "evseId": 1, "connectorId": 1}
        await self.call("StatusNotification", told)

    async def plug_in(self) -> None:
        """Begin the transaction of the customer whose car stands here. Raises BenchmarkError when it may not."""
        token = {"idToken": f"TOKEN-c{self.number}", "type": "ISO14443"}
        started = {**self._transaction("Started", 0), "idToken": token, "meterValue": [self._reading()]}
        answer = await self.call("TransactionEvent", started)
        if answer.get("idTokenInfo", {}).get("status") != "Accepted":
            raise BenchmarkError(f"station {self.number} may not start: {answer}")

    async def talk(self, until_s: float) -> None:
        """TransactionEvent and MeterValues in turn, without a pause, until an instant of ``time.perf_counter``."""
        while time.perf_counter() < until_s:
            await self.call(*self.small_talk(self._sent))

    def small_talk(self, turn: int) -> tuple[str, dict[str, Any]]:
        """What a station says over and over: the action and the payload of its call."""
        if turn % 2:
            return "TransactionEvent", {**self._transaction("Updated", turn), "meterValue": [self._reading()]}
        return "MeterValues", {"evseId": 1, "meterValue": [self._reading()]}

    def _transaction(self, kind: str, seq_no: int) -> dict[str, Any]:
        return {
            "eventType": kind,
            "timestamp": _now(),
            "triggerReason": "MeterValuePeriodic" if kind == "Updated" else "Authorized",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": f"tx-{self.number}", "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
        }

    def _reading(self) -> dict[str, Any]:
        self._register_wh += 10
        return {
            "timestamp": _now(),
            "sampledValue": [
                {
                    "value": self._register_wh,
                    "measurand": "Energy.Active.Import.Register",
                    "unitOfMeasure": {"unit": "Wh"},
                },
                {"value": self.power_w, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
            ],
        }

    def _obey(self, message_id: str, action: str, payload: dict[str, Any]) -> list[Any]:
        """The answer to a call of the server; to one that this station does not know, what OCPP-J 4.2.3 asks."""
        answer = self.obey(action, payload)
        if answer is None:
            return [ERROR, message_id, "NotImplemented", "", {}]
        return [RESULT, message_id, answer]

    def obey(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """What it answers to a call of the server; None to one that it does not know."""
        if action == "SetChargingProfile":
            schedule = payload["chargingProfile"]["chargingSchedule"][0]
            self.power_w = int(schedule["chargingSchedulePeriod"][0]["limit"])
            return {"status": "Accepted"}
        if action == "SetVariables":
            asked, status = payload["setVariableData"], "Accepted"
            kept = [{k: x[k] for k in ("component", "variable")} for x in asked]
            return {"setVariableResult": [{"attributeStatus": status, **x} for x in kept]}
        if action == "GetVariables":
            kept = [{k: x[k] for k in ("component", "variable")} for x in payload["getVariableData"]]
            return {"getVariableResult": [{"attributeStatus": "UnknownVariable", **x} for x in kept]}
        return None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
