"""The law of the 25 messages that an OCPP 2.0.1 station sends, over real sockets: what each changes in the facility."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest

from edge.ocpp.moments import written
from tests.edge.messages_kit import House, Wire, housed
from tests.edge.ocmf_kit import Meter
from tests.waiting import until

pytestmark = pytest.mark.anyio
NOON_MS = int(time.time() * 1_000) - 3_600_000
NOON, LATER = written(NOON_MS), written(NOON_MS + 1_800_000)
TOKEN = {"idToken": "AABBCCDD", "type": "ISO14443"}
POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
SCHEDULE = {
    "id": 1,
    "chargingRateUnit": "W",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11_000}],
}


def reading(wh: float, at: str = NOON, **more: Any) -> list[dict[str, Any]]:
    return [{"timestamp": at, "sampledValue": [{"value": wh, **more}]}]


def event(kind: str, seq_no: int, **more: Any) -> dict[str, Any]:
    about = {"transactionId": "tx-1", **more.pop("about", {})}
    return {
        "eventType": kind,
        "timestamp": more.pop("at", NOON),
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": about,
        **more,
    }


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    async with housed(tmp_path, "dc-1") as found:
        yield found


@pytest.fixture
async def wire(house: House) -> Any:
    async with house.station() as found:
        await found.boot()
        yield found


async def test_boot_notification_books_the_boot_and_keeps_what_the_station_is(house: House, wire: Wire) -> None:
    assert house.events("StationBooted") == [
        {"station_id": "dc-1", "vendor": "V", "model": "M", "firmware": "1.0", "reason": "PowerUp"}
    ]
    told = await house.get("/dc-1")
    assert told["charging_station"]["serialNumber"] == "S-1"
    assert (told["model"], told["firmware"], told["registration"]) == ("V M", "1.0", "Accepted")


async def test_heartbeat_is_answered_with_our_time_and_seen(house: House, wire: Wire) -> None:
    assert (await wire.tell("Heartbeat", {}))["currentTime"].endswith("Z")
    assert (await house.get(""))["stations"][0]["last_seen_ms"] is not None


async def test_status_notification_is_kept_by_connector_and_an_evse_is_taken_when_one_is(
    house: House, wire: Wire
) -> None:
    for connector_id, status in ((1, "Available"), (2, "Occupied"), (1, "Unavailable")):
        about = {"timestamp": NOON, "connectorStatus": status, "evseId": 1, "connectorId": connector_id}
        await wire.tell("StatusNotification", about)
    (station,) = (await house.get(""))["stations"]
    assert station["evses"][0]["status"] == "Occupied"
    assert station["evses"][0]["connectors"] == {"1/1": "Unavailable", "1/2": "Occupied"}


async def test_authorize_is_judged_by_the_rules(house: House, wire: Wire) -> None:
    told = await wire.tell("Authorize", {"idToken": TOKEN})
    assert told["idTokenInfo"]["status"] in ("Invalid", "Unknown")
    assert len(house.events("ChargingRefused")) == 1


async def test_transaction_event_books_a_transaction_and_keeps_what_the_meter_signed(house: House, wire: Wire) -> None:
    signed = {"signedMeterData": "AA==", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "BB=="}
    begin = reading(1_000, context="Transaction.Begin", signedMeterValue=signed)
    await wire.tell("TransactionEvent", event("Started", 0, evse={"id": 1, "connectorId": 1}, meterValue=begin))
    assert (await house.get(""))["stations"][0]["transactions"] == ["tx-1"]
    end = reading(3_000, LATER, context="Transaction.End")
    await wire.tell("TransactionEvent", event("Ended", 1, at=LATER, meterValue=end))
    (ended,) = house.events("TransactionEnded")
    assert ended["energy_wh"] == 2_000
    (kept,) = await house.notes("signed-value")
    assert kept["key"] == f"tx-1/{NOON}/Transaction.Begin"
    assert kept["body"]["signedMeterValue"] == signed


async def test_meter_values_of_an_evse_are_its_running_transactions(house: House, wire: Wire) -> None:
    await wire.tell("TransactionEvent", event("Started", 0, evse={"id": 1}, meterValue=reading(1_000)))
    await wire.tell("MeterValues", {"evseId": 1, "meterValue": reading(1.5, LATER, unitOfMeasure={"unit": "kWh"})})
    assert [x["register_wh"] for x in house.events("EnergyMetered")][-1] == 1_500


async def test_notify_report_fills_the_device_model_which_can_be_read_back(house: House, wire: Wire) -> None:
    item = {
        **POWER,
        "variableAttribute": [{"type": "Actual", "value": "7000", "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "decimal", "supportsMonitoring": True, "unit": "W"},
    }
    about = {"requestId": 3, "generatedAt": NOON, "seqNo": 0}
    await wire.tell("NotifyReport", {**about, "tbc": True, "reportData": [item]})
    (kept,) = (await house.get("/dc-1/variables?name=power"))["variables"]
    assert kept["name"] == "EVSE[1].Power"
    assert kept["variableAttribute"][0]["value"] == "7000"
    await wire.tell("NotifyReport", {**about, "seqNo": 1})
    told = await house.get("/dc-1/variables?name=nothing")
    assert (told["total"], [x["body"]["complete"] for x in told["reports"]]) == (0, [True])


async def test_notify_monitoring_report_keeps_each_monitor(house: House, wire: Wire) -> None:
    monitor = {"id": 5, "transaction": False, "value": 90.0, "type": "UpperThreshold", "severity": 4}
    told = {"requestId": 3, "seqNo": 0, "generatedAt": NOON, "monitor": [{**POWER, "variableMonitoring": [monitor]}]}
    await wire.tell("NotifyMonitoringReport", told)
    (kept,) = await house.notes("monitor")
    assert (kept["key"], kept["body"]["value"]) == ("5", 90.0)


async def test_notify_event_keeps_each_event_once(house: House, wire: Wire) -> None:
    happened = {
        **POWER,
        "eventId": 9,
        "timestamp": NOON,
        "trigger": "Alerting",
        "actualValue": "95",
        "eventNotificationType": "CustomMonitor",
    }
    for _ in range(2):
        await wire.tell("NotifyEvent", {"generatedAt": NOON, "seqNo": 0, "eventData": [happened]})
    (kept,) = await house.notes("event")
    assert kept["body"]["actualValue"] == "95"


async def test_report_charging_profiles_keeps_the_newest_answer(house: House, wire: Wire) -> None:
    profile = {
        "id": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [SCHEDULE],
    }
    for request_id, found in ((1, [profile, {**profile, "id": 8}]), (2, [profile])):
        about = {"requestId": request_id, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": found}
        await wire.tell("ReportChargingProfiles", about)
    assert [x["key"] for x in await house.notes("profile")] == ["2/1/CSO/7"]


async def test_notify_display_messages_keeps_the_newest_list(house: House, wire: Wire) -> None:
    message = {"id": 4, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "hello"}}
    for request_id in (1, 2):
        await wire.tell("NotifyDisplayMessages", {"requestId": request_id, "messageInfo": [message]})
    assert [x["key"] for x in await house.notes("display-message")] == ["2/4"]


async def test_notify_charging_limit_is_kept_until_cleared_charging_limit(house: House, wire: Wire) -> None:
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 1, "chargingSchedule": [SCHEDULE]}
    await wire.tell("NotifyChargingLimit", limit)
    (kept,) = (await house.get("/dc-1"))["external_limits"]
    assert kept["body"]["chargingLimit"] == {"chargingLimitSource": "EMS"}
    await wire.tell("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 2})
    assert len((await house.get("/dc-1"))["external_limits"]) == 1
    await wire.tell("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1})
    assert (await house.get("/dc-1"))["external_limits"] == []


async def test_notify_customer_information_is_kept_for_managers_alone(house: House, wire: Wire) -> None:
    told = {"data": "ada, 4 visits", "seqNo": 0, "generatedAt": NOON, "requestId": 8}
    await wire.tell("NotifyCustomerInformation", told)
    assert [x["body"]["data"] for x in await house.notes("customer")] == ["ada, 4 visits"]
    refused = await house.client.get(
        "/api/v1/stations/dc-1/notes/customer", headers={"Authorization": "Bearer attendant"}
    )
    assert refused.status_code == 403


async def test_security_event_notification_raises_an_alert_once(house: House, wire: Wire) -> None:
    tampered = {"type": "TamperDetectionActivated", "timestamp": NOON, "techInfo": "door"}
    for told in (tampered, tampered, {"type": "InvalidMessages", "timestamp": NOON}):
        await wire.tell("SecurityEventNotification", told)
    alerts = [(x["kind"], x["critical"]) for x in house.events("SecurityEventReported")]
    assert alerts == [("TamperDetectionActivated", True), ("InvalidMessages", False)]
    assert [x["body"]["type"] for x in (await house.get("/dc-1"))["security_events"]] == [
        "InvalidMessages",
        "TamperDetectionActivated",
    ]


@pytest.mark.parametrize(
    ("action", "told", "kept"),
    [
        ("FirmwareStatusNotification", {"status": "Downloading"}, ("FIRMWARE", "")),
        ("LogStatusNotification", {"status": "Uploaded"}, ("LOG", "")),
        (
            "PublishFirmwareStatusNotification",
            {"status": "Published", "location": ["http://a/f"]},
            ("PUBLISH_FIRMWARE", "http://a/f"),
        ),
    ],
)
async def test_a_status_of_firmware_publishing_or_log_is_tracked_with_its_request(
    house: House, wire: Wire, action: str, told: dict[str, Any], kept: tuple[str, str]
) -> None:
    task, info = kept
    for _ in range(2):
        await wire.tell(action, {"requestId": 12, **told})
    assert len(house.events("StationTaskProgressed")) == 1
    assert (await house.get("/dc-1"))["tasks"] == {task: {"request_id": 12, "status": told["status"], "info": info}}


async def test_reservation_status_update_is_booked(house: House, wire: Wire) -> None:
    await wire.tell("ReservationStatusUpdate", {"reservationId": 3, "reservationUpdateStatus": "Expired"})
    assert house.events("StationReservationEnded") == [{"station_id": "dc-1", "reservation_id": 3, "status": "Expired"}]


async def test_notify_ev_charging_needs_is_booked_for_the_sharing_of_power(house: House, wire: Wire) -> None:
    needs = {
        "requestedEnergyTransfer": "DC",
        "departureTime": "2023-11-14T18:00:00Z",
        "dcChargingParameters": {
            "evMaxCurrent": 200,
            "evMaxVoltage": 400,
            "stateOfCharge": 20,
            "evEnergyCapacity": 60_000,
        },
    }
    told = await wire.tell("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
    assert told["status"] == "Processing"
    assert house.events("EvNeedsReported") == [
        {
            "station_id": "dc-1",
            "evse_id": 1,
            "energy_wh": 48_000,
            "departure_ms": 1_699_984_800_000,
            "power_max_w": 80_000,
        }
    ]
    assert house.runtime.state.needs["dc-1/1"].energy_wh == 48_000
    assert (await wire.tell("NotifyEVChargingNeeds", {"evseId": 9, "chargingNeeds": needs}))["status"] == "Rejected"


async def test_notify_ev_charging_schedule_is_kept(house: House, wire: Wire) -> None:
    told = {"timeBase": NOON, "evseId": 1, "chargingSchedule": SCHEDULE}
    assert (await wire.tell("NotifyEVChargingSchedule", told))["status"] == "Accepted"
    assert [x["body"]["chargingSchedule"] for x in await house.notes("ev-schedule")] == [SCHEDULE]


async def test_certificates_that_nobody_gives_here_are_refused_in_the_specifications_words(wire: Wire) -> None:
    exi = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AA=="}
    assert (await wire.tell("Get15118EVCertificate", exi))["status"] == "Failed"
    asked = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "a",
        "issuerKeyHash": "b",
        "serialNumber": "c",
        "responderURL": "http://ocsp",
    }
    assert (await wire.tell("GetCertificateStatus", {"ocspRequestData": asked}))["status"] == "Failed"
    assert (await wire.tell("SignCertificate", {"csr": "PEM"}))["status"] == "Rejected"


class Desk:
    """A signer that takes what is PEM."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, dict[str, Any]]] = []

    def problem(self, _station_id: str, payload: dict[str, Any]) -> str | None:
        return None if payload["csr"] == "PEM" else "not PEM"

    def sign(self, station_id: str, payload: dict[str, Any]) -> None:
        self.passed.append((station_id, payload))


