"""The law of orders in OCPP 1.6: which call each is, and what the answers mean."""

from typing import Any

import pytest

from edge.ocpp.rpc import Answered, Problem, Refused
from edge.ocpp.v16_orders import order_call, order_result
from edge.ocpp.version import OrderResult
from edge.rules.orders import (
    AskMessage,
    AskTransaction,
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    CollectLog,
    LocalToken,
    Order,
    ReserveEvse,
    ResetStation,
    SendLocalList,
    StartCharging,
    StopCharging,
    UnlockConnector,
    UpdateFirmware,
)
from edge.schemas import v16_dialect
from tests.edge.ocpp.v16_kit import NOON

AT = "2023-11-14T22:13:20.000Z"
FTP = "ftp://logs.example/"

CALLS: list[tuple[Order, str, dict[str, Any]]] = [
    (StartCharging(2, "04AB", 9), "RemoteStartTransaction", {"connectorId": 2, "idTag": "04AB"}),
    (StopCharging("42"), "RemoteStopTransaction", {"transactionId": 42}),
    (UnlockConnector(1), "UnlockConnector", {"connectorId": 1}),
    (ResetStation(), "Reset", {"type": "Soft"}),
    (ChangeAvailability(False), "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
    (ChangeAvailability(True, 2), "ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
    (UpdateFirmware(5, FTP, NOON), "UpdateFirmware", {"location": FTP, "retrieveDate": AT}),
    (
        UpdateFirmware(5, FTP, NOON, "CERT", "SIG"),
        "SignedUpdateFirmware",
        {
            "requestId": 5,
            "firmware": {
                "location": FTP,
                "retrieveDateTime": AT,
                "signingCertificate": "CERT",
                "signature": "SIG",
            },
        },
    ),
    (CollectLog(5, FTP), "GetDiagnostics", {"location": FTP}),
    (
        CollectLog(5, FTP, "SECURITY"),
        "GetLog",
        {"logType": "SecurityLog", "requestId": 5, "log": {"remoteLocation": FTP}},
    ),
    (
        ReserveEvse(3, "04AB", NOON, 1),
        "ReserveNow",
        {"connectorId": 1, "reservationId": 3, "idTag": "04AB", "expiryDate": AT},
    ),
    (
        ReserveEvse(3, "04AB", NOON),
        "ReserveNow",
        {"connectorId": 0, "reservationId": 3, "idTag": "04AB", "expiryDate": AT},
    ),
    (CancelReservation(3), "CancelReservation", {"reservationId": 3}),
    (
        AskMessage("StatusNotification", 2),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "connectorId": 2},
    ),
    (AskMessage("TransactionEvent", 2), "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}),
    (AskMessage("Heartbeat", 2), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (AskMessage("LogStatusNotification"), "ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
    (
        AskMessage("SignChargingStationCertificate"),
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
    ),
    (ClearCache(), "ClearCache", {}),
    (
        SendLocalList(
            7, (LocalToken("04AB", NOON, True, "FLEET"), LocalToken("T" * 21)), full=False, removed=("0001",)
        ),
        "SendLocalList",
        {
            "listVersion": 7,
            "updateType": "Differential",
            "localAuthorizationList": [
                {"idTag": "04AB", "idTagInfo": {"status": "Accepted", "expiryDate": AT, "parentIdTag": "FLEET"}},
                {"idTag": "0001"},
            ],
        },
    ),
    (
        SendLocalList(8, (LocalToken("04AB", accepted=False),)),
        "SendLocalList",
        {
            "listVersion": 8,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "04AB", "idTagInfo": {"status": "Blocked"}}],
        },
    ),
]


@pytest.mark.parametrize(("order", "action", "payload"), CALLS)
def test_an_order_is_a_call_that_the_schema_takes(order: Order, action: str, payload: dict[str, Any]):
    body = order_call(order)
    assert body is not None
    assert (body.action, body.payload) == (action, payload)
    assert v16_dialect().requests[action](body.payload) is None


@pytest.mark.parametrize(
    "order",
    [
        AskTransaction("42"),
        ResetStation(when_idle=True),
        ResetStation(evse_id=1),
        AskMessage("SignV2GCertificate"),
        StopCharging("a-name-of-2.0.1"),
        StartCharging(1, "T" * 21, 1),
        ReserveEvse(3, "T" * 21, NOON),
    ],
)
def test_what_1_6_has_no_word_for_is_no_call(order: Order):
    assert order_call(order) is None


def outcome(order: Order, **payload: Any) -> OrderResult:
    return order_result(order, Answered("1", "X", payload))


@pytest.mark.parametrize("status", ["Accepted", "Scheduled", "Unlocked", "AcceptedCanceled"])
def test_what_was_done_or_will_be_is_accepted(status: str):
    assert outcome(ClearCache(), status=status) == OrderResult("ACCEPTED", "", {"status": status})


@pytest.mark.parametrize(
    "status", ["Rejected", "UnlockFailed", "Occupied", "Faulted", "VersionMismatch", "Failed", "InvalidCertificate"]
)
def test_what_was_not_done_is_rejected_with_the_stations_word(status: str):
    assert outcome(ClearCache(), status=status) == OrderResult("REJECTED", status, {"status": status})


@pytest.mark.parametrize("status", ["NotSupported", "NotImplemented"])
def test_what_it_cannot_do_is_unsupported(status: str):
    assert outcome(UnlockConnector(1), status=status).outcome == "UNSUPPORTED"
    assert order_result(ClearCache(), Refused("1", "X", status, "no")).outcome == "UNSUPPORTED"


def test_another_error_is_a_refusal():
    refused = order_result(ClearCache(), Refused("1", "X", "InternalError", "oops"))
    assert refused == OrderResult("REJECTED", "InternalError: oops")


def test_an_update_is_accepted_by_an_empty_answer():
    assert outcome(UpdateFirmware(5, FTP, NOON)) == OrderResult("ACCEPTED", "", {})


def test_diagnostics_without_a_file_name_are_none():
    assert outcome(CollectLog(5, FTP), fileName="d.zip") == OrderResult("ACCEPTED", "", {"fileName": "d.zip"})
    assert outcome(CollectLog(5, FTP)).outcome == "REJECTED"


def test_an_answer_that_cannot_be_read_may_mean_that_it_was_done():
    problem = Problem("FormatViolation", "status: missing")  # type: ignore[arg-type]
    assert order_result(ClearCache(), Answered("1", "X", {}, problem)).outcome == "UNKNOWN"
