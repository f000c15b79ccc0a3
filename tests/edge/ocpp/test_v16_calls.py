"""The law of limits in OCPP 1.6: profiles that end by themselves, in the unit that the station takes."""

import pytest

from edge.ocpp.rpc import Answered, Problem, Refused
from edge.ocpp.v16_calls import limit_call, limit_outcome, settings_calls, unit_from, unit_question
from edge.ocpp.version import InAmps, InWatts, LimitOutcome
from edge.rules.inputs import LimitSetpoint
from edge.schemas import v16_dialect
from shared.facilities import PowerSettings, Station
from tests.edge.ocpp.v16_kit import NOON
from tests.edge.stations_kit import facility

UNIT, ROTATION = "ChargingScheduleAllowedChargingRateUnit", "ConnectorPhaseRotation"


def station(name: str = "l2-1") -> Station:
    return facility(name).stations[0]


def told(**values: str) -> Answered:
    keys = [{"key": key, "readonly": True, "value": value} for key, value in values.items()]
    return Answered("1", "GetConfiguration", {"configurationKey": keys})


def test_a_fallback_is_a_permanent_default_on_the_lowest_level():
    body = limit_call(LimitSetpoint(1, "dc-1", 2, 16_000, NOON, None), InWatts())
    assert v16_dialect().requests[body.action](body.payload) is None
    assert body.payload == {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 20,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16_000}],
            },
        },
    }


def test_a_lease_lies_over_the_fallback_and_ends_by_itself_in_two_ways():
    body = limit_call(LimitSetpoint(1, "l2-1", 1, 7_200, NOON, NOON + 300_000), InAmps(240, 1))
    assert v16_dialect().requests[body.action](body.payload) is None
    profile = body.payload["csChargingProfiles"]
    assert (profile["chargingProfileId"], profile["stackLevel"]) == (11, 1)
    assert profile["chargingProfileKind"] == "Absolute"
    assert (profile["validFrom"], profile["validTo"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:18:20.000Z")
    assert profile["chargingSchedule"] == {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 30.0, "numberPhases": 1}],
        "startSchedule": "2023-11-14T22:13:20.000Z",
        "duration": 300,
    }


def test_amperes_are_rounded_down():
    body = limit_call(LimitSetpoint(1, "l2-1", 1, 11_000, NOON, None), InAmps(240, 3))
    [period] = body.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 15.1  # 15.2 is no multiple of 0.1 to validators that divide in binary
    assert period["limit"] * 240 * 3 <= 11_000


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answered("1", "SetChargingProfile", {"status": "Accepted"}), LimitOutcome("ACCEPTED")),
        (Answered("1", "SetChargingProfile", {"status": "Rejected"}), LimitOutcome("REJECTED", "Rejected")),
        (Answered("1", "SetChargingProfile", {"status": "NotSupported"}), LimitOutcome("REJECTED", "NotSupported")),
        (Refused("1", "SetChargingProfile", "NotImplemented", "no"), LimitOutcome("REJECTED", "NotImplemented: no")),
    ],
)
def test_what_became_of_a_limit(answer: Answered | Refused, outcome: LimitOutcome):
    assert limit_outcome(answer) == outcome


def test_a_limit_whose_answer_cannot_be_read_may_be_in_force():
    problem = Problem("FormatViolation", "status: odd")  # type: ignore[arg-type]
    assert limit_outcome(Answered("1", "SetChargingProfile", {}, problem)) == LimitOutcome("UNKNOWN", "status: odd")


def test_an_ac_station_is_asked_for_its_units_and_phases_and_a_dc_one_for_nothing():
    body = unit_question(station())
    assert body is not None
    assert body.payload == {"key": [UNIT, ROTATION]}
    assert v16_dialect().requests["GetConfiguration"](body.payload) is None
    assert unit_question(station("dc-1")) is None


@pytest.mark.parametrize("units", ["Power", "Current,Power", "Current, Power", "W", "A,W"])
def test_watts_where_the_station_takes_them(units: str):
    assert unit_from(station(), told(**{UNIT: units})) == InWatts()


def test_amperes_where_it_does_not_or_does_not_say():
    silent = (Refused("1", "GetConfiguration", "NotSupported", ""), told(), told(**{UNIT: "Current"}))
    assert [unit_from(station(), answer) for answer in silent] == [InAmps(240, 3)] * 3


def test_a_station_that_is_fed_by_one_phase_at_every_connector_gets_amperes_of_one():
    one = told(**{UNIT: "Current", ROTATION: "0.NotApplicable, 1.NotApplicable,2.NotApplicable"})
    assert unit_from(station(), one) == InAmps(240, 1)
    mixed = told(**{UNIT: "Current", ROTATION: "1.NotApplicable,2.RST"})
    assert unit_from(station(), mixed) == InAmps(240, 3)


def test_lines_that_are_configured_count_before_what_the_station_says():
    plain = station()
    evses = tuple(evse.model_copy(update={"phases": "L1L2L3", "voltage_v": 277}) for evse in plain.evses)
    known = plain.model_copy(update={"evses": evses})
    one = told(**{UNIT: "Current", ROTATION: "1.NotApplicable,2.NotApplicable"})
    assert unit_from(known, one) == InAmps(277, 3)


def test_a_dc_station_is_limited_in_watts_whatever_it_says():
    assert unit_from(station("dc-1"), told(**{UNIT: "Current"})) == InWatts()


def test_an_answer_full_of_nonsense_counts_as_silence():
    nonsense = Answered("1", "GetConfiguration", {"configurationKey": [7, {"key": UNIT}, None]})
    assert unit_from(station(), nonsense) == InAmps(240, 3)


def test_settings_are_single_keys_that_keep_refused_and_unknown_tags_from_energy():
    bodies = settings_calls(station("dc-1"), PowerSettings(meter_interval_s=20))
    assert {body.action for body in bodies} == {"ChangeConfiguration"}
    assert all(v16_dialect().requests[body.action](body.payload) is None for body in bodies)
    values = {body.payload["key"]: body.payload["value"] for body in bodies}
    assert values["MeterValueSampleInterval"] == "20"
    assert values["MeterValuesSampledData"] == "Energy.Active.Import.Register,Power.Active.Import,SoC"
    assert values["AllowOfflineTxForUnknownId"] == "false"
    assert values["StopTransactionOnInvalidId"] == "true"
    assert values["MaxEnergyOnInvalidId"] == "0"


def test_the_register_alone_is_asked_for_before_the_list_that_a_station_may_refuse():
    measurands = [
        body.payload["value"]
        for body in settings_calls(station(), PowerSettings())
        if body.payload["key"] == "MeterValuesSampledData"
    ]
    assert measurands == [
        "Energy.Active.Import.Register",
        "Energy.Active.Import.Register,Power.Active.Import",
    ]
