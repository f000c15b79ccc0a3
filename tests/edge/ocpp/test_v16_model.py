"""What the answers of OCPP 1.6 stations say of them: their configuration keys."""

from edge.ocpp.notes import Kind, Note, Revise
from edge.ocpp.v16_model import inventory_call, told
from edge.ocpp.version import CallBody
from edge.schemas import v16_dialect


def test_the_inventory_is_every_key_there_is():
    asked = inventory_call(5)
    assert v16_dialect().requests[asked.action](asked.payload) is None
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}, {"key": "Blank", "readonly": True}]
    assert told(asked, {"configurationKey": keys, "unknownKey": []}) == (
        Note(Kind.VARIABLE, "HeartbeatInterval", keys[0]),
        Note(Kind.VARIABLE, "Blank", keys[1]),
    )


def test_a_station_without_a_key_says_nothing():
    assert told(inventory_call(5), {}) == ()


def test_a_key_that_was_changed_has_its_new_value():
    body = CallBody("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})
    (change,) = told(body, {"status": "Accepted"})
    assert isinstance(change, Revise)
    assert change.how({"key": "HeartbeatInterval", "readonly": False, "value": "300"}) == {
        "key": "HeartbeatInterval",
        "readonly": False,
        "value": "60",
    }
    assert told(body, {"status": "RebootRequired"}) == ()


def test_a_password_is_kept_by_nobody():
    (read,) = told(inventory_call(5), {"configurationKey": [{"key": "AuthorizationKey", "value": "s3cret"}]})
    (changed,) = told(
        CallBody("ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret"}), {"status": "Accepted"}
    )
    assert isinstance(read, Note)
    assert isinstance(changed, Revise)
    assert "s3cret" not in str([read.body, changed.how({})])
