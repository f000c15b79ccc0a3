"""Which limit a station's charging profiles put in force (OCPP 2.0.1, K01)."""

from typing import Any

import pytest

from hardware.simulator.outlet import stamp
from hardware.simulator.profiles import (
    Profile,
    ProfileError,
    Running,
    Supply,
    clear,
    install,
    limit_w,
    next_change_ms,
    parse_profile,
    unexpired,
)

T0 = 1_773_054_000_000
SUPPLY = Supply(240.0, 1)


def body(profile_id: int, limit: float, level: int = 0, **changes: Any) -> dict[str, Any]:
    schedule = {
        "id": 1,
        "charging_rate_unit": changes.pop("unit", "W"),
        "charging_schedule_period": changes.pop("periods", [{"start_period": 0, "limit": limit}]),
        **changes.pop("schedule", {}),
    }
    return {
        "id": profile_id,
        "stack_level": level,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": [schedule],
        **changes,
    }


def profile(profile_id: int, limit: float, level: int = 0, evse_id: int = 1, **changes: Any) -> Profile:
    return parse_profile(evse_id, body(profile_id, limit, level, **changes), SUPPLY, T0)


def lease(profile_id: int, limit: float, seconds: int, level: int = 1) -> Profile:
    return profile(profile_id, limit, level, valid_from=stamp(T0), valid_to=stamp(T0 + seconds * 1000))


def test_without_a_profile_there_is_no_limit() -> None:
    assert limit_w((), 1, None, T0) is None


def test_the_highest_stack_level_counts() -> None:
    assert limit_w((profile(1, 3_000), lease(2, 7_000, 300)), 1, None, T0) == 7_000


def test_a_lease_ends_by_itself_and_the_fallback_is_in_force() -> None:
    held = (profile(1, 3_000), lease(2, 7_000, 300))
    assert limit_w(held, 1, None, T0 + 299_999) == 7_000
    assert limit_w(held, 1, None, T0 + 300_000) == 3_000
    assert next_change_ms(held, None, T0) == T0 + 300_000


def test_a_profile_is_not_in_force_before_it_is_valid() -> None:
    later = profile(1, 3_000, valid_from=stamp(T0 + 60_000))
    assert limit_w((later,), 1, None, T0 + 59_999) is None
    assert limit_w((later,), 1, None, T0 + 60_000) == 3_000


def test_a_schedule_ends_after_its_duration() -> None:
    short = profile(1, 3_000, schedule={"duration": 60, "start_schedule": stamp(T0)})
    assert limit_w((short,), 1, None, T0 + 59_999) == 3_000
    assert limit_w((short,), 1, None, T0 + 60_000) is None


def test_each_period_holds_until_the_next() -> None:
    steps = profile(1, 0, periods=[{"start_period": 0, "limit": 1_000.0}, {"start_period": 60, "limit": 2_000.0}])
    assert [limit_w((steps,), 1, None, T0 + s * 1000) for s in (0, 59, 60, 9_999)] == [1_000, 1_000, 2_000, 2_000]
    assert next_change_ms((steps,), None, T0) == T0 + 60_000


def test_a_relative_schedule_begins_with_the_transaction() -> None:
    periods = [{"start_period": 0, "limit": 1_000.0}, {"start_period": 60, "limit": 2_000.0}]
    relative = profile(1, 0, charging_profile_kind="Relative", periods=periods)
    running = Running("t", T0 + 600_000)
    assert limit_w((relative,), 1, None, T0 + 900_000) == 1_000
    assert limit_w((relative,), 1, running, T0 + 659_999) == 1_000
    assert limit_w((relative,), 1, running, T0 + 660_000) == 2_000


def test_a_limit_in_amperes_counts_the_phases_that_are_wired() -> None:
    in_amps = body(1, 10.0, unit="A", periods=[{"start_period": 0, "limit": 10.0, "number_phases": 3}])
    assert limit_w((parse_profile(1, in_amps, SUPPLY, T0),), 1, None, T0) == 2_400
    assert limit_w((parse_profile(1, in_amps, Supply(277.0, 3), T0),), 1, None, T0) == 8_310


