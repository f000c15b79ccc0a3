"""What OCPP 2.0.1's reports say of a station: the notes they make, and what of them the rules hear."""

from typing import Any

import pytest

from edge.ocpp import v201_model, v201_reports
from edge.ocpp.notes import Forget, ForgetOthers, Kind, Note
from edge.ocpp.security_events import is_critical
from edge.ocpp.v201 import HANDLERS
from edge.ocpp.version import Request
from edge.rules.inputs import NeedsReported, NeedsTaken, SecurityReported, TaskReported

NOON_MS = 1_699_963_200_000
NOON = "2023-11-14T12:00:00Z"


def asked(payload: dict[str, Any], **more: Any) -> Request:
    return Request("dc-1", payload, NOON_MS + 5_000, **more)


@pytest.mark.parametrize(
    ("component", "variable", "name"),
    [
        ({"name": "ChargingStation"}, {"name": "Model"}, "ChargingStation.Model"),
        ({"name": "EVSE", "evse": {"id": 1}}, {"name": "Power"}, "EVSE[1].Power"),
        ({"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, {"name": "Type"}, "Connector[1.2].Type"),
        (
            {"name": "TokenReader", "instance": "left"},
            {"name": "Enabled", "instance": "a"},
            "TokenReader(left).Enabled(a)",
        ),
    ],
)
def test_a_variable_is_named_by_its_place(component: dict[str, Any], variable: dict[str, Any], name: str) -> None:
    assert v201_model.variable_key({"component": component, "variable": variable}) == name


def test_a_report_says_whether_more_is_to_come() -> None:
    about = {"requestId": 4, "generatedAt": NOON, "seqNo": 2, "tbc": True}
    assert v201_reports.report(asked(about)) == (
        Note(Kind.REPORT, "4", {"generatedAt": NOON, "seqNo": 2, "complete": False}),
    )


def test_a_new_list_of_profiles_takes_the_place_of_an_older_one() -> None:
    told = {"requestId": 2, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": [{"id": 11}]}
    where = {"evseId": 1, "chargingLimitSource": "CSO", "profile": {"id": 11}}
    assert v201_reports.profiles(asked(told)) == (
        ForgetOthers(Kind.PROFILE, "2/"),
        Note(Kind.PROFILE, "2/1/CSO/11", where),
    )


def test_a_limit_of_the_whole_station_is_cleared_by_its_source() -> None:
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}}
    assert v201_reports.charging_limit(asked(limit)) == (Note(Kind.EXTERNAL_LIMIT, "0/EMS", limit),)
    assert v201_reports.cleared_limit(asked({"chargingLimitSource": "EMS"})) == (Forget(Kind.EXTERNAL_LIMIT, "0/EMS"),)


def test_only_values_that_the_meter_signed_are_kept_whole() -> None:
    signed = {"value": 7, "signedMeterValue": {"signedMeterData": "x"}}
    told = {"evseId": 2, "meterValue": [{"timestamp": NOON, "sampledValue": [{"value": 6}, signed]}]}
    assert v201_reports.signed_values(asked(told)) == (
        Note(Kind.SIGNED_VALUE, f"evse-2/{NOON}/Sample.Periodic", signed),
    )


@pytest.mark.parametrize(
    ("kind", "critical"),
    [
        ("FirmwareUpdated", True),
        ("SettingSystemTime", True),
        ("TamperDetectionActivated", True),
        ("MaintenanceLoginFailed", True),
        ("FailedToAuthenticateAtCsms", False),
        ("InvalidTLSVersion", False),
        ("AcmeDoorOpen", True),
    ],
)
def test_a_security_event_weighs_what_the_appendix_says_and_an_unknown_one_much(kind: str, critical: bool) -> None:
    assert is_critical(kind) is critical
    (heard,) = v201_reports.security_reported(asked({"type": kind, "timestamp": NOON, "techInfo": "x" * 300}))
    assert heard == SecurityReported("dc-1", kind, NOON_MS, critical=critical, info="x" * 255)


def test_an_idle_status_has_no_request() -> None:
    assert v201_reports.firmware_status(asked({"status": "Idle"})) == (TaskReported("dc-1", "FIRMWARE", None, "Idle"),)


@pytest.mark.parametrize(
    ("needs", "energy_wh", "departure_ms", "power_max_w"),
    [
        (
            {
                "requestedEnergyTransfer": "AC_three_phase",
                "departureTime": NOON,
                "acChargingParameters": {
                    "energyAmount": 20_000,
                    "evMinCurrent": 6,
                    "evMaxCurrent": 16,
                    "evMaxVoltage": 240,
                },
            },
            20_000,
            NOON_MS,
            11_520,
        ),
        (
            {
                "requestedEnergyTransfer": "AC_single_phase",
                "acChargingParameters": {
                    "energyAmount": 0,
                    "evMinCurrent": 6,
                    "evMaxCurrent": 32,
                    "evMaxVoltage": 240,
                },
            },
            None,
            None,
            7_680,
        ),
        (
            {
                "requestedEnergyTransfer": "DC",
                "dcChargingParameters": {
                    "evMaxCurrent": 100,
                    "evMaxVoltage": 400,
                    "energyAmount": 9_000,
                    "evMaxPower": 30_000,
                },
            },
            9_000,
            None,
            30_000,
        ),
        (
            {
                "requestedEnergyTransfer": "DC",
                "dcChargingParameters": {
                    "evMaxCurrent": 100,
                    "evMaxVoltage": 400,
                    "stateOfCharge": 30,
                    "fullSoC": 80,
                    "evEnergyCapacity": 60_000,
                },
            },
            30_000,
            None,
            40_000,
        ),
        ({"requestedEnergyTransfer": "DC"}, None, None, None),
    ],
)
def test_what_a_car_needs_is_told_as_far_as_it_said_so(
    needs: dict[str, Any], energy_wh: int | None, departure_ms: int | None, power_max_w: int | None
) -> None:
    assert v201_reports.needs_reported(asked({"evseId": 2, "chargingNeeds": needs})) == (
        NeedsReported("dc-1", 2, energy_wh, departure_ms, power_max_w),
    )


def test_needs_that_are_taken_are_in_processing_because_no_schedule_of_their_own_follows() -> None:
    handler = HANDLERS["NotifyEVChargingNeeds"]
    told = asked({"evseId": 2, "chargingNeeds": {"requestedEnergyTransfer": "DC"}})
    assert handler.answer(told, NeedsTaken(True)) == {"status": "Processing"}
    assert handler.answer(told, NeedsTaken(False)) == {"status": "Rejected"}
    assert handler.answer(told, None) == {"status": "Rejected"}


def test_a_boot_is_answered_as_a_person_decided() -> None:
    boot = asked({"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}, registration="Pending")
    told = HANDLERS["BootNotification"].answer(boot, None)
    assert (told["status"], told["interval"]) == ("Pending", 60)


def test_a_certificate_request_is_accepted_only_where_somebody_signs() -> None:
    handler = HANDLERS["SignCertificate"]
    assert handler.answer(asked({"csr": "x"}), None)["status"] == "Rejected"
    assert handler.answer(asked({"csr": "x"}, signs=True), None) == {"status": "Accepted"}
