"""OCPP 1.6 stations over real sockets, by frames as such stations send them, with the real rules behind the server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from edge.rules.inputs import Answer, Input, LimitSetpoint, OrderSetpoint, StationOpened
from edge.rules.orders import StopCharging
from edge.rules.state import transaction_key
from edge.stations import InvalidCall
from shared.events import LimitAnswered, StationBooted, TransactionEnded, TransactionStarted
from tests.builders import facility, right
from tests.edge.rules.site import Site as Rules
from tests.edge.stations_kit import STANDING, Recorder, Site, running
from tests.waiting import until

pytestmark = pytest.mark.anyio

NOW = "2023-11-14T22:13:20Z"
BOOT = {
    "chargePointVendor": "Acme",
    "chargePointModel": "Old 22",
    "chargePointSerialNumber": "x",
    "firmwareVersion": "1",
}
ANN = right("ann", "ANNSCAR")


class RealRules(Recorder):
    """The rules of a site with one EVSE, ``cs-1``, and Ann's car at it; her plate is her token."""

    def __init__(self) -> None:
        super().__init__()
        self.site = Rules(facility(11_000), now_ms=STANDING.now_ms())
        self.site.drive_through("in-1", "ANNSCAR", ANN)
        self.server: Any = None

    async def submit(self, given: Input) -> Answer | None:
        await asyncio.sleep(0)
        self.seen.append(given)
        known = len(self.site.setpoints)
        answer = self.site.give(given)
        for setpoint in self.site.setpoints[known:]:
            if isinstance(setpoint, LimitSetpoint):
                self.server.send_limit(setpoint)
            elif isinstance(setpoint, OrderSetpoint):
                self.server.send_order(setpoint)
        return answer


CallError = tuple[str, str]


@dataclass
class Old:
    """A 1.6 station. ``answers`` are by action: a payload, or a CALLERROR's code and description."""

    connection: ClientConnection
    answers: dict[str, dict[str, Any] | CallError]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    told: "asyncio.Queue[list[Any]]" = field(default_factory=asyncio.Queue)
    count: int = 0

    async def live(self) -> None:
        async for frame in self.connection:
            message = json.loads(frame)
            if message[0] != 2:
                self.told.put_nowait(message)
                continue
            _, message_id, action, payload = message
            self.asked.append((action, payload))
            answer = self.answers.get(action, ("NotImplemented", ""))
            reply = [3, message_id, answer] if isinstance(answer, dict) else [4, message_id, *answer, {}]
            await self.connection.send(json.dumps(reply))

    async def say(self, action: str, payload: Any) -> list[Any]:
        """Call the server, and what it says."""
        self.count += 1
        return await self.send(json.dumps([2, f"19223{self.count}", action, payload]))

    async def send(self, frame: str) -> list[Any]:
        await self.connection.send(frame)
        async with asyncio.timeout(5):
            return await self.told.get()

    def of(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.asked if name == action]


