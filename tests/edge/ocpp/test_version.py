"""What every OCPP version shares: the unit of a station that is configured, and what may not be sent by hand."""

from typing import Any

import pytest

from edge.ocpp.version import InAmps, InWatts, LimitUnit, configured_unit, limits_are_the_books
from shared.facilities import ChargerLevel, ConnectorType, Evse, Station


def station(*evses: dict[str, Any], level: ChargerLevel = ChargerLevel.LEVEL2) -> Station:
    about = {"space_id": "s-1", "connector": ConnectorType.TYPE1, "rating_w": 11_000, "minimum_w": 1_440}
    return Station(
        station_id="ac-1",
        level=level,
        evses=tuple(Evse(evse_id=n, **about, **more) for n, more in enumerate(evses, 1)),
        password_salt="",
        password_sha256="",
    )


@pytest.mark.parametrize(
    ("evses", "unit"),
    [
        ([{}], None),
        ([{"limit_unit": "W"}], InWatts()),
        ([{"limit_unit": "W"}, {}], None),
        ([{"limit_unit": "A"}], InAmps(240, 3)),
        ([{"limit_unit": "A", "phases": "L2"}], InAmps(240, 1)),
        ([{"limit_unit": "A", "phases": "L1L2", "voltage_v": 208}], InAmps(208, 1)),
        ([{"limit_unit": "A", "phases": "L1L2L3", "voltage_v": 277}], InAmps(277, 3)),
        (
            [{"limit_unit": "A", "phases": "L1"}, {"limit_unit": "A", "phases": "L3L2", "voltage_v": 208}],
            InAmps(240, 1),
        ),
        ([{"limit_unit": "A", "phases": "L1"}, {}], InAmps(240, 3)),
    ],
)
def test_a_station_whose_unit_is_configured_is_not_asked(evses: list[dict[str, Any]], unit: LimitUnit | None) -> None:
    assert configured_unit(station(*evses)) == unit


def test_an_outlet_of_level_1_has_one_line_and_a_dc_station_takes_watts() -> None:
    assert configured_unit(station({"limit_unit": "A"}, level=ChargerLevel.LEVEL1)) == InAmps(240, 1)
    assert configured_unit(station({"limit_unit": "A"}, level=ChargerLevel.DCFC)) == InWatts()


@pytest.mark.parametrize(
    ("action", "payload", "may"),
    [
        ("SetChargingProfile", {}, False),
        ("ClearChargingProfile", {"id": 1}, False),
        ("RemoteStartTransaction", {"idTag": "a", "chargingProfile": {}}, False),
        ("RemoteStartTransaction", {"idTag": "a"}, True),
        ("Reset", {"type": "Hard"}, True),
    ],
)
def test_a_version_that_says_no_more_lets_nobody_set_or_clear_limits(
    action: str, payload: dict[str, Any], may: bool
) -> None:
    assert (limits_are_the_books(station({}), action, payload) is None) is may