async def test_sign_certificate_is_accepted_where_somebody_signs_and_passed_on(tmp_path: Path) -> None:
    signer = Desk()
    async with housed(tmp_path, "dc-1", signer=signer) as house, house.station() as wire:
        await wire.boot()
        assert (await wire.tell("SignCertificate", {"csr": "PEM"}))["status"] == "Accepted"
        await until(lambda: signer.passed)
        v2g = {"csr": "PEM", "certificateType": "V2GCertificate"}
        assert (await wire.tell("SignCertificate", v2g))["status"] == "Rejected"
        assert (await wire.tell("SignCertificate", {"csr": "nonsense"}))["status"] == "Rejected"
    assert signer.passed == [("dc-1", {"csr": "PEM"})]


async def test_data_transfer_of_a_vendor_that_nobody_knows_is_refused(wire: Wire) -> None:
    assert (await wire.tell("DataTransfer", {"vendorId": "com.acme", "data": {"any": 1}}))[
        "status"
    ] == "UnknownVendorId"


async def test_a_signed_register_is_verified_and_one_that_was_changed_raises_an_alert(house: House, wire: Wire) -> None:
    meter = Meter()

    def signed(text: str) -> dict[str, Any]:
        data = base64.b64encode(text.encode()).decode()
        return {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": meter.key}

    begin = reading(1_000, context="Transaction.Begin", signedMeterValue=signed(meter.reads(1_000, "B")))
    await wire.tell("TransactionEvent", event("Started", 0, evse={"id": 1}, meterValue=begin))
    end = reading(2_000, LATER, context="Transaction.End", signedMeterValue=signed(meter.reads(2_000, "E")))
    await wire.tell("TransactionEvent", event("Ended", 1, at=LATER, meterValue=end))
    (ended,) = house.events("TransactionEnded")
    assert (ended["energy_wh"], ended["energy_method"], ended["signature_proof"]) == (1_000, "SIGNED", "FIRST_SEEN_KEY")
    assert [e["key"] for e in house.events("MeterKeySeen")] == [meter.key]

    forged = reading(1_000, signedMeterValue=signed(Meter().reads(1_000)))
    other = {"transactionId": "tx-2"}
    await wire.tell("TransactionEvent", event("Started", 0, evse={"id": 1}, meterValue=forged, about=other))
    assert [e["kind"] for e in house.events("SecurityEventReported")] == ["MeterSignatureBroken"]
