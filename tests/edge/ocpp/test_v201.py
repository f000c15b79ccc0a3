"""The law of OCPP 2.0.1's messages from stations: what the rules hear of each, and that each is answered properly."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ocpp.answers import HEARTBEAT_INTERVAL_S
from edge.ocpp.moments import written
from edge.ocpp.v201 import HANDLERS, token_of
from edge.ocpp.version import Request
from edge.rules.inputs import (
    NO_MATCHES,
    Answer,
    Authorization,
    AuthorizeAsked,
    BootReported,
    ConnectorReported,
    Input,
    Matches,
    MeterReported,
    TransactionReported,
)
from edge.schemas import v201_dialect
from tests.edge.ocpp.samples import arbitrary, least, schema

NOON = 1_700_000_000_000
RECEIVED = NOON + 5_000

FROM_STATIONS = [
    "Authorize",
    "BootNotification",
    "ClearedChargingLimit",
    "DataTransfer",
    "FirmwareStatusNotification",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "SignCertificate",
    "StatusNotification",
    "TransactionEvent",
]
"""Part 2 of the specification, the requests that a Charging Station sends."""


def heard(action: str, payload: dict[str, Any], matches: Matches = NO_MATCHES) -> tuple[Input, ...]:
    assert v201_dialect().requests[action](payload) is None, "the test itself must send what the schema allows"
    return HANDLERS[action].inputs(Request("dc-1", payload, RECEIVED, matches))


def answered(action: str, payload: dict[str, Any], answer: Answer | None = None) -> dict[str, Any]:
    reply = HANDLERS[action].answer(Request("dc-1", payload, RECEIVED), answer)
    assert v201_dialect().responses[action](reply) is None
    return json.loads(json.dumps(reply))


def event(kind: str = "Updated", **more: Any) -> dict[str, Any]:
    about = {"transactionId": "tx-1", **more.pop("about", {})}
    return {
        "eventType": kind,
        "timestamp": written(NOON),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 4,
        "transactionInfo": about,
        **more,
    }


def test_every_message_that_a_station_sends_is_handled() -> None:
    assert sorted(HANDLERS) == sorted(FROM_STATIONS)


@pytest.mark.parametrize("action", FROM_STATIONS)
def test_the_least_of_every_message_gets_an_answer_that_its_schema_allows(action: str) -> None:
    root = schema(f"{action}Request")
    payload = least(root, root)
    heard(action, payload)
    answered(action, payload)


@pytest.mark.parametrize("action", FROM_STATIONS)
def test_anything_that_the_schema_allows_is_understood_and_answered(action: str) -> None:
    root = schema(f"{action}Request")
    answers = st.none() | st.builds(Authorization, st.sampled_from(["Accepted", "Invalid", "NoCredit"]), st.text())

    @settings(max_examples=20, deadline=None)
    @given(arbitrary(root, root), answers)
    def check(payload: dict[str, Any], answer: Answer | None) -> None:
        token_of(payload)
        for given_input in heard(action, payload):
            assert given_input.station_id == "dc-1"
        answered(action, payload, answer)

    check()


def test_a_boot_is_reported_and_accepted_with_our_time() -> None:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "firmwareVersion": "1.2"}}
    assert heard("BootNotification", boot) == (BootReported("dc-1", "V", "M", "1.2", "PowerUp"),)
    assert answered("BootNotification", boot) == {
        "currentTime": written(RECEIVED),
        "interval": HEARTBEAT_INTERVAL_S,
        "status": "Accepted",
    }


def test_a_heartbeat_sets_the_stations_clock_and_tells_the_rules_nothing() -> None:
    assert heard("Heartbeat", {}) == ()
    assert answered("Heartbeat", {}) == {"currentTime": written(RECEIVED)}


def test_a_connectors_status_is_reported() -> None:
    told = {"timestamp": written(NOON), "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}
    assert heard("StatusNotification", told) == (ConnectorReported("dc-1", 2, 1, "Occupied"),)


def test_a_token_is_asked_about_with_what_the_store_holds_for_it() -> None:
    payload = {"idToken": {"idToken": "AbC1", "type": "ISO14443"}}
    matches = Matches()
    assert token_of(payload) == "AbC1"
    assert heard("Authorize", payload, matches) == (AuthorizeAsked("dc-1", "AbC1", None, matches),)


def test_the_rules_judgement_is_the_answer_and_its_reason_is_shown_to_the_driver() -> None:
    payload = {"idToken": {"idToken": "AbC1", "type": "ISO14443"}}
    assert answered("Authorize", payload, Authorization("Accepted", "x")) == {"idTokenInfo": {"status": "Accepted"}}
    assert answered("Authorize", payload, Authorization("NoCredit", "pay first")) == {
        "idTokenInfo": {"status": "NoCredit", "personalMessage": {"format": "UTF8", "content": "pay first"}}
    }


def test_without_a_judgement_nobody_charges() -> None:
    payload = {"idToken": {"idToken": "AbC1", "type": "ISO14443"}}
    assert answered("Authorize", payload, None)["idTokenInfo"]["status"] == "Invalid"


@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
def test_nobody_is_let_in_by_a_contract_certificate_that_is_not_checked(status: str) -> None:
    shown = {"idToken": {"idToken": "DE8AA1A2B3C4D5", "type": "eMAID"}}
    told = {**shown, "certificate": "PEM"}
    reply = answered("Authorize", told, Authorization(status))
    assert reply["certificateStatus"] == "NoCertificateAvailable"
    assert reply["idTokenInfo"]["status"] == ("Invalid" if status == "Accepted" else status)
    assert "certificateStatus" not in answered("Authorize", shown, Authorization(status))


def test_a_start_button_has_an_empty_token_which_is_not_the_same_as_none() -> None:
    assert token_of({"idToken": {"idToken": "", "type": "NoAuthorization"}}) == ""
    assert token_of({}) is None


def test_a_transaction_message_is_reported_whole() -> None:
    told = event(
        "Started",
        about={"chargingState": "Charging"},
        offline=True,
        evse={"id": 1, "connectorId": 2},
        idToken={"idToken": "T", "type": "Central"},
        meterValue=[
            {
                "timestamp": written(NOON),
                "sampledValue": [
                    {"value": 1.5, "context": "Transaction.Begin", "unitOfMeasure": {"unit": "kWh"}},
                    {"value": 11.0, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}},
                    {"value": 42, "measurand": "SoC"},
                ],
            }
        ],
    )
    assert heard("TransactionEvent", told) == (
        TransactionReported(
            station_id="dc-1",
            transaction_id="tx-1",
            kind="Started",
            seq_no=4,
            at_ms=NOON,
            evse_id=1,
            id_token="T",
            offline=True,
            charging_state="Charging",
            register_wh=1500,
            power_w=11_000,
            soc_pct=42,
        ),
    )


def test_a_transaction_message_says_nothing_that_it_does_not_say() -> None:
    ended = event("Ended", about={"stoppedReason": "EVDisconnected"})
    assert heard("TransactionEvent", ended) == (
        TransactionReported("dc-1", "tx-1", "Ended", 4, NOON, stopped_reason="EVDisconnected"),
    )


def test_a_transaction_message_with_an_unreadable_time_is_kept_and_dated_when_it_came() -> None:
    (reported,) = heard("TransactionEvent", {**event(), "timestamp": "soon"})
    assert isinstance(reported, TransactionReported)
    assert reported.at_ms == RECEIVED


def test_a_transaction_message_is_answered_with_a_judgement_only_if_there_is_one() -> None:
    assert answered("TransactionEvent", event()) == {}
    assert answered("TransactionEvent", event(), Authorization("Accepted")) == {"idTokenInfo": {"status": "Accepted"}}


def test_a_bare_reading_is_reported_for_its_evse() -> None:
    values = [{"timestamp": written(NOON), "sampledValue": [{"value": 900}]}]
    assert heard("MeterValues", {"evseId": 2, "meterValue": values}) == (MeterReported("dc-1", 2, NOON, 900),)


def test_the_stations_own_meter_and_readings_of_nothing_we_keep_are_no_cars_reading() -> None:
    grid = [{"timestamp": written(NOON), "sampledValue": [{"value": 900}]}]
    volts = [{"timestamp": written(NOON), "sampledValue": [{"value": 230, "measurand": "Voltage"}]}]
    assert heard("MeterValues", {"evseId": 0, "meterValue": grid}) == ()
    assert heard("MeterValues", {"evseId": 1, "meterValue": volts}) == ()


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("DataTransfer", "UnknownVendorId"),
        ("Get15118EVCertificate", "Failed"),
        ("GetCertificateStatus", "Failed"),
        ("SignCertificate", "Rejected"),
        ("NotifyEVChargingNeeds", "Rejected"),
        ("NotifyEVChargingSchedule", "Accepted"),
    ],
)
def test_what_is_not_done_here_is_said_in_the_specifications_word(action: str, status: str) -> None:
    root = schema(f"{action}Request")
    assert answered(action, least(root, root))["status"] == status
