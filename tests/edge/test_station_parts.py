"""Calls that are too long for a station, and the device model that its answers fill, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.ocpp.notes import Kind
from edge.rules.inputs import LimitSetpoint, StationOpened
from edge.rules.station_inputs import ListRoomTold
from tests.edge.messages_kit import House, Told, Wire, housed
from tests.edge.stations_kit import STANDING, Recorder, running
from tests.edge.test_stations_v16 import BOOT, GOOD, Old
from tests.waiting import until, until_told

pytestmark = pytest.mark.anyio
READ = {name: f"{name}!" for name in "ABCDE"}


def variable(name: str) -> dict[str, Any]:
    return {"component": {"name": "C"}, "variable": {"name": name}}


def asked_of(*names: str) -> dict[str, Any]:
    return {"getVariableData": [variable(name) for name in names]}


def read(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """An answer to GetVariables; ``known`` by variable name, or by its instance."""
    results = []
    for item in payload["getVariableData"]:
        named = item["variable"]
        value = known.get(f"{item['component']['name']}.{named['name']}({named.get('instance', '')})")
        value = value or known.get(named["name"])
        status = {"attributeStatus": "UnknownVariable"} if value is None else {"attributeStatus": "Accepted"}
        results.append({**item, **status, **({} if value is None else {"attributeValue": value})})
    return {"getVariableResult": results}


def narrow(most: int, known: Mapping[str, str]) -> Callable[[dict[str, Any]], Told]:
    """A station that refuses more than so many variables at once, whole."""

    def answer(payload: dict[str, Any]) -> Told:
        if len(payload["getVariableData"]) > most:
            return "OccurenceConstraintViolation", f"at most {most}"
        return read(payload, known)

    return answer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path, "dc-1") as found:
        yield found


async def come_up(house: House, wire: Wire, most: int, **declared: str) -> None:
    """Boot, and wait until the station was asked for its bounds and its answer was taken in."""
    known = {f"DeviceDataCtrlr.ItemsPerMessage({action})": value for action, value in declared.items()}
    wire.answers["GetVariables"] = narrow(most, {**READ, **known, "ProfileStackLevel": "8"})
    await wire.boot()

    async def taken_in() -> bool:
        return await value(house, "SmartChargingCtrlr.ProfileStackLevel") == "8"

    await until_told(taken_in)


async def value(house: House, name: str) -> str | None:
    found = (await house.get(f"/dc-1/variables?name={name}"))["variables"]
    return found[0]["variableAttribute"][0]["value"] if found else None


def sizes(wire: Wire) -> list[int]:
    return [len(x["getVariableData"]) for x in wire.told("GetVariables")]


async def test_a_list_goes_in_parts_of_what_the_station_declares_and_comes_back_as_one(house: House) -> None:
    async with house.station() as wire:
        await come_up(house, wire, most=2, GetVariables="2")
        before = len(sizes(wire))
        answer = await house.post("GetVariables", asked_of(*READ))
        assert answer.status_code == 200, answer.text
        assert [x["attributeValue"] for x in answer.json()["getVariableResult"]] == list(READ.values())
        assert sizes(wire)[before:] == [2, 2, 1]


async def test_a_station_that_declares_nothing_and_finds_a_list_too_long_gets_less_at_once(house: House) -> None:
    async with house.station() as wire:
        await come_up(house, wire, most=2)
        answer = await house.post("GetVariables", asked_of(*READ))
        assert [x["attributeValue"] for x in answer.json()["getVariableResult"]] == list(READ.values())


async def test_a_refusal_of_a_part_says_that_others_were_done(house: House) -> None:
    async with house.station() as wire:
        await come_up(house, wire, most=9, SetVariables="1")
        items = [{**variable(name), "attributeValue": "1"} for name in "AB"]

        def only_the_first(payload: dict[str, Any]) -> Told:
            if payload["setVariableData"] != items[:1]:
                return "InternalError", "no"
            return {"setVariableResult": [{**variable("A"), "attributeStatus": "Accepted"}]}

        wire.answers["SetVariables"] = only_the_first
        answer = await house.post("SetVariables", {"setVariableData": items})
        assert (answer.status_code, answer.json()["code"]) == (502, "InternalError")
        assert "after 1 part" in answer.json()["description"]
        assert await value(house, "C.A") == "1"


async def test_what_was_answered_and_what_an_event_tells_is_read_back_as_said_last(house: House) -> None:
    async with house.station() as wire:
        await come_up(house, wire, most=9)
        await house.post("GetVariables", asked_of("A"))
        assert await value(house, "C.A") == "A!"
        event = {
            **variable("A"),
            "eventId": 1,
            "timestamp": "2026-01-01T00:00:00Z",
            "trigger": "Alerting",
            "actualValue": "hot",
            "eventNotificationType": "CustomMonitor",
        }
        await wire.tell("NotifyEvent", {"generatedAt": event["timestamp"], "seqNo": 0, "eventData": [event]})
        assert await value(house, "C.A") == "hot"


async def test_a_monitor_is_read_back_from_its_setting_to_its_clearing(house: House) -> None:
    async with house.station() as wire:
        await wire.boot()
        asked = {**variable("A"), "value": 8.0, "type": "UpperThreshold", "severity": 5}
        for number in (1, 10):
            result = {**variable("A"), "status": "Accepted", "id": number, "type": "UpperThreshold", "severity": 5}
            wire.answers["SetVariableMonitoring"] = {"setMonitoringResult": [result]}
            await house.post("SetVariableMonitoring", {"setMonitoringData": [asked]})
        wire.answers["ClearVariableMonitoring"] = {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}]}
        await house.post("ClearVariableMonitoring", {"id": [1]})
        assert [(x["key"], x["body"]["value"]) for x in await house.notes("monitor")] == [("10", 8.0)]


async def test_the_rules_hear_how_long_a_local_list_a_station_takes() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        wire = Wire(connection)
        known = {"LocalAuthListCtrlr.ItemsPerMessage()": "7", "LocalAuthListCtrlr.BytesPerMessage()": "900"}
        wire.answers["GetVariables"] = narrow(99, known)
        await talked(wire, lambda: site.rules.of(ListRoomTold))
        assert site.rules.of(ListRoomTold) == [ListRoomTold("dc-1", per_message=4, in_all=None)]


async def test_the_keys_of_an_old_station_are_read_whole_and_bound_its_local_list() -> None:
    rules = Recorder()
    async with running("dc-1", rules=rules) as site, site.dial("dc-1", offered=("ocpp1.6",)) as connection:
        keys = {"SendLocalListMaxLength": "20", "LocalAuthListMaxLength": "100", "AuthorizationKey": "s3cret"}
        told = [{"key": key, "readonly": False, "value": text} for key, text in keys.items()]
        station = Old(connection, {**GOOD, "GetConfiguration": {"configurationKey": told}})
        living = asyncio.create_task(station.live())
        await station.say("BootNotification", BOOT)
        await until(lambda: rules.of(ListRoomTold), 20)
        assert rules.of(ListRoomTold) == [ListRoomTold("dc-1", per_message=20, in_all=100)]
        assert "s3cret" not in str(await site.server.book.notes("dc-1", Kind.VARIABLE))
        living.cancel()
        await asyncio.wait({living})


async def test_the_first_limit_waits_for_the_unit_though_each_question_must_go_alone() -> None:
    async with running("ac-1") as site, site.dial("ac-1") as connection:
        wire = Wire(connection)
        wire.answers["GetVariables"] = narrow(1, {"RateUnit": "A", "SupplyPhases": "1"})
        await until(lambda: site.rules.of(StationOpened, "ac-1"))
        site.server.send_limit(LimitSetpoint(1, "ac-1", 1, 7_200, STANDING.now_ms(), None))
        await talked(wire, lambda: wire.told("SetChargingProfile"))
        (schedule,) = wire.told("SetChargingProfile")[0]["chargingProfile"]["chargingSchedule"]
        assert (schedule["chargingRateUnit"], schedule["chargingSchedulePeriod"][0]["limit"]) == ("A", 30.0)


async def talked(wire: Wire, condition: Callable[[], object]) -> None:
    """Boot, and talk until something has come about."""
    talking = asyncio.create_task(wire.talk())
    await wire.boot()
    await until(condition, 20)
    talking.cancel()
    await asyncio.wait({talking})


async def test_a_station_that_has_no_place_for_leases_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        wire = Wire(connection)
        wire.answers["GetVariables"] = narrow(99, {"ProfileStackLevel": "0"})
        await talked(wire, lambda: "too few stack levels" in caplog.text)


async def test_a_station_that_chokes_on_its_own_report_is_asked_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with housed(tmp_path, "dc-1", timeout_real_s=0.2) as house, house.station() as wire:
        wire.answers["GetBaseReport"] = None
        await wire.boot()
        await until(lambda: "station did not answer" in caplog.text, 20)
        assert (await house.post("ClearCache", {})).status_code == 200
        assert wire.told("GetVariables") == []
