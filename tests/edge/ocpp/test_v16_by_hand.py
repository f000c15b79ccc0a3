"""The law of OCPP 1.6 messages by hand: nobody changes a limit behind the back of the power books."""

from typing import Any

import pytest

from edge.ocpp.v16 import VERSION
from edge.schemas import v16_dialect
from tests.edge.stations_kit import facility

STATION = facility("l2-1").stations[0]


def profile(purpose: str, number: int) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5_000.0}]}
    return {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }


def may_not(action: str, **payload: Any) -> str | None:
    assert v16_dialect().requests[action](payload) is None
    return VERSION.why_not_by_hand(STATION, action, payload)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile("TxDefaultProfile", 99)}),
        ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile("ChargePointMaxProfile", 11)}),
        ("ClearChargingProfile", {}),
        ("ClearChargingProfile", {"id": 20}),
        ("ClearChargingProfile", {"connectorId": 1, "stackLevel": 1}),
        ("RemoteStartTransaction", {"idTag": "A", "chargingProfile": profile("TxProfile", 99)}),
        ("ChangeConfiguration", {"key": "maxenergyoninvalidid", "value": "5000"}),
    ],
)
def test_what_the_books_lean_on_is_not_touched_by_hand(action: str, payload: dict[str, Any]) -> None:
    assert may_not(action, **payload) is not None


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile("ChargePointMaxProfile", 99)}),
        ("ClearChargingProfile", {"id": 99}),
        ("ClearChargingProfile", {"chargingProfilePurpose": "ChargePointMaxProfile"}),
        ("RemoteStartTransaction", {"idTag": "A"}),
        ("ChangeConfiguration", {"key": "LightIntensity", "value": "50"}),
        ("Reset", {"type": "Hard"}),
    ],
)
def test_everything_else_may_be_sent(action: str, payload: dict[str, Any]) -> None:
    assert may_not(action, **payload) is None
