"""Stories without a planted bug: whatever breaks, the auditor has nothing to say; a seed is always the same story."""

import re
from dataclasses import replace

import pytest

from provisioning.cli import main
from provisioning.simulation.run import Wish, run
from provisioning.simulation.scenario import Scenario
from provisioning.simulation.story import live
from tests.house.laws import ROOT

SHORT = Scenario(facilities=2, days=0.25, pace=6)


@pytest.mark.parametrize("seed", range(4))
def test_a_troubled_network_loses_doubles_and_misbills_nothing(seed):
    result = live(seed, SHORT)
    assert result.failures == []
    assert result.counts["sessions"] > 0
    assert result.faults.total() > 10


def test_a_seed_tells_the_same_story_again():
    first, again = live(1, SHORT), live(1, SHORT)
    assert (first.counts, first.faults) == (again.counts, again.faults)
    assert first.counts != live(2, SHORT).counts


def test_a_run_prints_its_figures_and_ends_well(capsys):
    assert run(Wish(Scenario(facilities=1, days=0.1, pace=6), seeds=2)) == 0
    shown = capsys.readouterr()
    assert "0 lost, 0 doubled, 0 wrongly billed" in shown.out
    assert "a second on one core" in shown.out
    assert "2 of 2 seeds" in shown.err


def test_a_failing_seed_is_printed_with_the_command_that_lives_it_again(capsys):
    scenario = Scenario(facilities=1, days=0.1, pace=6)
    assert run(Wish(scenario, seeds=1, bug="apply-twice")) == 1
    assert "easypark simulate --seed 0 --facilities 1 --days 0.1 --pace 6 --bug apply-twice" in capsys.readouterr().out


def test_the_example_of_the_page_runs():
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/simulation.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(compile(example, "docs/simulation.md", "exec"), names)  # noqa: S102 - our own page
    result = names["result"]
    assert result.failures == []
    assert result.faults["blink"] > 0
    assert result.counts["driver: shopper"] > 0


def test_a_fault_can_be_asked_for_oftener_and_is_in_the_command(capsys):
    few, many = live(3, SHORT), live(3, replace(SHORT, often=("clock jumps",)))
    assert many.faults["clock jumps"] > few.faults["clock jumps"]
    scenario = Scenario(facilities=1, days=0.1, pace=6, often=("clock jumps",))
    assert run(Wish(scenario, seeds=1, bug="apply-twice")) == 1
    assert "--pace 6 --often 'clock jumps' --bug apply-twice" in capsys.readouterr().out


def test_an_unknown_fault_is_refused_with_those_that_there_are(capsys):
    assert main(["simulate", "--seeds", "1", "--often", "rain"]) == 2
    assert "there is no fault 'rain'; there are: edge killed" in capsys.readouterr().err
