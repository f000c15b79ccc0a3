"""The law of OCPP-J frames (OCPP 2.0.1 part 4): whatever a station sends, we answer by the book and stand."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ocpp.rpc import (
    DEPTH_MAX,
    FRAME_BYTES_MAX,
    Answered,
    Call,
    Conversation,
    ErrorCode,
    Ignored,
    Refused,
    Violation,
)
from edge.schemas import v201_dialect

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
ANSWER = {"status": "Accepted"}
LIMIT = {"evseId": 1, "chargingProfile": {}}


@pytest.fixture
def talk() -> Conversation:
    return Conversation(v201_dialect())


def refused(talk: Conversation, frame: object) -> tuple[str | int, str]:
    """The message id and the code of the CALLERROR that a frame earns."""
    received = talk.receive(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    assert isinstance(received, Violation)
    kind, message_id, code, description, details = json.loads(received.reply)
    assert kind == 4
    assert 0 < len(description) <= 255
    assert isinstance(details, dict)
    assert code == received.problem.code
    return message_id, code


def test_a_call_keeps_its_payload_as_it_was_sent(talk: Conversation) -> None:
    custom = {"vendorId": "v", "socket_id": 1, "associated": {"ASOC": [1.5, None]}}
    received = talk.receive(json.dumps([2, "m-1", "BootNotification", {**BOOT, "customData": custom}]))
    assert received == Call("m-1", "BootNotification", {**BOOT, "customData": custom})


def test_an_answer_is_a_callresult_with_the_calls_message_id(talk: Conversation) -> None:
    assert json.loads(talk.answer("m-1", {"currentTime": "t"})) == [3, "m-1", {"currentTime": "t"}]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "}{not json",
        "[2,",
        "null",
        "{}",
        "[]",
        '["2","m-1","Heartbeat",{}]',
        "[2.0]",
        "[true]",
        '[2,"","Heartbeat",{}]',
        json.dumps([2, "m" * 37, "Heartbeat", {}]),
        "[2]",
        '[2,"m-1","Heartbeat",{"customData":{"vendorId":NaN}}]',
        "[" * 100_000,
        '[2,"m-1","Heartbeat",' + '{"a":' * 2_000 + "1" + "}" * 2_000 + "]",
        "x" * (FRAME_BYTES_MAX + 1),
        b"\x00\x01",
    ],
)
def test_a_frame_that_is_no_call_earns_a_framework_error(talk: Conversation, frame: str | bytes) -> None:
    """What can be read of a bad frame differs; where no message id can be, the specification's "-1" stands for it."""
    message_id, code = refused(talk, frame)
    deep = isinstance(frame, str) and '{"a":' in frame
    assert (message_id, code) == ("-1", ErrorCode.RPC_FRAMEWORK_ERROR) or (deep and code == ErrorCode.FORMAT_VIOLATION)


@pytest.mark.parametrize("number", ["1e400", "-1e18", "9" * 19, "-" + "9" * 19, "9" * 5_000])
def test_a_number_that_no_field_can_hold_is_refused_by_the_field_that_it_stands_in(
    talk: Conversation, number: str
) -> None:
    told = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": "N"}
    frame = json.dumps([2, "m-1", "StatusNotification", told]).replace('"N"', number)
    found = talk.receive(frame)
    assert isinstance(found, Violation)
    assert not found.unreadable
    assert json.loads(found.reply)[:3] == [4, "m-1", "TypeConstraintViolation"]
    assert found.problem.details["at"] == "connectorId"