GOOD: dict[str, dict[str, Any] | CallError] = {
    "GetConfiguration": {
        "configurationKey": [
            {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current"},
            {"key": "ConnectorPhaseRotation", "readonly": False, "value": "0.RST, 1.RST, 2.RST"},
        ],
        "unknownKey": [],
    },
    "ChangeConfiguration": {"status": "Accepted"},
    "SetChargingProfile": {"status": "Accepted"},
    "TriggerMessage": {"status": "Accepted"},
    "RemoteStopTransaction": {"status": "Accepted"},
}


@asynccontextmanager
async def site_of_old_ones() -> AsyncIterator[tuple[Site, RealRules]]:
    rules = RealRules()
    async with running("cs-1", rules=rules) as site:
        rules.server = site.server
        yield site, rules


@asynccontextmanager
async def old(site: Site, **answers: dict[str, Any] | CallError) -> AsyncIterator[Old]:
    async with site.dial("cs-1", offered=("ocpp1.6",)) as connection:
        station = Old(connection, GOOD | answers)
        living = asyncio.create_task(station.live())
        try:
            yield station
        finally:
            living.cancel()
            await asyncio.wait({living})


def limited(rules: RealRules) -> bool:
    return any(e.outcome == "ACCEPTED" for e in rules.site.of(LimitAnswered))


def start(**more: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "ANNSCAR", "meterStart": 1000, "timestamp": NOW, **more}


async def test_the_subprotocol_says_which_version_a_station_speaks_and_2_0_1_is_preferred() -> None:
    async with site_of_old_ones() as (site, rules):
        async with site.dial("cs-1", offered=("ocpp1.6",)) as connection:
            assert connection.subprotocol == "ocpp1.6"
            await until(lambda: rules.of(StationOpened, "cs-1"))
        async with site.dial("cs-1", offered=("ocpp1.6", "ocpp2.0.1")) as connection:
            assert connection.subprotocol == "ocpp2.0.1"
    assert rules.of(StationOpened, "cs-1")[0].ocpp_version == "1.6"


async def test_a_station_boots_gets_its_limit_charges_and_stops() -> None:
    async with site_of_old_ones() as (site, rules), old(site) as station:
        [kind, _, conf] = await station.say("BootNotification", BOOT)
        assert (kind, conf["status"], conf["interval"]) == (3, "Accepted", 300)
        for connector in (0, 1):
            status = {"connectorId": connector, "errorCode": "NoError", "status": "Available", "timestamp": NOW}
            assert (await station.say("StatusNotification", status))[2] == {}
        await until(lambda: limited(rules))
        assert (await station.say("Authorize", {"idTag": "annscar"}))[2] == {"idTagInfo": {"status": "Accepted"}}
        [_, _, began] = await station.say("StartTransaction", start(timestamp="2023-11-14T21:13:20Z"))
        assert began["idTagInfo"] == {"status": "Accepted"}
        number = began["transactionId"]
        reading = {
            "timestamp": "2023-11-14T21:43:20.000Z",
            "sampledValue": [{"value": "1.5", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}],
        }
        values = {"connectorId": 1, "transactionId": number, "meterValue": [reading]}
        assert (await station.say("MeterValues", values))[2] == {}
        stop = {"transactionId": number, "meterStop": 2000, "timestamp": NOW, "reason": "EVDisconnected"}
        assert (await station.say("StopTransaction", stop))[2] == {}
    assert [e.energy_wh for e in rules.site.of(TransactionEnded)] == [1_000]
    assert rules.site.of(StationBooted)[0].model == "Old 22"


async def test_limits_come_in_the_amperes_that_it_takes_over_its_three_phases() -> None:
    async with site_of_old_ones() as (site, rules), old(site) as station:
        await station.say("BootNotification", BOOT)
        await until(lambda: limited(rules))
        schedule = station.of("SetChargingProfile")[0]["csChargingProfiles"]["chargingSchedule"]
    assert schedule == {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 15.1, "numberPhases": 3}],
    }


async def test_a_station_that_answers_no_question_and_wants_a_reboot_for_each_setting_is_limited_all_the_same() -> None:
    mute: dict[str, Any] = {
        "GetConfiguration": ("NotSupported", "Requested Action is recognized but not supported"),
        "ChangeConfiguration": {"status": "RebootRequired"},
    }
    async with site_of_old_ones() as (site, rules), old(site, **mute) as station:
        await station.say("BootNotification", BOOT)
        await until(lambda: limited(rules))
        await until(lambda: len(station.of("ChangeConfiguration")) == 12)


async def test_a_station_without_smart_charging_is_known_to_refuse_limits() -> None:
    for answer in ({"status": "NotSupported"}, ("NotImplemented", "unknown")):
        async with site_of_old_ones() as (site, rules), old(site, SetChargingProfile=answer) as station:  # type: ignore[arg-type]
            await station.say("BootNotification", BOOT)
            await until(lambda: rules.site.of(LimitAnswered))
            assert rules.site.state.promise("cs-1", 1).refuses_limits
            assert (await station.say("Authorize", {"idTag": "ANNSCAR"}))[2]["idTagInfo"]["status"] == "Accepted"


