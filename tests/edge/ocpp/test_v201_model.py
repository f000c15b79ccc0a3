"""What the answers of OCPP 2.0.1 stations say of them."""

from typing import Any

import pytest

from edge.ocpp.notes import Change, ForgetOne, Kind, Note, Revise
from edge.ocpp.v201_model import BOUNDS, LISTINGS, attribute, bounds_question, reported, told, variable_key
from edge.ocpp.version import CallBody
from edge.schemas import v201_dialect

POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


def body(change: Change, before: dict[str, Any] | None = None) -> Any:
    assert isinstance(change, Revise)
    assert (change.kind, change.key) == (Kind.VARIABLE, variable_key(change.how({})))
    return change.how(before or {})


def test_the_question_about_bounds_is_valid_and_asks_for_what_cuts_our_calls():
    question = bounds_question()
    assert v201_dialect().requests[question.action](question.payload) is None
    asked = {variable_key(x) for x in question.payload["getVariableData"]}
    assert {BOUNDS.list_items, BOUNDS.list_octets, BOUNDS.stack_level} <= asked
    for action in ("GetVariables", "SetVariables", "GetReport"):
        assert {LISTINGS[action].items, LISTINGS[action].octets} <= asked


def test_a_value_that_was_read_is_known_and_all_else_that_was_known_stays():
    result = {**POWER, "attributeStatus": "Accepted", "attributeValue": "7000"}
    (change,) = told(CallBody("GetVariables", {}), {"getVariableResult": [result]})
    assert body(change) == {**POWER, "variableAttribute": [{"type": "Actual", "value": "7000"}]}
    before = {
        **POWER,
        "variableAttribute": [{"value": "1", "mutability": "ReadOnly"}, {"type": "MaxSet", "value": "9"}],
        "variableCharacteristics": {"unit": "W"},
    }
    assert body(change, before) == {
        **POWER,
        "variableAttribute": [
            {"value": "7000", "mutability": "ReadOnly"},
            {"type": "MaxSet", "value": "9"},
        ],
        "variableCharacteristics": {"unit": "W"},
    }


def test_a_value_that_was_set_is_known_once_it_is_accepted():
    asked = [{**POWER, "attributeType": "MaxSet", "attributeValue": "9"}, {**POWER, "attributeValue": "5"}]
    results = [
        {**POWER, "attributeStatus": "Accepted", "attributeType": "MaxSet"},
        {**POWER, "attributeStatus": "Rejected"},
    ]
    (change,) = told(CallBody("SetVariables", {"setVariableData": asked}), {"setVariableResult": results})
    assert body(change)["variableAttribute"] == [{"type": "MaxSet", "value": "9"}]


def test_what_takes_effect_after_a_reboot_is_not_so_yet():
    asked, result = {**POWER, "attributeValue": "9"}, {**POWER, "attributeStatus": "RebootRequired"}
    assert told(CallBody("SetVariables", {"setVariableData": [asked]}), {"setVariableResult": [result]}) == ()


def test_a_value_that_could_not_be_read_says_nothing():
    result = {**POWER, "attributeStatus": "UnknownVariable"}
    assert told(CallBody("GetVariables", {}), {"getVariableResult": [result]}) == ()


def test_a_password_is_kept_by_nobody():
    assert body(attribute(PASSWORD, "s3cret"))["variableAttribute"] == [{"type": "Actual", "value": ""}]
    listed = {**PASSWORD, "variableAttribute": [{"value": "s3cret", "mutability": "WriteOnly"}]}
    assert reported(listed).body["variableAttribute"] == [{"mutability": "WriteOnly"}]


def test_a_monitor_is_known_once_it_is_set():
    asked = {**POWER, "value": 8000.0, "type": "UpperThreshold", "severity": 5}
    result = {**POWER, "status": "Accepted", "id": 3, "type": "UpperThreshold", "severity": 5}
    refused = {**POWER, "status": "Rejected", "type": "Delta", "severity": 5}
    body = CallBody("SetVariableMonitoring", {"setMonitoringData": [asked, {**asked, "type": "Delta"}]})
    assert told(body, {"setMonitoringResult": [result, refused]}) == (
        Note(Kind.MONITOR, "3", {**asked, "id": 3, "transaction": False}),
    )


@pytest.mark.parametrize(("status", "gone"), [("Accepted", True), ("NotFound", True), ("Rejected", False)])
def test_a_monitor_that_was_cleared_is_no_more(status: str, gone: bool):
    found = told(CallBody("ClearVariableMonitoring", {}), {"clearMonitoringResult": [{"id": 3, "status": status}]})
    assert found == ((ForgetOne(Kind.MONITOR, "3"),) if gone else ())


def test_other_answers_say_nothing_of_the_station():
    assert told(CallBody("Reset", {}), {"status": "Accepted"}) == ()