@pytest.mark.parametrize(
    ("written", "number"), [("9" * 18, 10**18 - 1), ("-" + "9" * 18, 1 - 10**18), ("1e17", 10**17), ("-0", 0)]
)
def test_a_number_of_18_digits_is_taken(talk: Conversation, written: str, number: int) -> None:
    found = talk.receive('[2,"m-1","Heartbeat",{"customData":{"vendorId":"v","n":' + written + "}}]")
    assert isinstance(found, Call)
    assert found.payload["customData"]["n"] == number


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([99, "m-1", "Heartbeat", {}], ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
        ([2, "m-1", "Heartbeat"], ErrorCode.PROTOCOL_ERROR),
        ([2, "m-1", "Heartbeat", {}, {}], ErrorCode.PROTOCOL_ERROR),
        ([2, "m-1", ["Heartbeat"], {}], ErrorCode.RPC_FRAMEWORK_ERROR),
        ([2, "m-1", {"a": 1}, {}], ErrorCode.RPC_FRAMEWORK_ERROR),
        ([2, "m-1", "NoSuchAction" * 100, {}], ErrorCode.NOT_IMPLEMENTED),
        ([2, "m-1", "Reset", {"type": "Immediate"}], ErrorCode.NOT_SUPPORTED),
        ([2, "m-1", "Heartbeat", "text"], ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ([2, "m-1", "Heartbeat", None], ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ([2, "m-1", "Heartbeat", {"extra": 1}], ErrorCode.FORMAT_VIOLATION),
        ([2, "m-1", "BootNotification", {"reason": "PowerUp"}], ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ([2, "m-1", "MeterValues", {"evseId": 1, "meterValue": []}], ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ([2, "m-1", "BootNotification", {**BOOT, "reason": "Boredom"}], ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (
            [2, "m-1", "BootNotification", {**BOOT, "chargingStation": {"model": "M" * 21, "vendorName": "V"}}],
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
        (
            [2, "m-1", "BootNotification", {**BOOT, "chargingStation": {"model": 3, "vendorName": "V"}}],
            ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        ),
    ],
)
def test_a_bad_call_is_refused_under_its_own_id_in_the_specifications_word(
    talk: Conversation, frame: list[Any], code: ErrorCode
) -> None:
    assert refused(talk, frame) == ("m-1", code)


def test_a_message_id_that_is_a_number_is_refused_under_that_number(talk: Conversation) -> None:
    assert refused(talk, [2, 12345, "Heartbeat", {}]) == (12345, ErrorCode.PROTOCOL_ERROR)


@pytest.mark.parametrize("poison", ["a\x00b", "\ud800", "a\udfffb"])
def test_text_that_no_database_can_hold_is_refused_at_the_door(talk: Conversation, poison: str) -> None:
    for payload in ({"customData": {"vendorId": poison}}, {"customData": {"vendorId": "v", poison: 1}}):
        assert refused(talk, [2, "m-1", "Heartbeat", payload]) == ("m-1", ErrorCode.FORMAT_VIOLATION)


def test_an_emoji_is_written_as_a_surrogate_pair_and_is_welcome(talk: Conversation) -> None:
    assert isinstance(talk.receive('[2,"m-1","Heartbeat",{"customData":{"vendorId":"\\ud83d\\ude97"}}]'), Call)


def test_a_whole_number_is_an_integer_however_it_is_written(talk: Conversation) -> None:
    status = '{"timestamp":"x","connectorStatus":"Available","evseId":%s,"connectorId":1}'
    received = talk.receive(f'[2,"m","StatusNotification",{status % "1.0"}]')
    assert isinstance(received, Call)
    assert repr(received.payload["evseId"]) == "1"


def test_nesting_is_allowed_to_its_limit_and_no_further(talk: Conversation) -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"vendorId": "v"} if depth == 0 else {"vendorId": "v", "deeper": nested(depth - 1)}

    assert isinstance(talk.receive(json.dumps([2, "m-1", "Heartbeat", {"customData": nested(DEPTH_MAX - 4)}])), Call)
    message = [2, "m-1", "Heartbeat", {"customData": nested(DEPTH_MAX)}]
    assert refused(talk, message) == ("m-1", ErrorCode.FORMAT_VIOLATION)


def test_a_refusal_does_not_repeat_what_the_station_sent(talk: Conversation) -> None:
    """The words are logged, and a token may name a person."""
    received = talk.receive(json.dumps([2, "m", "Authorize", {"idToken": {"idToken": "S" * 99, "type": "Central"}}]))
    assert isinstance(received, Violation)
    assert "SSS" not in received.reply


def test_only_one_call_is_open_and_the_next_waits(talk: Conversation) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    with pytest.raises(RuntimeError, match="SetChargingProfile still waits"):
        talk.call("ours-2", "Reset", {"type": "Immediate"}, deadline_real_s=30)


def test_the_answer_to_the_open_call_closes_it(talk: Conversation) -> None:
    frame = talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    assert json.loads(frame) == [2, "ours-1", "SetChargingProfile", LIMIT]
    assert talk.receive(json.dumps([3, "ours-1", ANSWER])) == Answered("ours-1", "SetChargingProfile", ANSWER)
    assert talk.open_call is None


def test_a_stations_call_may_come_while_ours_is_open(talk: Conversation) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    assert isinstance(talk.receive('[2,"m-1","Heartbeat",{}]'), Call)
    assert isinstance(talk.receive(json.dumps([3, "ours-1", ANSWER])), Answered)


def test_an_answer_that_its_schema_refuses_is_handed_on_with_the_problem(talk: Conversation) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    received = talk.receive('[3,"ours-1",{"status":"Accepted","bonus":1}]')
    assert isinstance(received, Answered)
    assert received.payload == {"status": "Accepted", "bonus": 1}
    assert received.problem is not None
    assert received.problem.code is ErrorCode.FORMAT_VIOLATION


@pytest.mark.parametrize("frame", ['[3,"ours-1"]', '[3,"ours-1",[]]', '[3,"ours-1",{},{}]', '[3,"ours-1",null]'])
def test_an_answer_without_a_payload_still_closes_the_call(talk: Conversation, frame: str) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    received = talk.receive(frame)
    assert isinstance(received, Answered)
    assert received.problem is not None
    assert talk.open_call is None


@pytest.mark.parametrize(
    ("frame", "code", "description"),
    [
        ('[4,"ours-1","NotSupported","no","details"]', "NotSupported", "no"),
        ('[4,"ours-1","NotSupported"]', "NotSupported", ""),
        ('[4,"ours-1"]', "(no error code)", ""),
        ('[4,"ours-1",[1],{"a":2},{}]', "[1]", "{'a': 2}"),
    ],
)
def test_a_callerror_is_a_refusal_in_the_stations_words(
    talk: Conversation, frame: str, code: str, description: str
) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    assert talk.receive(frame) == Refused("ours-1", "SetChargingProfile", code, description)


def test_an_answer_is_ignored_when_it_is_late_unasked_for_or_to_another_call(talk: Conversation) -> None:
    assert isinstance(talk.receive('[3,"never-asked",{}]'), Ignored)
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    assert isinstance(talk.receive('[3,"another",{}]'), Ignored)
    assert isinstance(talk.receive("[3]"), Ignored)
    assert isinstance(talk.receive('[4,["ours-1"],"x","y",{}]'), Ignored)
    assert talk.expire(30) is not None
    assert isinstance(talk.receive(json.dumps([3, "ours-1", ANSWER])), Ignored)


def test_a_call_expires_at_its_deadline_and_not_before(talk: Conversation) -> None:
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    assert talk.expire(29.9) is None
    expired = talk.expire(30)
    assert expired is not None
    assert expired.message_id == "ours-1"
    assert talk.expire(31) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
actions = st.sampled_from(sorted(v201_dialect().requests)) | st.text()
almost_frames = st.tuples(
    st.sampled_from([2, 3, 4, 5, 2.0, "2", None]) | st.integers(),
    st.sampled_from(["ours-1", "m-1", ""]) | json_values,
    actions | json_values,
    json_values,
    json_values,
)


def one_good_outcome(talk: Conversation, frame: str | bytes) -> None:
    """Whatever comes: a call that its schema allows, our answer, a proper CALLERROR, or nothing to do."""
    received = talk.receive(frame)
    assert isinstance(received, Call | Answered | Refused | Violation | Ignored)
    if isinstance(received, Violation):
        kind, message_id, code, description, details = json.loads(received.reply)
        assert kind == 4
        assert isinstance(message_id, int) or 0 < len(message_id) <= 36
        assert code in list(ErrorCode)
        assert len(description) <= 255
        assert isinstance(details, dict)
    if isinstance(received, Call):
        assert received.action in v201_dialect().from_station
        assert v201_dialect().requests[received.action](received.payload) is None
        json.dumps(received.payload, ensure_ascii=False).encode()


@given(st.text() | st.binary() | json_values.map(json.dumps))
def test_no_text_whatever_makes_the_framework_raise(frame: str | bytes) -> None:
    one_good_outcome(Conversation(v201_dialect()), frame)


@given(almost_frames, st.integers(min_value=0, max_value=5))
def test_no_frame_that_is_almost_right_makes_the_framework_raise(frame: tuple[Any, ...], length: int) -> None:
    talk = Conversation(v201_dialect())
    talk.call("ours-1", "SetChargingProfile", LIMIT, deadline_real_s=30)
    one_good_outcome(talk, json.dumps(frame[:length]))


@given(st.integers(min_value=0, max_value=400), st.text(min_size=1, max_size=3))
def test_no_damage_to_a_good_frame_makes_the_framework_raise(at: int, damage: str) -> None:
    good = json.dumps([2, "m-1", "BootNotification", {**BOOT, "customData": {"vendorId": "v", "k": [1, {"a": "é"}]}}])
    one_good_outcome(Conversation(v201_dialect()), good[:at] + damage + good[at + len(damage) :])