async def test_a_start_whose_answer_was_lost_is_told_the_same_number_on_the_next_connection() -> None:
    async with site_of_old_ones() as (site, rules):
        async with old(site) as station:
            await station.say("BootNotification", BOOT)
            await until(lambda: limited(rules))
            [_, _, first] = await station.say("StartTransaction", start())
        async with old(site) as station:
            [_, _, again] = await station.say("StartTransaction", start())
        assert again == first
        assert len(rules.site.of(TransactionStarted)) == 1


async def test_a_stop_of_a_transaction_from_before_our_time_is_taken() -> None:
    async with site_of_old_ones() as (site, rules), old(site) as station:
        stop = {
            "transactionId": 1,
            "idTag": "0",
            "meterStop": 2000,
            "timestamp": "2023-11-01T00:00:00",
            "reason": "PowerLoss",
        }
        assert (await station.say("StopTransaction", stop))[0] == 3
    assert [e.session_id for e in rules.site.of(TransactionEnded)] == [None]


async def test_a_remote_stop_names_the_number() -> None:
    async with site_of_old_ones() as (site, rules), old(site) as station:
        await station.say("BootNotification", BOOT)
        await until(lambda: limited(rules))
        number = (await station.say("StartTransaction", start()))[2]["transactionId"]
        assert transaction_key("cs-1", str(number)) in rules.site.state.transactions
        order = OrderSetpoint("log-1", "cs-1", StopCharging(str(number)), STANDING.now_ms() + 60_000)
        site.server.send_order(order)
        await until(lambda: station.of("RemoteStopTransaction"))
    assert station.of("RemoteStopTransaction") == [{"transactionId": number}]


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("BootNotification", {"chargePointVendor": "V"}, "OccurenceConstraintViolation"),
        ("BootNotification", {**BOOT, "color": "red"}, "FormationViolation"),
        ("BootNotification", {**BOOT, "chargePointModel": "M" * 21}, "PropertyConstraintViolation"),
        ("BootNotification", [], "TypeConstraintViolation"),
        (
            "StartTransaction",
            {"connectorId": "1", "idTag": "A", "meterStart": 0, "timestamp": NOW},
            "TypeConstraintViolation",
        ),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Occupied"},
            "PropertyConstraintViolation",
        ),
        ("RemoteStartTransaction", {"idTag": "A"}, "NotSupported"),
        ("TransactionEvent", {}, "NotImplemented"),
    ],
)
async def test_what_breaks_the_protocol_is_refused_in_the_words_of_1_6(action: str, payload: Any, code: str) -> None:
    async with site_of_old_ones() as (site, _), old(site) as station:
        assert (await station.say(action, payload))[:3] == [4, "192231", code]
        assert (await station.send("not json"))[2] == "GenericError"
        assert (await station.say("Heartbeat", {}))[0] == 3


async def test_the_security_extension_is_spoken() -> None:
    async with site_of_old_ones() as (site, _), old(site) as station:
        event = {"type": "StartupOfTheDevice", "timestamp": NOW}
        assert (await station.say("SecurityEventNotification", event))[2] == {}
        assert (await station.say("SignCertificate", {"csr": "-----BEGIN"}))[2] == {"status": "Rejected"}
        assert (await station.say("LogStatusNotification", {"status": "Idle"}))[2] == {}
        signed = {"status": "Installed", "requestId": 1}
        assert (await station.say("SignedFirmwareStatusNotification", signed))[2] == {}
        assert (await station.say("DataTransfer", {"vendorId": "org.acme", "data": "{}"}))[2] == {
            "status": "UnknownVendorId"
        }


async def test_any_message_of_1_6_can_be_sent_and_what_it_does_not_know_cannot() -> None:
    async with site_of_old_ones() as (site, _), old(site, GetLocalListVersion={"listVersion": 3}) as station:
        await station.say("BootNotification", BOOT)
        told = await site.server.call("cs-1", "GetLocalListVersion", {})
        assert told.payload == {"listVersion": 3}  # type: ignore[union-attr]
        with pytest.raises(InvalidCall):
            await site.server.call("cs-1", "GetVariables", {})
        with pytest.raises(InvalidCall):
            await site.server.call("cs-1", "UnlockConnector", {"connectorId": "one"})
