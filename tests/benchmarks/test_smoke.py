"""The benchmarks measure what they say; how fast that is depends on the machine and is asserted nowhere."""

import os
import time
from math import isfinite
from pathlib import Path

import pytest

from provisioning.local.postgres import Postgres
from tests.benchmarks import asking, charging, gate, power, protocol, replaced, restart, storm, upload
from tests.benchmarks.figures import Figure, percentile, table
from tests.benchmarks.memory import cpu_s
from tests.benchmarks.run import main


def all_positive(figures: list[Figure]) -> bool:
    return all(isfinite(x) and x > 0 for f in figures for x in (f.product, f.bare, f.ratio))


def test_cars_are_let_in_and_timed(tmp_path: Path) -> None:
    figures = gate.measure(tmp_path, cars=3)
    assert [f.name for f in figures] == ["plate to relay p50", "plate to relay p99"]
    assert all_positive(figures)


def test_stations_talk_and_are_counted(tmp_path: Path) -> None:
    figures = charging.measure(tmp_path, slices=1, slice_real_s=0.3)
    assert [f.unit for f in figures] == ["/s", "ms", "ms"]
    assert all_positive(figures)


def test_the_protocol_is_measured_beside_the_package_and_an_echo(tmp_path: Path) -> None:
    figures = protocol.measure(tmp_path, slices=1, slice_real_s=0.3, connections=(3,), settle_real_s=0.1)
    assert [f.against for f in figures][:2] == ["the ocpp package", "WebSocket echo"]
    assert all_positive(figures[:4])


def test_stations_that_come_all_at_once_charge(tmp_path: Path) -> None:
    figures = storm.measure(tmp_path, stations=3, spread_real_s=0.2)
    assert [f.unit for f in figures] == ["s"]
    assert all_positive(figures)


def test_the_power_rule_is_timed() -> None:
    figures = power.measure(rounds=1)
    assert {f.unit for f in figures} == {"us"}
    assert all_positive(figures)


def test_a_killed_daemon_raises_the_next_arm(tmp_path: Path) -> None:
    figures = restart.measure(tmp_path, entries=5_000, rounds=1)
    assert [f.unit for f in figures] == ["s"]
    assert all_positive(figures)


def test_a_log_is_drained_into_postgresql(tmp_path: Path, postgres_server: Postgres) -> None:
    figures = upload.measure(tmp_path, postgres_server, upload.Mix(events=6_000, idle_cars=2))
    assert [f.unit for f in figures] == ["events/s"] * 4 + ["ms"] * 2
    assert all_positive(figures)


def test_a_box_is_commanded_and_told_of_rights(tmp_path: Path, postgres_server: Postgres) -> None:
    figures = asking.measure(tmp_path, postgres_server, rounds=2)
    assert [f.name for f in figures][::2] == ["command to answer p50", "right to box p50"]
    assert all_positive(figures)


def test_a_box_set_up_from_nothing_is_told_everything(tmp_path: Path, postgres_server: Postgres) -> None:
    figures = replaced.measure(tmp_path, postgres_server, rights=50)
    assert [f.unit for f in figures] == ["s"]
    assert all_positive(figures)


def test_the_processor_time_of_a_process_is_told_as_it_knows_it_itself() -> None:
    before_s = time.process_time()
    told_s = cpu_s([os.getpid()])
    assert before_s <= told_s <= time.process_time()


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (75, 3), (99, 4), (100, 4), (0, 1)])
def test_a_percentile_is_one_of_the_values_measured(percent: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == expected


def test_the_table_shows_both_sides_and_their_ratio() -> None:
    heading, row = table([Figure("plate to relay p50", "ms", 3.0, 1.5, "one commit")]).splitlines()
    assert heading.split() == ["product", "bare", "ratio", "bare", "is"]
    assert row.split() == ["plate", "to", "relay", "p50", "3.00", "1.50", "ms", "2.00", "one", "commit"]


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "everything"])
    assert "gate" in capsys.readouterr().err
