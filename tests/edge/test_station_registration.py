"""Registration over real sockets (OCPP 2.0.1 B01 to B03): a station that a person held back is not served."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.rules.inputs import OrderSetpoint
from edge.rules.orders import ClearCache
from tests.edge.messages_kit import House, Wire, bearer, housed
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    async with housed(tmp_path, "dc-1") as found:
        yield found


async def hold(house: House, status: str) -> None:
    path = "/api/v1/stations/dc-1/registration"
    assert (await house.client.put(path, json={"status": status}, headers=bearer("manager"))).status_code == 200


async def refused(wire: Wire, action: str, payload: dict[str, Any]) -> str:
    kind, _, code, *_ = await wire.say(action, payload)
    assert kind == 4
    return str(code)


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_a_station_held_back_is_told_so_and_nothing_else_of_it_is_heard(house: House, status: str) -> None:
    await hold(house, status)
    async with house.station() as wire:
        told = await wire.boot()
        assert (told["status"], told["interval"]) == (status, 60)
        assert await refused(wire, "Heartbeat", {}) == "SecurityError"
        assert (await wire.boot())["status"] == status


async def test_accepted_at_its_next_boot_it_is_heard_and_configured(house: House) -> None:
    await hold(house, "Rejected")
    async with house.station() as wire:
        await wire.boot()
        await hold(house, "Accepted")
        assert await refused(wire, "Heartbeat", {}) == "SecurityError"
        assert (await wire.boot())["status"] == "Accepted"
        assert "currentTime" in await wire.tell("Heartbeat", {})
        await until(lambda: wire.told("GetBaseReport"))


async def test_a_rejected_station_is_asked_nothing_and_who_asks_is_told(house: House) -> None:
    await hold(house, "Rejected")
    async with house.station() as wire:
        await wire.boot()
        assert (await house.post("ClearCache", {})).status_code == 503
        house.site.server.send_order(OrderSetpoint("o-1", "dc-1", ClearCache(), 10**15))
        await wire.boot()
        assert wire.calls == []


async def test_a_pending_station_may_send_what_it_was_asked_for(house: House) -> None:
    await hold(house, "Pending")
    async with house.station() as wire:
        await wire.boot()
        report = {"requestId": 1, "generatedAt": "2023-11-14T12:00:00Z", "seqNo": 0}
        await wire.tell("NotifyReport", report)
        assert await refused(wire, "Heartbeat", {}) == "SecurityError"
        assert (await house.post("TriggerMessage", {"requestedMessage": "Heartbeat"})).status_code == 200
        await wire.tell("Heartbeat", {})


async def test_being_held_back_outlives_the_connection(house: House) -> None:
    await hold(house, "Pending")
    async with house.station() as wire:
        await wire.boot()
    async with house.station() as wire:
        assert await refused(wire, "Heartbeat", {}) == "SecurityError"


async def test_a_station_that_connects_again_without_a_boot_is_heard(house: House) -> None:
    """It may have been accepted by an earlier life of this box, and what it holds back is energy that was delivered."""
    async with house.station() as wire:
        await wire.tell("Heartbeat", {})


# What is asked of a station when it comes up.


async def test_after_a_boot_a_station_is_asked_what_it_is_made_of_and_for_statuses_it_did_not_tell(
    house: House,
) -> None:
    async with house.station() as wire:
        about = {"timestamp": "2023-11-14T12:00:00Z", "connectorStatus": "Available", "connectorId": 1}
        await wire.boot()
        await wire.tell("StatusNotification", {**about, "evseId": 2})
        await until(lambda: wire.told("GetBaseReport"))
        assert wire.told("TriggerMessage") == [
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
        ]
        assert wire.told("GetBaseReport")[0]["reportBase"] == "FullInventory"


async def test_a_station_is_asked_what_it_is_made_of_once_for_each_firmware(house: House) -> None:
    """One that loses its connection over its own report must not lose it at every boot."""
    for boots, asked in ((True, 1), (True, 0), (False, 0)):
        async with house.station() as wire:
            await (wire.boot() if boots else wire.tell("Heartbeat", {}))
            await until(lambda: len(wire.told("TriggerMessage")) == 2)
            await house.post("ClearCache", {})
            await house.post("ClearCache", {})
            assert len(wire.told("GetBaseReport")) == asked
    async with house.station() as wire:
        newer = {"model": "M", "vendorName": "V", "firmwareVersion": "2.0"}
        await wire.tell("BootNotification", {"reason": "FirmwareUpdate", "chargingStation": newer})
        await until(lambda: wire.told("GetBaseReport"))


async def test_a_station_that_refuses_every_setting_and_question_is_served_all_the_same(house: House) -> None:
    async with house.station() as wire:
        for action in ("SetVariables", "TriggerMessage", "GetBaseReport"):
            wire.answers[action] = ("NotImplemented", "")
        await wire.boot()
        await until(lambda: wire.told("GetBaseReport"))
        assert "currentTime" in await wire.tell("Heartbeat", {})


async def test_a_report_that_cannot_be_kept_is_refused_and_a_transaction_is_booked_all_the_same(house: House) -> None:
    async with house.station() as wire:
        await wire.boot()
        house.site.server.book._db.execute("DROP TABLE notes")
        report = {"requestId": 1, "generatedAt": "2023-11-14T12:00:00Z", "seqNo": 0}
        assert await refused(wire, "NotifyReport", report) == "InternalError"
        signed = {"value": 5, "signedMeterValue": json.loads(SIGNED)}
        started = {
            "eventType": "Started",
            "timestamp": "2023-11-14T12:00:00Z",
            "triggerReason": "CablePluggedIn",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "tx-1"},
            "evse": {"id": 1},
            "meterValue": [{"timestamp": "2023-11-14T12:00:00Z", "sampledValue": [signed]}],
        }
        await wire.tell("TransactionEvent", started)
        assert len(house.events("TransactionStarted")) == 1
        assert (await wire.boot())["status"] == "Accepted"


SIGNED = '{"signedMeterData": "A", "signingMethod": "B", "encodingMethod": "C", "publicKey": "D"}'


async def test_a_station_that_boots_again_on_its_connection_is_told_its_settings_again(house: House) -> None:
    async with house.station() as wire:
        await wire.boot()
        await until(lambda: wire.told("GetBaseReport"))
        told = len(wire.told("SetVariables"))
        await wire.boot()
        await until(lambda: len(wire.told("SetVariables")) == 2 * told)
