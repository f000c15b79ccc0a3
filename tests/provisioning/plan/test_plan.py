"""Planning from sessions of the past: the replay, the file it reads, the picture it draws."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from edge.rules.policies import POLICIES
from provisioning.cli import main
from provisioning.local.errors import SetupError
from provisioning.plan.replay import Site, replay
from provisioning.plan.sessions import Session, read

HEADER = "arrival_period_5min,departure_period_5min,energy_kwh\n"
PLENTY = Site(budget_w=100_000, chargers=2, rating_w=6_000, minimum_w=1_000)


def test_with_power_for_all_every_demand_that_time_allows_is_met():
    outcome = replay([Session(0, 12, 6_000), Session(3, 24, 1_000)], PLENTY, POLICIES["need"])
    assert (outcome.delivered_pct, outcome.met, outcome.peak_w) == (100.0, 2, 12_000)


def test_a_car_takes_no_more_than_its_charger_gives_until_it_leaves():
    outcome = replay([Session(0, 12, 9_000)], PLENTY, POLICIES["need"])
    assert (round(outcome.delivered_wh), outcome.met) == (6_000, 0)


def test_who_finds_no_charger_free_waits_for_one_and_leaves_when_it_left():
    cars = [Session(0, 12, 100), Session(0, 12, 100), Session(6, 18, 3_500), Session(7, 10, 100)]
    outcome = replay(cars, PLENTY, POLICIES["equal"])
    assert outcome.waits_min == (0, 0, 30, 15)
    assert (round(outcome.delivered_wh), outcome.met) == (200 + 3_000, 2)


def test_the_budget_is_never_exceeded_and_pauses_are_counted():
    site = Site(budget_w=3_000, chargers=9, rating_w=6_000, minimum_w=2_000, departures=False)
    outcome = replay([Session(0, 24, 5_000) for _ in range(3)], site, POLICIES["proportional"])
    assert outcome.peak_w <= 3_000
    assert sum(outcome.paused_min) == 2 * 120


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"line 1: no column arrival_period_5min, .*; needed are"),
        ("arrival_period_5min,energy_kwh\n", "line 1: no column departure_period_5min"),
        (HEADER, "has no sessions"),
        (
            HEADER + "1,5,2\n3,x,1\n",
            "line 3, column departure_period_5min: must be a whole number of at least 0, got 'x'",
        ),
        (HEADER + "1.5,5,2\n", "line 2, column arrival_period_5min: must be a whole number"),
        (HEADER + "1,5,-2\n", "line 2, column energy_kwh: must be a number of at least 0, got '-2'"),
        (HEADER + "1,5\n", "line 2, column energy_kwh: must be a number of at least 0, got None"),
        (HEADER + "1,5,nan\n", "line 2, column energy_kwh"),
        (HEADER + "5,5,1\n", "line 2, column departure_period_5min: must be after the arrival, 5"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place_and_what_is_allowed(tmp_path, text, problem):
    file = tmp_path / "sessions.csv"
    file.write_text(text)
    with pytest.raises(SetupError, match=problem):
        read(file)


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match="not a CSV file in UTF-8"):
        read(tmp_path / "x.csv")
    with pytest.raises(SetupError, match="cannot read"):
        read(tmp_path / "none.csv")


def planned(tmp_path: Path, *arguments: str) -> int:
    file = tmp_path / "sessions.csv"
    file.write_text(HEADER + "0,24,5\n2,30,8\n4,20,3\n")
    return main(["plan", "--sessions", str(file), "--budget", "6", "--chargers", "2", *arguments])


def test_the_command_prints_a_line_per_policy_and_draws_the_power(tmp_path, capsys):
    assert planned(tmp_path, "--plot", str(tmp_path / "plan.svg")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 sessions, 16.0 kWh, departures told; 2 chargers of 6.656 kW")
    assert [line.split()[0] for line in lines[2:7]] == list(POLICIES)
    drawn = ElementTree.parse(tmp_path / "plan.svg").getroot()  # noqa: S314 - our own file
    assert drawn.tag.endswith("svg")
    assert {"need", "least-laxity"} <= {e.text for e in drawn.iter() if e.tag.endswith("text")}


def test_the_command_takes_one_policy_and_refuses_one_that_is_not_known(tmp_path, capsys):
    assert planned(tmp_path, "--policy", "equal", "--no-departures") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert planned(tmp_path, "--policy", "best") == 2
    assert "no policy 'best'; there are need, proportional, equal" in capsys.readouterr().err
    assert planned(tmp_path, "--chargers", "0") == 2
    assert planned(tmp_path, "--plot", str(tmp_path / "no" / "plan.svg")) == 2
    assert "cannot write" in capsys.readouterr().err
