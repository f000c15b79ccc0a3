"""Limits in amperes: every one with one decimal that a station can be asked for is allowed by both schemas, also by how
the most widespread validators read that of 1.6."""

import json

import pytest

from edge.ocpp import v16_calls, v201_calls
from edge.ocpp.version import InAmps
from edge.rules.inputs import LimitSetpoint
from edge.schemas import v16_dialect, v201_dialect


@pytest.mark.parametrize("tenths", range(401))
def test_every_limit_with_one_decimal_from_0_to_40_amperes_is_allowed(tenths: int) -> None:
    setpoint = LimitSetpoint(1, "ac-1", 1, tenths * 24, 1_700_000_000_000, None)
    body = v201_calls.limit_call(setpoint, InAmps(240, 1))
    plain = json.loads(json.dumps(body.payload))
    assert v201_dialect().requests[body.action](plain) is None
    assert f'"limit": {tenths / 10}' in json.dumps(plain)

    body = v16_calls.limit_call(setpoint, InAmps(240, 1))
    plain = json.loads(json.dumps(body.payload))
    assert v16_dialect().requests[body.action](plain) is None
    [period] = plain["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    # JavaScript's validators divide by 0.1 in binary and look for a whole number; 15.2 they refuse.
    assert (period["limit"] / 0.1).is_integer()
    assert tenths - 2 <= round(period["limit"] * 10) <= tenths
