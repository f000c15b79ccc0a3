"""The law of what OCPP 2.0.1 stations are told: limits as charging profiles, and settings."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ocpp.moments import written
from edge.ocpp.rpc import Answered, ErrorCode, Problem, Refused
from edge.ocpp.v201_calls import VOLTAGE_V, limit_call, limit_outcome, settings_calls, unit_from, unit_question
from edge.ocpp.version import CallBody, InAmps, InWatts, LimitOutcome, LimitUnit
from edge.rules.inputs import LimitSetpoint
from edge.schemas import v201_dialect
from shared.facilities import ChargerLevel, ConnectorType, Evse, PowerSettings, Station

NOON = 1_700_000_000_000
SETPOINT = LimitSetpoint(7, "dc-1", 2, 11_000, NOON, None)
LEASE = LimitSetpoint(8, "dc-1", 2, 22_000, NOON, NOON + 300_000)


def station(level: ChargerLevel, evses: int = 2) -> Station:
    outlets = tuple(
        Evse(evse_id=n + 1, space_id="s-1", connector=ConnectorType.CCS, rating_w=22_000, minimum_w=1_380)
        for n in range(evses)
    )
    return Station(station_id="ac-1", level=level, evses=outlets, password_salt="s", password_sha256="h")


def payload_of(body: CallBody) -> dict[str, Any]:
    plain = json.loads(json.dumps(body.payload))
    assert v201_dialect().requests[body.action](plain) is None
    return plain


def test_the_fallback_is_a_default_profile_without_an_end_that_leans_on_no_clock() -> None:
    assert limit_call(SETPOINT, InWatts()).action == "SetChargingProfile"
    assert payload_of(limit_call(SETPOINT, InWatts())) == {
        "evseId": 2,
        "chargingProfile": {
            "id": 20,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {
                    "id": 20,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11_000}],
                }
            ],
        },
    }


def test_a_lease_lies_over_the_fallback_and_ends_by_itself() -> None:
    assert payload_of(limit_call(LEASE, InWatts())) == {
        "evseId": 2,
        "chargingProfile": {
            "id": 21,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "validFrom": written(NOON),
            "validTo": written(NOON + 300_000),
            "chargingSchedule": [
                {
                    "id": 21,
                    "startSchedule": written(NOON),
                    "duration": 300,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22_000}],
                }
            ],
        },
    }


def test_in_amperes_a_limit_has_one_decimal_and_names_its_phases() -> None:
    schedule = payload_of(limit_call(SETPOINT, InAmps(240, 3)))["chargingProfile"]["chargingSchedule"][0]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 15.2, "numberPhases": 3}]


@given(st.integers(0, 400_000), st.sampled_from([120, 208, 230, 240, 277]), st.sampled_from([1, 2, 3]))
def test_rounding_to_tenths_of_an_ampere_never_lets_more_through(limit_w: int, voltage_v: int, phases: int) -> None:
    setpoint = LimitSetpoint(1, "ac-1", 1, limit_w, NOON, None)
    body = payload_of(limit_call(setpoint, InAmps(voltage_v, phases)))
    limit_a = body["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
    tenths = round(limit_a * 10)
    assert limit_a == tenths / 10
    assert tenths * voltage_v * phases <= limit_w * 10 < (tenths + 1) * voltage_v * phases


@given(st.integers(0, 400_000), st.integers(1, 1_000), st.none() | st.integers(1, 10**7))
def test_every_limit_is_a_call_that_the_schema_allows(limit_w: int, evse_id: int, length_ms: int | None) -> None:
    until_ms = None if length_ms is None else NOON + length_ms
    profile = payload_of(limit_call(LimitSetpoint(1, "dc-1", evse_id, limit_w, NOON, until_ms), InWatts()))
    assert profile["chargingProfile"]["id"] == evse_id * 10 + (until_ms is not None)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (Answered("m", "SetChargingProfile", {"status": "Accepted"}), LimitOutcome("ACCEPTED")),
        (Answered("m", "SetChargingProfile", {"status": "Rejected"}), LimitOutcome("REJECTED")),
        (
            Answered("m", "SetChargingProfile", {"status": "Rejected", "statusInfo": {"reasonCode": "Limit"}}),
            LimitOutcome("REJECTED", "Limit"),
        ),
        (Refused("m", "SetChargingProfile", "NotImplemented", "no"), LimitOutcome("REJECTED", "NotImplemented: no")),
        (
            Answered(
                "m", "SetChargingProfile", {"status": "Accepted", "x": 1}, Problem(ErrorCode.FORMAT_VIOLATION, "x")
            ),
            LimitOutcome("ACCEPTED"),
        ),
        (
            Answered("m", "SetChargingProfile", {"status": "Rejected", "statusInfo": "why"}),
            LimitOutcome("REJECTED"),
        ),
        (
            Answered("m", "SetChargingProfile", {"status": "Maybe"}, Problem(ErrorCode.FORMAT_VIOLATION, "status: no")),
            LimitOutcome("UNKNOWN", "status: no"),
        ),
        (Answered("m", "SetChargingProfile", {}), LimitOutcome("UNKNOWN", "an answer without a status")),
    ],
)
def test_a_limit_counts_as_what_the_station_said_and_unknown_when_it_said_nothing_readable(
    told: Answered | Refused, outcome: LimitOutcome
) -> None:
    assert limit_outcome(told) == outcome


def variables(*found: tuple[str, str, str]) -> Answered:
    results = [
        {"attributeStatus": "Accepted", "attributeValue": value, "component": {"name": c}, "variable": {"name": v}}
        for c, v, value in found
    ]
    return Answered("m", "GetVariables", {"getVariableResult": results})


def test_an_ac_station_is_asked_for_its_units_and_phases_and_a_dc_station_is_not() -> None:
    question = unit_question(station(ChargerLevel.LEVEL2))
    assert question is not None
    assert [
        (x["component"]["name"], x["component"].get("evse"), x["variable"]["name"])
        for x in payload_of(question)["getVariableData"]
    ] == [
        ("SmartChargingCtrlr", None, "RateUnit"),
        ("EVSE", {"id": 1}, "SupplyPhases"),
        ("EVSE", {"id": 2}, "SupplyPhases"),
    ]
    assert unit_question(station(ChargerLevel.DCFC)) is None


A_ONLY = ("SmartChargingCtrlr", "RateUnit", "A")
ONE_PHASE = ("EVSE", "SupplyPhases", "1")
THREE_PHASES = ("EVSE", "SupplyPhases", "3")


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        (variables(("SmartChargingCtrlr", "RateUnit", "A,W"), ONE_PHASE, ONE_PHASE), InWatts()),
        (variables(("SmartChargingCtrlr", "RateUnit", "W")), InWatts()),
        (variables(A_ONLY, ONE_PHASE, ONE_PHASE), InAmps(VOLTAGE_V, 1)),
        (variables(A_ONLY, ONE_PHASE, THREE_PHASES), InAmps(VOLTAGE_V, 3)),
        (variables(A_ONLY, ONE_PHASE), InAmps(VOLTAGE_V, 3)),
        (variables(A_ONLY), InAmps(VOLTAGE_V, 3)),
        (Refused("m", "GetVariables", "NotSupported", ""), InWatts()),
        (Answered("m", "GetVariables", {"x": 1}, Problem(ErrorCode.FORMAT_VIOLATION, "")), InWatts()),
    ],
)
def test_amperes_are_for_a_station_that_takes_nothing_else_over_the_most_phases_there_may_be(
    told: Answered | Refused, unit: LimitUnit
) -> None:
    assert unit_from(station(ChargerLevel.LEVEL2), told) == unit


def test_a_level_1_outlet_has_one_phase() -> None:
    assert unit_from(station(ChargerLevel.LEVEL1), variables(A_ONLY)) == InAmps(VOLTAGE_V, 1)


def test_a_dc_station_gets_watts_whatever_it_says() -> None:
    assert unit_from(station(ChargerLevel.DCFC), variables(A_ONLY)) == InWatts()


def test_a_station_is_told_how_to_meter_and_what_a_transaction_is_one_setting_a_call() -> None:
    calls = settings_calls(station(ChargerLevel.DCFC), PowerSettings(meter_interval_s=30))
    told = {}
    for body in calls:
        assert body.action == "SetVariables"
        (setting,) = payload_of(body)["setVariableData"]
        told[setting["component"]["name"], setting["variable"]["name"]] = setting["attributeValue"]
    assert told["SampledDataCtrlr", "TxUpdatedInterval"] == "30"
    assert told["SampledDataCtrlr", "TxUpdatedMeasurands"].endswith(",SoC")
    assert told["TxCtrlr", "TxStartPoint"] == "PowerPathClosed"
    assert told["TxCtrlr", "TxStopPoint"] == "EVConnected"
