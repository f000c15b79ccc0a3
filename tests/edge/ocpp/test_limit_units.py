"""Limits in amperes: every one with one decimal that a station can be asked for is allowed by both schemas."""

import json

import pytest

from edge.ocpp import v16_calls, v201_calls
from edge.ocpp.version import InAmps
from edge.rules.inputs import LimitSetpoint
from edge.schemas import v16_dialect, v201_dialect


@pytest.mark.parametrize("tenths", range(401))
def test_every_limit_with_one_decimal_from_0_to_40_amperes_is_accepted_as_it_is(tenths: int) -> None:
    setpoint = LimitSetpoint(1, "ac-1", 1, tenths * 24, 1_700_000_000_000, None)
    for calls, dialect in ((v201_calls, v201_dialect()), (v16_calls, v16_dialect())):
        body = calls.limit_call(setpoint, InAmps(240, 1))
        plain = json.loads(json.dumps(body.payload))
        assert dialect.requests[body.action](plain) is None
        assert f'"limit": {tenths / 10}' in json.dumps(plain)