def test_a_profile_of_evse_0_is_for_every_evse_and_one_of_its_own_goes_first() -> None:
    held = (profile(1, 3_000, evse_id=0), profile(2, 5_000, evse_id=2))
    assert limit_w(held, 1, None, T0) == 3_000
    assert limit_w(held, 2, None, T0) == 5_000


def test_a_tx_profile_stands_over_the_default_for_its_transaction_alone() -> None:
    own = profile(2, 9_000, charging_profile_purpose="TxProfile", transaction_id="t1")
    held = (profile(1, 3_000, level=5), own)
    assert limit_w(held, 1, Running("t1", T0), T0) == 9_000
    assert limit_w(held, 1, Running("t2", T0), T0) == 3_000


def test_the_stations_maximum_caps_everything() -> None:
    most = profile(1, 2_000, evse_id=0, charging_profile_purpose="ChargingStationMaxProfile")
    assert limit_w((most, profile(2, 3_000)), 1, None, T0) == 2_000
    assert limit_w((most,), 1, None, T0) == 2_000


def test_a_profile_of_the_same_id_is_replaced() -> None:
    held = install(install((), lease(2, 7_000, 300)), lease(2, 5_000, 600))
    assert [limit_w(held, 1, None, T0), len(held)] == [5_000, 1]


def test_two_profiles_of_one_level_at_one_time_are_refused() -> None:
    with pytest.raises(ProfileError) as refused:
        install((lease(2, 7_000, 300),), lease(3, 5_000, 600))
    assert refused.value.reason_code == "DuplicateProfile"


def test_two_profiles_of_one_level_one_after_the_other_are_taken() -> None:
    next_one = profile(3, 5_000, 1, valid_from=stamp(T0 + 300_000), valid_to=stamp(T0 + 600_000))
    held = install((lease(2, 7_000, 300),), next_one)
    assert limit_w(held, 1, None, T0 + 300_000) == 5_000


@pytest.mark.parametrize(
    ("wrong", "reason_code"),
    [
        ({"charging_profile_kind": "Recurring"}, "UnsupportedKind"),
        ({"charging_profile_purpose": "ChargingStationExternalConstraints"}, "InvalidProfile"),
        ({"charging_profile_purpose": "ChargingStationMaxProfile"}, "InvalidProfile"),
        ({"charging_profile_purpose": "TxProfile"}, "InvalidProfile"),
    ],
)
def test_what_is_not_served_is_refused_with_a_reason(wrong: dict[str, Any], reason_code: str) -> None:
    with pytest.raises(ProfileError) as refused:
        profile(1, 3_000, **wrong)
    assert refused.value.reason_code == reason_code


def test_a_station_that_takes_amperes_alone_refuses_watts() -> None:
    with pytest.raises(ProfileError) as refused:
        parse_profile(1, body(1, 3_000), Supply(240.0, 1, units=("A",)), T0)
    assert refused.value.reason_code == "UnsupportedRateUnit"


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        ({"charging_profile_id": 1}, [2]),
        ({"charging_profile_criteria": {"stack_level": 1}}, [1]),
        ({"charging_profile_criteria": {"evse_id": 9}}, [1, 2]),
        ({"charging_profile_criteria": {"charging_profile_purpose": "TxDefaultProfile"}}, []),
    ],
)
def test_profiles_are_cleared_by_id_or_by_every_criterion_named(request_: dict[str, Any], left: list[int]) -> None:
    assert [p.profile_id for p in clear((profile(1, 3_000), lease(2, 7_000, 300)), request_)] == left


def test_profiles_that_are_past_are_forgotten() -> None:
    assert [p.profile_id for p in unexpired((profile(1, 3_000), lease(2, 7_000, 300)), T0 + 300_000)] == [1]
