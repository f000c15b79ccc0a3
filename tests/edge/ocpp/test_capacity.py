"""How calls are cut to what a station takes at once, and how the answers to the parts become one again."""

import json

import pytest

from edge.ocpp.capacity import ENVELOPE_BYTES, Room, declared, halves, joined, parts
from edge.ocpp.rpc import Answered, ErrorCode, Problem, Refused
from edge.ocpp.version import CallBody, Listing

LISTING = Listing("wanted", "Items")


def call(count: int) -> CallBody:
    return CallBody("Ask", {"id": 7, "wanted": [f"v-{n}" for n in range(count)]})


def wanted(bodies: tuple[CallBody, ...]) -> list[list[str]]:
    assert all(body.payload["id"] == 7 for body in bodies)
    return [body.payload["wanted"] for body in bodies]


def refused(code: str) -> Refused:
    return Refused("m", "Ask", code, "")


def answered(**payload: object) -> Answered:
    return Answered("m", "Ask", payload)


def test_what_a_station_does_not_bound_goes_whole():
    assert parts(call(500), LISTING, Room()) == (call(500),)


def test_no_part_has_more_items_than_declared_and_their_order_stays():
    assert wanted(parts(call(5), LISTING, Room(items_max=2))) == [["v-0", "v-1"], ["v-2", "v-3"], ["v-4"]]


def test_no_part_is_longer_than_declared():
    most = 150
    cut = parts(call(20), LISTING, Room(bytes_max=most))
    assert [x for part in wanted(cut) for x in part] == call(20).payload["wanted"]
    assert all(len(json.dumps(body.payload)) + ENVELOPE_BYTES <= most for body in cut)


def test_an_item_that_is_too_long_by_itself_goes_alone():
    assert wanted(parts(call(2), LISTING, Room(bytes_max=10))) == [["v-0"], ["v-1"]]


def test_a_call_without_its_list_is_not_cut():
    body = CallBody("Ask", {})
    assert parts(body, LISTING, Room(items_max=1)) == (body,)


@pytest.mark.parametrize("code", ["OccurrenceConstraintViolation", "OccurenceConstraintViolation", "FormatViolation"])
def test_what_is_refused_as_too_much_is_tried_in_two_halves(code: str):
    assert wanted(halves(call(3), LISTING, refused(code))) == [["v-0"], ["v-1", "v-2"]]


def test_what_is_refused_for_another_reason_or_cannot_be_less_is_not_tried_again():
    assert halves(call(4), LISTING, refused("NotSupported")) == ()
    assert halves(call(1), LISTING, refused("FormatViolation")) == ()
    assert halves(call(4), LISTING, answered()) == ()
    assert halves(call(4), None, refused("FormatViolation")) == ()


def test_the_lists_of_the_answers_follow_each_other():
    one, two = answered(found=[1], unknown=["a"]), answered(found=[2, 3])
    assert joined([one, two]).payload == {"found": [1, 2, 3], "unknown": ["a"]}


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (["Accepted", "Accepted"], "Accepted"),
        (["EmptyResultSet", "Accepted"], "Accepted"),
        (["EmptyResultSet", "EmptyResultSet"], "EmptyResultSet"),
        (["Accepted", "Rejected"], "Rejected"),
    ],
)
def test_of_several_statuses_the_worst_is_told_and_nothing_found_is_not_bad(told: list[str], status: str):
    assert joined([answered(status=x) for x in told]).payload == {"status": status}


def test_a_part_that_its_schema_refuses_spoils_the_whole():
    spoiled = Answered("m", "Ask", {"found": [2]}, Problem(ErrorCode.FORMAT_VIOLATION, "found: ..."))
    assert joined([answered(found=[1]), spoiled]).problem == spoiled.problem


@pytest.mark.parametrize(
    ("body", "characteristic", "number"),
    [
        ({"variableAttribute": [{"type": "MaxSet", "value": "9"}, {"value": "4"}]}, "", 4),
        ({"key": "SendLocalListMaxLength", "value": "20"}, "", 20),
        ({"value": "20.0"}, "", 20),
        ({"value": "0"}, "", 0),
        ({"variableCharacteristics": {"maxLimit": 400.0}}, "maxLimit", 400),
        ({"variableCharacteristics": {}}, "maxLimit", None),
        ({"key": "SendLocalListMaxLength"}, "", None),
        ({"value": "-1"}, "", None),
        ({"value": "many"}, "", None),
        ({"value": "inf"}, "", None),
    ],
)
def test_a_number_is_read_as_either_version_tells_it(body: dict[str, object], characteristic: str, number: int | None):
    assert declared(body, characteristic) == number
