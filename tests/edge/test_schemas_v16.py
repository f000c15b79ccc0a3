"""The law of 1.6's schemas: all of it with the security extension is there at start, and speaks 1.6's error codes."""

import pytest
from jsonschema import Draft4Validator
from ocpp.v16.enums import Action

from edge import schemas
from edge.ocpp.rpc import Call, Conversation, Violation
from edge.schemas import WORDS_MAX, SchemaSetError, v16_dialect
from tests.edge.ocpp.samples import least, schema


def test_every_action_has_a_request_and_a_response() -> None:
    dialect = v16_dialect()
    assert set(dialect.requests) == set(dialect.responses) == {str(action) for action in Action}
    assert len(dialect.requests) == 39
    assert len(dialect.from_station) == 14


@pytest.mark.parametrize("action", list(Action))
def test_compiled_schemas_judge_as_the_packages_own_do(action: str) -> None:
    """The reference implementation of JSON Schema agrees on a good payload, an unknown field and each missing one."""
    for name, judge in (
        (str(action), v16_dialect().requests[action]),
        (f"{action}Response", v16_dialect().responses[action]),
    ):
        root = schema(name, "ocpp.v16")
        good = least(root, root)
        missing = [{k: v for k, v in good.items() if k != gone} for gone in good]
        for payload in (good, {**good, "noSuchField": 1}, *missing, [], None):
            assert (judge(payload) is None) == Draft4Validator(root).is_valid(payload)


def reading(**more: str) -> dict[str, object]:
    return {"timestamp": "2023-11-14T22:13:20Z", "sampledValue": [{"value": "1", **more}]}


def test_a_reading_of_anything_is_let_through_but_not_one_that_is_no_reading() -> None:
    judge = v16_dialect().requests["MeterValues"]
    odd = reading(measurand="Energy.Acme", unit="MWh", phase="L9", location="Roof", context="Odd")
    assert judge({"connectorId": 1, "meterValue": [odd]}) is None
    assert judge({"connectorId": 1, "meterValue": [reading(colour="red")]}) is not None
    assert judge({"connectorId": 1, "meterValue": []}) is not None


def test_a_station_may_describe_itself_and_its_errors_in_more_words_than_there_are() -> None:
    requests = v16_dialect().requests
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    status = {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"}
    long = "The driver did not unplug within 00:10:00 minutes after charging has ended."
    assert requests["BootNotification"]({**boot, "chargeBoxSerialNumber": "E" * 34, "firmwareVersion": long}) is None
    assert requests["StatusNotification"]({**status, "info": long, "errorCode": "Error"}) is None
    for wrong in ({"info": "x" * (WORDS_MAX + 1)}, {"status": "Odd"}, {"errorCode": 5}):
        assert requests["StatusNotification"]({**status, **wrong}) is not None


def test_a_stop_is_let_through_whoever_stopped_it_and_whyever() -> None:
    judge = v16_dialect().requests["StopTransaction"]
    stop = {"transactionId": 7, "meterStop": 5_100, "timestamp": "2023-11-14T22:13:20Z"}
    assert judge({**stop, "meterStop": 5_100.5, "idTag": "X16WG99J2QIEGCC0MCJ5-", "reason": "Unplugged"}) is None
    for wrong in ({"meterStop": "5100"}, {"reason": 1}, {"transactionId": "7"}):
        assert judge({**stop, **wrong}) is not None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"1","Heartbeat",{"x":1}]', "FormationViolation"),
        ('[2,"1","Authorize",{}]', "OccurenceConstraintViolation"),
        ('[2,"1","Authorize",{"idTag":7}]', "TypeConstraintViolation"),
        ('[2,"1","Authorize",{"idTag":"123456789012345678901"}]', "PropertyConstraintViolation"),
        ('[2,"1","NotifyReport",{}]', "NotImplemented"),
        ('[2,"1","ClearCache",{}]', "NotSupported"),
        ('[2,"1","Heartbeat"]', "ProtocolError"),
        ('[9,"1","Heartbeat",{}]', "GenericError"),
        ("{", "GenericError"),
    ],
)
def test_a_frame_that_breaks_the_protocol_is_refused_with_a_code_of_1_6(frame: str, code: str) -> None:
    received = Conversation(v16_dialect()).receive(frame)
    assert isinstance(received, Violation)
    assert f'"{code}"' in received.reply


def test_a_good_frame_is_a_call() -> None:
    assert isinstance(Conversation(v16_dialect()).receive('[2,"1","Heartbeat",{}]'), Call)


def test_a_package_with_fewer_actions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "ActionV16", [*Action][:-1])
    with pytest.raises(SchemaSetError, match="38 actions"):
        v16_dialect.__wrapped__()
