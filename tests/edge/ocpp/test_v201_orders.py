"""The law of orders to OCPP 2.0.1 stations: each is one call that its schema allows, each answer has one meaning."""

from typing import Any

import pytest

from edge.ocpp.rpc import Answered, Refused
from edge.ocpp.v201_orders import order_call, order_result
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
from edge.schemas import v201_dialect

NOON = 1_700_000_000_000
NOON_WRITTEN = "2023-11-14T22:13:20.000Z"
CENTRAL = {"idToken": "app-7", "type": "Central"}

CALLS: list[tuple[Order, str, dict[str, Any]]] = [
    (
        StartCharging(2, "app-7", 5),
        "RequestStartTransaction",
        {"evseId": 2, "idToken": CENTRAL, "remoteStartId": 5},
    ),
    (StopCharging("tx-1"), "RequestStopTransaction", {"transactionId": "tx-1"}),
    (UnlockConnector(2), "UnlockConnector", {"evseId": 2, "connectorId": 1}),
    (ResetStation(), "Reset", {"type": "Immediate"}),
    (ResetStation(when_idle=True, evse_id=1), "Reset", {"type": "OnIdle", "evseId": 1}),
    (ChangeAvailability(operative=False), "ChangeAvailability", {"operationalStatus": "Inoperative"}),
    (
        ChangeAvailability(operative=True, evse_id=2),
        "ChangeAvailability",
        {"operationalStatus": "Operative", "evse": {"id": 2}},
    ),
    (
        UpdateFirmware(3, "https://x/f.bin", NOON, "cert", "sig"),
        "UpdateFirmware",
        {
            "requestId": 3,
            "firmware": {
                "location": "https://x/f.bin",
                "retrieveDateTime": NOON_WRITTEN,
                "signingCertificate": "cert",
                "signature": "sig",
            },
        },
    ),
    (
        UpdateFirmware(3, "https://x/f.bin", NOON),
        "UpdateFirmware",
        {"requestId": 3, "firmware": {"location": "https://x/f.bin", "retrieveDateTime": NOON_WRITTEN}},
    ),
    (
        CollectLog(4, "https://x/up", "SECURITY"),
        "GetLog",
        {"requestId": 4, "logType": "SecurityLog", "log": {"remoteLocation": "https://x/up"}},
    ),
    (
        CollectLog(4, "https://x/up"),
        "GetLog",
        {"requestId": 4, "logType": "DiagnosticsLog", "log": {"remoteLocation": "https://x/up"}},
    ),
    (
        ReserveEvse(6, "app-7", NOON, 1),
        "ReserveNow",
        {"id": 6, "expiryDateTime": NOON_WRITTEN, "idToken": CENTRAL, "evseId": 1},
    ),
    (ReserveEvse(6, "app-7", NOON), "ReserveNow", {"id": 6, "expiryDateTime": NOON_WRITTEN, "idToken": CENTRAL}),
    (CancelReservation(6), "CancelReservation", {"reservationId": 6}),
    (AskTransaction("tx-1"), "GetTransactionStatus", {"transactionId": "tx-1"}),
    (AskMessage("Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (AskMessage("MeterValues", 2), "TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 2}}),
    (
        AskMessage("StatusNotification", 2),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}},
    ),
    (
        SendLocalList(9, (LocalToken("04AABBCC", NOON), LocalToken("x", accepted=False, group_id="fleet"))),
        "SendLocalList",
        {
            "versionNumber": 9,
            "updateType": "Full",
            "localAuthorizationList": [
                {
                    "idToken": {"idToken": "04AABBCC", "type": "ISO14443"},
                    "idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": NOON_WRITTEN},
                },
                {
                    "idToken": {"idToken": "x", "type": "Central"},
                    "idTokenInfo": {"status": "Blocked", "groupIdToken": {"idToken": "fleet", "type": "Central"}},
                },
            ],
        },
    ),
    (
        SendLocalList(10, (), full=False, removed=("04AABBCC",)),
        "SendLocalList",
        {
            "versionNumber": 10,
            "updateType": "Differential",
            "localAuthorizationList": [{"idToken": {"idToken": "04AABBCC", "type": "ISO14443"}}],
        },
    ),
    (SendLocalList(11, ()), "SendLocalList", {"versionNumber": 11, "updateType": "Full"}),
    (ClearCache(), "ClearCache", {}),
]


