"""Passwords do not belong into a journal of frames."""

import json

import pytest

from edge.ocpp import v16_security, v201_security
from edge.ocpp.masking import masked

SECRET = 'a"b\\c' + "0" * 20


@pytest.mark.parametrize("body", [v201_security.password_call(SECRET), v16_security.password_call(SECRET)])
def test_a_new_password_cannot_be_read(body: object) -> None:
    frame = json.dumps([2, "1", body.action, body.payload])  # type: ignore[attr-defined]
    assert json.dumps(SECRET) in frame
    assert "0000" not in masked(frame)
    assert json.loads(masked(frame))[:2] == [2, "1"]


def test_nor_can_one_that_a_station_tells_though_it_should_not() -> None:
    told = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "secret"}]}
    assert "secret" not in masked(json.dumps([3, "1", told]))


def test_other_frames_stay_as_they_are() -> None:
    frame = '[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"300"}]'
    assert masked(frame) == frame
