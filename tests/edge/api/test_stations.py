"""The edge's API over stations: every message to one over real sockets, who may send it, and what can go wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ocpp.v201.enums import Action

from edge.api.stations import FOR_ATTENDANTS
from edge.ocpp.rpc import FRAME_BYTES_MAX
from edge.schemas import v201_dialect
from tests.edge.messages_kit import House, Wire, bearer, housed
from tests.edge.ocpp.samples import least, schema
from tests.waiting import until

pytestmark = pytest.mark.anyio
TO_STATIONS = [
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "ClearDisplayMessage",
    "ClearVariableMonitoring",
    "CostUpdated",
    "CustomerInformation",
    "DataTransfer",
    "DeleteCertificate",
    "GetBaseReport",
    "GetChargingProfiles",
    "GetCompositeSchedule",
    "GetDisplayMessages",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "GetMonitoringReport",
    "GetReport",
    "GetTransactionStatus",
    "GetVariables",
    "InstallCertificate",
    "PublishFirmware",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SetDisplayMessage",
    "SetMonitoringBase",
    "SetMonitoringLevel",
    "SetNetworkProfile",
    "SetVariableMonitoring",
    "SetVariables",
    "TriggerMessage",
    "UnlockConnector",
    "UnpublishFirmware",
    "UpdateFirmware",
]
"""Part 2 of the specification, the requests that a CSMS sends."""
MAX_PROFILE = {
    "id": 900,
    "stackLevel": 0,
    "chargingProfilePurpose": "ChargingStationMaxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 50_000}]}
    ],
}
BESIDE_THE_BOOKS: dict[str, dict[str, Any]] = {
    "SetChargingProfile": {"evseId": 0, "chargingProfile": MAX_PROFILE},
    "ClearChargingProfile": {"chargingProfileId": 900},
}
"""Of these, the least that the schema allows would break the power books."""


def least_of(action: str) -> dict[str, Any]:
    root = schema(f"{action}Request")
    made: dict[str, Any] = BESIDE_THE_BOOKS.get(action) or least(root, root)
    return made


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with housed(tmp_path_factory.mktemp("house"), "dc-1", "dc-2", timeout_real_s=0.5) as found:
        yield found


@pytest.fixture(scope="module")
async def connected(house: House) -> AsyncIterator[Wire]:
    async with house.station() as found:
        await found.boot()
        await until(lambda: found.told("GetBaseReport"))
        yield found


@pytest.fixture
async def wire(connected: Wire) -> Wire:
    """Station dc-1, which answers what its schema asks unless a test says otherwise."""
    connected.answers.clear()
    return connected


def test_the_two_directions_are_all_of_the_specification() -> None:
    dialect = v201_dialect()
    assert sorted(str(a) for a in Action if dialect.goes_to_station(a)) == TO_STATIONS
    assert len(dialect.from_station | set(TO_STATIONS)) == 64


@pytest.mark.parametrize("action", TO_STATIONS)
async def test_every_message_can_be_sent_and_the_stations_answer_comes_back(
    house: House, wire: Wire, action: str
) -> None:
    payload = least_of(action)
    answer = await house.post(action, payload)
    assert answer.status_code == 200, answer.text
    root = schema(f"{action}Response")
    assert answer.json() == least(root, root)
    assert wire.told(action)[-1] == payload


@pytest.mark.parametrize("action", TO_STATIONS)
async def test_every_message_is_judged_by_its_schema_before_it_leaves(house: House, wire: Wire, action: str) -> None:
    sent = len(wire.told(action))
    answer = await house.post(action, {**least_of(action), "nonsense": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "nonsense" in answer.json()["detail"]
    assert len(wire.told(action)) == sent


@pytest.mark.parametrize(
    ("action", "payload", "where"),
    [
        ("Reset", {}, "type"),
        ("Reset", {"type": "Sometimes"}, "type: "),
        ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": "one"}}, "evse/id: "),
        ("SetVariables", {"setVariableData": []}, "setVariableData: "),
    ],
)
async def test_an_invalid_payload_is_told_with_its_field(
    house: House, wire: Wire, action: str, payload: dict[str, Any], where: str
) -> None:
    answer = await house.post(action, payload)
    assert answer.status_code == 422
    assert where in answer.json()["detail"]


async def test_a_payload_that_is_no_json_object_is_invalid(house: House, wire: Wire) -> None:
    assert (await house.post("Reset", ["type"])).status_code == 422
    headers = {**bearer("manager"), "Content-Type": "application/json"}
    spoiled = await house.client.post("/api/v1/stations/dc-1/messages/Reset", content=b"{", headers=headers)
    assert spoiled.status_code == 422
    endless = b'{"data": NaN, "vendorId": "V"}'
    answer = await house.client.post("/api/v1/stations/dc-1/messages/DataTransfer", content=endless, headers=headers)
    assert answer.status_code == 422
    assert (await house.post("DataTransfer", {"vendorId": "V", "data": "x" * FRAME_BYTES_MAX})).status_code == 422


async def test_who_is_not_here_is_told_from_what_is_not_known(house: House) -> None:
    assert (await house.post("Explode", {})).status_code == 404
    assert (await house.post("Heartbeat", {})).status_code == 404
    assert (await house.post("ClearCache", {}, to="dc-9")).status_code == 404
    away = await house.post("ClearCache", {}, to="dc-2")
    assert (away.status_code, away.json()["detail"]) == (503, "dc-2 is not connected")
    assert (await house.post("Explode", {}, to="dc-2")).status_code == 404


async def test_an_error_of_the_station_is_handed_on_with_code_and_description(house: House, wire: Wire) -> None:
    wire.answers["ClearCache"] = ("NotSupported", "no cache here")
    answer = await house.post("ClearCache", {})
    assert answer.status_code == 502
    told = answer.json()
    assert (told["code"], told["description"]) == ("NotSupported", "no cache here")


async def test_an_answer_that_its_schema_refuses_is_shown_as_such(house: House, wire: Wire) -> None:
    wire.answers["ClearCache"] = {"status": "Perhaps"}
    answer = await house.post("ClearCache", {})
    assert answer.status_code == 502
    assert answer.json()["response"] == {"status": "Perhaps"}


async def test_silence_is_a_timeout_and_says_that_it_may_have_been_done(house: House, wire: Wire) -> None:
    wire.answers["ClearCache"] = None
    answer = await house.post("ClearCache", {})
    assert answer.status_code == 504
    assert "may have been done" in answer.json()["detail"]


async def test_a_station_that_goes_away_before_it_answers_is_said_to_be_away_or_silent(house: House) -> None:
    async with house.station("dc-2") as wire:
        await wire.boot()
        wire.answers["ClearCache"] = None
        asked = asyncio.create_task(house.post("ClearCache", {}, to="dc-2"))
        await until(lambda: wire.told("ClearCache"))
        await wire.connection.close()
        assert (await asked).status_code in (503, 504)


# Who may.


async def test_no_token_no_message(house: House) -> None:
    answer = await house.client.post("/api/v1/stations/dc-1/messages/ClearCache", json={})
    assert answer.status_code == 401


@pytest.mark.parametrize("action", TO_STATIONS)
async def test_attendants_may_send_what_runs_the_site_and_managers_everything(
    house: House, wire: Wire, action: str
) -> None:
    assert (await house.post(action, least_of(action), token="device")).status_code == 403
    expected = 200 if action in FOR_ATTENDANTS else 403
    assert (await house.post(action, least_of(action), token="attendant")).status_code == expected


async def test_who_sent_a_message_is_on_record_but_not_what_it_said(house: House, wire: Wire) -> None:
    await house.post("ClearCache", {}, token="attendant")
    assert house.events("StationMessageSent")[-1] == {
        "station_id": "dc-1",
        "action": "ClearCache",
        "sent_by": "attendant",
    }


# The power books.


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        (
            "SetChargingProfile",
            {"evseId": 1, "chargingProfile": {**MAX_PROFILE, "chargingProfilePurpose": "TxDefaultProfile"}},
        ),
        (
            "SetChargingProfile",
            {"evseId": 1, "chargingProfile": {**MAX_PROFILE, "chargingProfilePurpose": "TxProfile"}},
        ),
        ("SetChargingProfile", {"evseId": 0, "chargingProfile": {**MAX_PROFILE, "id": 11}}),
        ("ClearChargingProfile", {}),
        ("ClearChargingProfile", {"chargingProfileId": 10}),
        ("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 1}}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "smartchargingctrlr"},
                        "variable": {"name": "Enabled"},
                        "attributeValue": "false",
                    }
                ]
            },
        ),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "AuthCtrlr"},
                        "variable": {"name": "OfflineTxForUnknownIdEnabled"},
                        "attributeValue": "true",
                    }
                ]
            },
        ),
        (
            "RequestStartTransaction",
            {"idToken": {"idToken": "a", "type": "Central"}, "remoteStartId": 1, "chargingProfile": MAX_PROFILE},
        ),
    ],
)
async def test_what_would_break_the_power_books_is_refused_with_the_reason(
    house: House, wire: Wire, action: str, payload: dict[str, Any]
) -> None:
    sent = len(wire.told(action))
    answer = await house.post(action, payload)
    assert answer.status_code == 409
    assert "books" in answer.json()["detail"]
    assert len(wire.told(action)) == sent


async def test_a_ceiling_of_the_whole_station_only_lowers_so_it_may_be_set_and_cleared(
    house: House, wire: Wire
) -> None:
    assert (await house.post("SetChargingProfile", BESIDE_THE_BOOKS["SetChargingProfile"])).status_code == 200
    cleared = {"chargingProfileCriteria": {"chargingProfilePurpose": "ChargingStationMaxProfile"}}
    assert (await house.post("ClearChargingProfile", cleared)).status_code == 200


# Reading.


async def test_every_configured_station_is_listed_with_its_state(house: House, wire: Wire) -> None:
    stations = {x["station_id"]: x for x in (await house.get("", token="device"))["stations"]}
    assert (stations["dc-1"]["connected"], stations["dc-1"]["ocpp_version"]) == (True, "2.0.1")
    assert stations["dc-2"]["evses"][0]["connector"] == "CCS"


async def test_a_station_that_nobody_knows_is_not_found(house: House) -> None:
    for path in ("/dc-9", "/dc-9/variables", "/dc-9/notes/event", "/dc-1/notes/gossip"):
        answer = await house.client.get(f"/api/v1/stations{path}", headers=bearer("manager"))
        assert answer.status_code in (404, 422), path


async def test_variables_come_by_name_a_thousand_at_a_time(house: House, wire: Wire) -> None:
    def variable(number: int) -> dict[str, Any]:
        attribute = {"value": str(number)}
        return {
            "component": {"name": f"Part{number:04}"},
            "variable": {"name": "Size"},
            "variableAttribute": [attribute],
        }

    for seq_no in range(11):
        items = [variable(seq_no * 100 + n) for n in range(100)]
        about = {"requestId": 1, "generatedAt": "2023-11-14T12:00:00Z", "seqNo": seq_no, "reportData": items}
        assert len(json.dumps(about)) < 128 * 1024
        await wire.tell("NotifyReport", about)
    first = await house.get("/dc-1/variables?name=PART")
    assert (first["total"], len(first["variables"]), first["variables"][0]["name"]) == (1_100, 1_000, "Part0000.Size")
    rest = await house.get("/dc-1/variables?name=PART&offset=1000")
    assert [x["name"] for x in rest["variables"]][-1] == "Part1099.Size"


async def test_only_a_manager_may_hold_a_station_back(house: House) -> None:
    body = {"status": "Pending"}
    path = "/api/v1/stations/dc-2/registration"
    assert (await house.client.put(path, json=body, headers=bearer("attendant"))).status_code == 403
    assert (await house.client.put(path, json={"status": "Maybe"}, headers=bearer("manager"))).status_code == 422
    assert (await house.client.put(path, json=body, headers=bearer("manager"))).json()["registration"] == "Pending"
    assert (await house.get("/dc-2"))["registration"] == "Pending"
    await house.client.put(path, json={"status": "Accepted"}, headers=bearer("manager"))