@pytest.mark.parametrize(("order", "action", "payload"), CALLS)
def test_an_order_is_one_call_that_its_schema_allows(order: Order, action: str, payload: dict[str, Any]) -> None:
    body = order_call(order)
    assert body is not None
    assert (body.action, body.payload) == (action, payload)
    assert v201_dialect().requests[body.action](body.payload) is None


def test_every_kind_of_order_has_a_call() -> None:
    assert {type(order) for order, _, _ in CALLS} == set(Order.__args__)


@pytest.mark.parametrize(
    ("order", "payload", "outcome", "reason"),
    [
        (StartCharging(1, "t", 1), {"status": "Accepted", "transactionId": "tx"}, "ACCEPTED", ""),
        (StopCharging("t"), {"status": "Rejected"}, "REJECTED", "Rejected"),
        (
            StopCharging("t"),
            {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound", "additionalInfo": "gone"}},
            "REJECTED",
            "Rejected: TxNotFound: gone",
        ),
        (UnlockConnector(1), {"status": "Unlocked"}, "ACCEPTED", ""),
        (UnlockConnector(1), {"status": "UnlockFailed"}, "REJECTED", "UnlockFailed"),
        (UnlockConnector(1), {"status": "OngoingAuthorizedTransaction"}, "REJECTED", "OngoingAuthorizedTransaction"),
        (UnlockConnector(1), {"status": "UnknownConnector"}, "REJECTED", "UnknownConnector"),
        (ResetStation(), {"status": "Scheduled"}, "ACCEPTED", ""),
        (ChangeAvailability(operative=True), {"status": "Scheduled"}, "ACCEPTED", ""),
        (UpdateFirmware(1, "x", NOON), {"status": "AcceptedCanceled"}, "ACCEPTED", ""),
        (UpdateFirmware(1, "x", NOON), {"status": "InvalidCertificate"}, "REJECTED", "InvalidCertificate"),
        (CollectLog(1, "x"), {"status": "Accepted", "filename": "log.gz"}, "ACCEPTED", ""),
        (ReserveEvse(1, "t", NOON), {"status": "Occupied"}, "REJECTED", "Occupied"),
        (AskMessage("Heartbeat"), {"status": "NotImplemented"}, "UNSUPPORTED", "NotImplemented"),
        (SendLocalList(1, ()), {"status": "VersionMismatch"}, "REJECTED", "VersionMismatch"),
        (AskTransaction("t"), {"messagesInQueue": True, "ongoingIndicator": False}, "ACCEPTED", ""),
        (AskTransaction("t"), {}, "UNKNOWN", "an answer without a status"),
        (ClearCache(), {}, "UNKNOWN", "an answer without a status"),
        (ClearCache(), {"status": 7}, "UNKNOWN", "an answer without a status"),
    ],
)
def test_an_answer_means_one_thing(order: Order, payload: dict[str, Any], outcome: str, reason: str) -> None:
    result = order_result(order, Answered("m", "x", payload))
    assert (result.outcome, result.reason) == (outcome, reason)


def test_what_an_answer_carries_beside_its_status_is_handed_on() -> None:
    told = {"status": "Accepted", "filename": "log.gz", "customData": {"vendorId": "V"}}
    assert order_result(CollectLog(1, "x"), Answered("m", "GetLog", told)).details == {
        "status": "Accepted",
        "filename": "log.gz",
    }
    queued = {"messagesInQueue": True, "ongoingIndicator": False}
    assert order_result(AskTransaction("t"), Answered("m", "GetTransactionStatus", queued)).details == queued


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("NotImplemented", "UNSUPPORTED"),
        ("NotSupported", "UNSUPPORTED"),
        ("InternalError", "REJECTED"),
        ("", "REJECTED"),
    ],
)
def test_a_station_that_has_no_word_for_an_order_is_told_from_one_that_refuses(code: str, outcome: str) -> None:
    result = order_result(ClearCache(), Refused("m", "ClearCache", code, "why"))
    assert (result.outcome, result.reason) == (outcome, f"{code}: why")
