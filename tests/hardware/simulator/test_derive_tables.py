"""The tables that the simulated traffic is drawn from."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hardware.simulator import derive_tables
from hardware.simulator.derive_tables import TABLES, changes, derive, quantiles, render, shares, stays

EIGHT = datetime(2016, 10, 4, 8)  # noqa: DTZ001 - the data holds wall-clock times


def readings(*occupancies: int) -> list[tuple[datetime, int]]:
    return [(EIGHT + timedelta(minutes=30 * i), cars) for i, cars in enumerate(occupancies)]


def test_the_committed_tables_are_what_the_real_data_gives() -> None:
    folder = os.environ.get("EASYPARK_REAL_DATA")
    if not folder:
        pytest.skip("set EASYPARK_REAL_DATA to the folder with the real data")
    assert render(derive(Path(folder))) == TABLES.read_text()


def test_the_tables_name_their_sources_and_licences() -> None:
    assert {source["licence"] for source in derive_tables.SOURCES} == {"BSD-3-Clause", "UK Open Government Licence"}


def test_quantiles_run_from_the_least_to_the_greatest_value() -> None:
    assert quantiles([(float(i), 1.0) for i in range(101)], 0)[::10] == [0.0, 50.0, 100.0]


def test_quantiles_count_a_value_as_often_as_it_weighs() -> None:
    assert quantiles([(1.0, 19.0), (9.0, 1.0)], 0) == [1.0] * 19 + [9.0, 9.0]


def test_quantiles_of_nothing_are_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantiles([], 0)


def test_shares_add_up_to_one() -> None:
    assert shares([1.0, 3.0]) == [0.25, 0.75]


def test_a_change_lies_halfway_between_its_readings() -> None:
    assert [(at.strftime("%H:%M"), n) for at, n in changes(readings(5, 8, 6))] == [("08:15", 3), ("08:45", -2)]


def test_first_in_first_out_matches_a_fall_with_the_earliest_rise() -> None:
    assert list(stays(readings(0, 2, 5, 2), last_first=False)) == [(60.0, 2.0), (30.0, 1.0)]


def test_last_in_first_out_matches_a_fall_with_the_latest_rise() -> None:
    assert list(stays(readings(0, 2, 5, 1), last_first=True)) == [(30.0, 3.0), (60.0, 1.0)]


def test_cars_that_were_there_before_the_first_reading_have_no_known_stay() -> None:
    assert list(stays(readings(9, 4), last_first=False)) == []


def test_cars_still_there_at_the_last_reading_have_no_known_stay() -> None:
    assert list(stays(readings(0, 9), last_first=True)) == []


def test_without_the_data_the_script_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert derive_tables.main([str(tmp_path)]) == 2
    assert "acn_caltech_2019-03_sessions.csv" in capsys.readouterr().err
