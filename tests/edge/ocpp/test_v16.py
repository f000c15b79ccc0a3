"""The law of OCPP 1.6's messages from stations: what the rules hear of each, and that each is answered properly."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16.enums import Action

from edge.ocpp.notes import Kind
from edge.ocpp.v16 import HANDLERS, token_of
from edge.rules.inputs import (
    Authorization,
    AuthorizeAsked,
    BootReported,
    ConnectorReported,
    MeterReported,
    SecurityReported,
    TaskReported,
    TransactionReported,
)
from tests.edge.ocpp.samples import arbitrary, schema
from tests.edge.ocpp.v16_kit import NOON, NOON_TEXT, answered, heard, meter, request, sampled

FROM_STATIONS = [
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
]
"""Chapter 4 of the specification, and the requests of the security whitepaper that a Charge Point sends."""


def start(**more: object) -> dict[str, object]:
    return {"connectorId": 1, "idTag": "04AB", "meterStart": 100, "timestamp": NOON_TEXT, **more}


def stop(**more: object) -> dict[str, object]:
    return {"transactionId": 7, "meterStop": 5_100, "timestamp": NOON_TEXT, **more}


def test_every_message_of_a_station_has_a_meaning():
    assert sorted(HANDLERS) == FROM_STATIONS
    assert set(HANDLERS) <= {str(action) for action in Action}


def test_a_boot_is_accepted_with_the_time_and_the_heartbeat():
    about = {"chargePointVendor": "ABB", "chargePointModel": "Terra", "firmwareVersion": "1.2"}
    assert heard("BootNotification", **about) == (BootReported("dc-1", "ABB", "Terra", "1.2", "Unknown"),)
    conf = answered("BootNotification", **about)
    assert conf["status"] == "Accepted"
    assert conf["interval"] == 300
    assert conf["currentTime"] == "2023-11-14T22:13:25.000Z"


def test_a_boot_without_firmware_is_a_boot():
    [told] = heard("BootNotification", chargePointVendor="V", chargePointModel="M")
    assert told == BootReported("dc-1", "V", "M", "", "Unknown")


def test_a_tag_is_judged_and_answered_in_the_words_of_1_6():
    assert heard("Authorize", idTag="04AB") == (AuthorizeAsked("dc-1", "04AB"),)
    told = {
        status: answered("Authorize", Authorization(status), idTag="04AB")["idTagInfo"]["status"]
        for status in ("Accepted", "Blocked", "Expired", "ConcurrentTx", "NoCredit", "NotAtThisTime", "Unknown")
    }
    assert told == {
        "Accepted": "Accepted",
        "Blocked": "Blocked",
        "Expired": "Expired",
        "ConcurrentTx": "ConcurrentTx",
        "NoCredit": "Blocked",
        "NotAtThisTime": "Invalid",
        "Unknown": "Invalid",
    }


def test_without_a_judgement_nobody_charges():
    assert answered("Authorize", None, idTag="04AB") == {"idTagInfo": {"status": "Invalid"}}


def test_a_group_is_told_as_the_parent_tag_where_it_fits():
    group = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
    assert answered("Authorize", Authorization("Accepted", group_id="FLEET"), idTag="1") == group
    long = Authorization("Accepted", group_id="G" * 21)
    assert answered("Authorize", long, idTag="1") == {"idTagInfo": {"status": "Accepted"}}


def test_a_start_goes_to_the_rules_without_a_name_or_a_number():
    [told] = heard("StartTransaction", **start())
    assert told == TransactionReported(
        station_id="dc-1",
        transaction_id="",
        kind="Started",
        seq_no=None,
        at_ms=NOON,
        evse_id=1,
        id_token="04AB",
        charging_state="Charging",
        register_wh=100,
    )


def test_a_start_is_answered_with_the_number_that_the_rules_gave_it_even_when_its_tag_is_refused():
    conf = answered("StartTransaction", Authorization("Unknown", transaction_id="42"), **start())
    assert conf == {"transactionId": 42, "idTagInfo": {"status": "Invalid"}}


def test_a_start_without_a_number_gets_no_answer_so_that_it_is_said_again():
    with pytest.raises(ValueError, match="no number"):
        answered("StartTransaction", Authorization("Accepted"), **start())


def test_what_comes_a_minute_late_was_kept_while_the_link_was_down():
    [told] = heard("StartTransaction", **start(timestamp="2023-11-14T22:10:00Z"))
    assert told.offline


def test_a_time_without_a_zone_is_utc_and_an_unreadable_one_is_now():
    [told] = heard("StartTransaction", **start(timestamp="2023-11-14T22:13:20"))
    assert told.at_ms == NOON
    [told] = heard("StartTransaction", **start(timestamp="yesterday"))
    assert told.at_ms == NOON + 5_000


def test_a_register_in_parts_of_a_watt_hour_is_rounded():
    [told] = heard("StartTransaction", **start(meterStart=100.6))
    assert told.register_wh == 101
    [told] = heard("StopTransaction", **stop(meterStop=5_100.4, reason="Unplugged"))
    assert (told.register_wh, told.stopped_reason) == (5_100, "Unplugged")


def test_a_negative_register_counts_as_none():
    [told] = heard("StartTransaction", **start(meterStart=-1))
    assert told.register_wh is None


def test_a_stop_ends_its_transaction_and_its_tag_is_not_whose_who_pays():
    [told] = heard("StopTransaction", **stop(idTag="SOMEONE", reason="EVDisconnected"))
    assert told == TransactionReported(
        station_id="dc-1",
        transaction_id="7",
        kind="Ended",
        seq_no=None,
        at_ms=NOON,
        register_wh=5_100,
        stopped_reason="EVDisconnected",
        stopped_by="SOMEONE",
    )
    assert answered("StopTransaction", None, **stop()) == {}
    conf = answered("StopTransaction", Authorization("Unknown"), **stop(idTag="SOMEONE"))
    assert conf == {"idTagInfo": {"status": "Invalid"}}


@pytest.mark.parametrize(
    ("told", "meant"),
    [(None, "Local"), ("HardReset", "ImmediateReset"), ("DeAuthorized", "DeAuthorized"), ("UnlockCommand", "Other")],
)
def test_why_it_stopped_is_said_in_the_rules_words(told: str | None, meant: str):
    [ended] = heard("StopTransaction", **stop(**({} if told is None else {"reason": told})))
    assert ended.stopped_reason == meant


def test_the_data_of_a_stop_tells_the_beginning_and_the_state_of_charge():
    data = [
        meter(sampled("1.5", unit="kWh", context="Transaction.Begin"), timestamp="2023-11-14T21:13:20Z"),
        meter(
            sampled("5100", context="Transaction.End"),
            sampled("81", measurand="SoC", unit="Percent", context="Transaction.End"),
        ),
    ]
    first, ended = heard("StopTransaction", **stop(transactionData=data))
    assert (first.kind, first.at_ms, first.register_wh) == ("Updated", NOON - 3_600_000, 1_500)
    assert (ended.kind, ended.register_wh, ended.soc_pct) == ("Ended", 5_100, 81)


def test_the_data_of_a_stop_tells_the_beginning_also_where_it_does_not_say_so():
    data = [
        meter(sampled("3000"), timestamp="2023-11-14T21:43:20Z"),
        meter(sampled("1500"), timestamp="2023-11-14T21:13:20Z"),
    ]
    first, ended = heard("StopTransaction", **stop(transactionData=data))
    assert (first.at_ms, first.register_wh, ended.register_wh) == (NOON - 3_600_000, 1_500, 5_100)


def test_the_data_of_a_stop_tells_the_end_for_a_station_that_has_lost_it():
    data = [meter(sampled(str(n * 1_000)), timestamp=f"2023-11-14T21:{n}0:20Z") for n in (1, 2, 3)]
    *kept, ended = heard("StopTransaction", **{**stop(transactionData=data), "meterStop": 0})
    assert [x.register_wh for x in kept] == [1_000, 3_000]
    assert ended.register_wh == 0


def test_a_stop_may_bring_the_signatures_of_both_ends():
    signed = sampled("OCMF|{...}", format="SignedData")
    began = meter({**signed, "context": "Transaction.Begin"}, sampled("1500"), timestamp="2023-11-14T21:13:20Z")
    ended = meter({**signed, "context": "Transaction.End"}, sampled("5100"))
    for data, both in (([began, ended], [True, True]), ([began], [True, False]), ([ended], [True])):
        assert [x.signed for x in heard("StopTransaction", **stop(transactionData=data))] == both


def test_a_reading_in_a_transaction_is_its_reading():
    values = [sampled("12.5", unit="kWh"), sampled("7.2", measurand="Power.Active.Import", unit="kW")]
    [told] = heard("MeterValues", connectorId=1, transactionId=7, meterValue=[meter(*values)])
    assert told == TransactionReported("dc-1", "7", "Updated", None, NOON, evse_id=1, register_wh=12_500, power_w=7_200)


def test_a_register_without_measurand_and_unit_is_energy_in_watt_hours():
    [told] = heard("MeterValues", connectorId=1, transactionId=7, meterValue=[meter(sampled("4321"))])
    assert told.register_wh == 4_321


@pytest.mark.parametrize("number", [None, 0, -1])
def test_a_reading_without_a_transaction_is_of_its_connector(number: int | None):
    more = {} if number is None else {"transactionId": number}
    [told] = heard("MeterValues", connectorId=2, meterValue=[meter(sampled("4321"))], **more)
    assert told == MeterReported("dc-1", 2, NOON, 4_321)


def test_the_stations_own_meter_is_no_reading_of_a_car():
    assert heard("MeterValues", connectorId=0, meterValue=[meter(sampled("4321"))]) == ()


def test_lines_are_added_up_where_there_is_no_total():
    lines = [sampled("1000.5", measurand="Power.Active.Import", phase=x) for x in ("L1-N", "L2-N", "L3-N")]
    [told] = heard("MeterValues", connectorId=1, transactionId=7, meterValue=[meter(*lines)])
    assert told.power_w == round(3 * 1000.5)


@pytest.mark.parametrize("garbage", ["", "n/a", "NaN", "inf", "1_000", "12,5", "0x10", "1e400", "12 kWh"])
def test_a_value_that_is_no_number_is_passed_over(garbage: str):
    assert heard("MeterValues", connectorId=1, transactionId=7, meterValue=[meter(sampled(garbage))]) == ()
    [told] = heard("MeterValues", connectorId=1, meterValue=[meter(sampled(garbage), sampled(" 12.0 "))])
    assert told.register_wh == 12


def test_measurands_and_units_that_nobody_defined_do_not_lose_the_message():
    odd = sampled("50", measurand="Frequency.Grid", unit="Hz", phase="L7", location="Roof")
    [told] = heard("StopTransaction", **stop(transactionData=[meter(odd)]))
    assert told.register_wh == 5_100


def test_signed_data_is_noted_as_it_came_and_marks_the_reading():
    signed = sampled("OCMF|{...}", format="SignedData", context="Transaction.End")
    payload = {"connectorId": 1, "transactionId": 7, "meterValue": [meter(signed, sampled("12"))]}
    [told] = heard("MeterValues", **payload)
    assert (told.register_wh, told.signed) == (12, True)
    [note] = HANDLERS["MeterValues"].notes(request("MeterValues", payload))
    assert (note.kind, note.key, note.body["value"]) == (
        Kind.SIGNED_VALUE,
        f"7/{NOON_TEXT}/Transaction.End",
        "OCMF|{...}",
    )


@pytest.mark.parametrize(
    ("told", "connector", "state"),
    [
        ("Available", "Available", None),
        ("Preparing", "Occupied", None),
        ("Charging", "Occupied", "Charging"),
        ("SuspendedEV", "Occupied", "SuspendedEV"),
        ("SuspendedEVSE", "Occupied", "SuspendedEVSE"),
        ("Finishing", "Occupied", None),
        ("Reserved", "Reserved", None),
        ("Unavailable", "Unavailable", None),
        ("Faulted", "Faulted", None),
    ],
)
def test_a_connectors_status_is_a_connector_status_and_sometimes_a_charging_state(
    told: str, connector: str, state: str | None
):
    status, *running = heard("StatusNotification", connectorId=2, errorCode="NoError", status=told, timestamp=NOON_TEXT)
    assert status == ConnectorReported("dc-1", 2, 1, connector)
    expected = [TransactionReported("dc-1", "", "Updated", None, NOON, evse_id=2, charging_state=state)]
    assert running == (expected if state else [])


def test_connector_0_is_the_station_itself():
    told = heard("StatusNotification", connectorId=0, errorCode="GroundFailure", status="Faulted")
    assert told == (ConnectorReported("dc-1", 0, 0, "Faulted"),)


def test_what_is_wrong_with_a_connector_is_kept_to_be_read():
    notes = HANDLERS["StatusNotification"].notes
    wrong = {"connectorId": 2, "errorCode": "GroundFailure", "status": "Faulted", "vendorErrorCode": "E-17"}
    [note] = notes(request("StatusNotification", {**wrong, "timestamp": NOON_TEXT}))
    assert (note.kind, note.key) == (Kind.EVENT, f"{NOON_TEXT}/2/GroundFailure")
    assert note.body["vendorErrorCode"] == "E-17"
    assert notes(request("StatusNotification", {**wrong, "errorCode": "NoError"})) == ()


def test_firmware_and_log_reports_say_how_far_a_task_is():
    assert heard("FirmwareStatusNotification", status="Installed") == (
        TaskReported("dc-1", "FIRMWARE", None, "Installed"),
    )
    assert heard("SignedFirmwareStatusNotification", status="InvalidSignature", requestId=5) == (
        TaskReported("dc-1", "FIRMWARE", 5, "InvalidSignature"),
    )
    assert heard("DiagnosticsStatusNotification", status="UploadFailed") == (
        TaskReported("dc-1", "LOG", None, "UploadFailure"),
    )
    assert heard("LogStatusNotification", status="Uploaded", requestId=6) == (
        TaskReported("dc-1", "LOG", 6, "Uploaded"),
    )


def test_a_security_event_is_reported_and_kept():
    payload = {"type": "TamperDetectionActivated", "timestamp": NOON_TEXT, "techInfo": "lid"}
    [told] = heard("SecurityEventNotification", **payload)
    assert told == SecurityReported("dc-1", "TamperDetectionActivated", NOON, critical=True, info="lid")
    assert answered("SecurityEventNotification", None, **payload) == {}


def test_what_is_not_done_here_is_refused_in_its_own_word():
    assert answered("DataTransfer", None, vendorId="com.acme") == {"status": "UnknownVendorId"}
    assert answered("SignCertificate", None, csr="-----BEGIN") == {"status": "Rejected"}
    assert answered("Heartbeat") == {"currentTime": "2023-11-14T22:13:25.000Z"}


def test_the_tag_of_a_request_is_found():
    assert token_of(start()) == "04AB"
    assert token_of({}) is None


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(FROM_STATIONS))
def test_whatever_the_schema_allows_is_understood_and_answered_as_it_asks(data: st.DataObject, action: str):
    root = schema(action, "ocpp.v16")
    payload: dict[str, Any] = data.draw(arbitrary(root, root))
    if action == "StartTransaction":
        payload["meterStart"] = data.draw(st.integers(-(2**31), 2**31))
    heard(action, **payload)
    HANDLERS[action].notes(request(action, payload))
    answered(action, Authorization("Accepted", transaction_id="1"), **payload)
