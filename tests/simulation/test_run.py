"""Many seeds in one run, by more than one process or cut short; what is printed is what a person goes on with."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE

import pytest

from provisioning.simulation import run
from provisioning.simulation.run import INTERRUPTED, Wish
from provisioning.simulation.scenario import Result, Scenario

SHORT = Scenario(facilities=1, days=0.05)


def test_a_run_by_two_processes_says_how_fast_they_were_together(capsys: pytest.CaptureFixture[str]):
    assert run.run(Wish(SHORT, seeds=3, jobs=2)) == 0
    told = capsys.readouterr()
    assert "3 of 3 seeds" in told.err
    assert "a second on one core" in told.out
    assert "a second in all" in told.out
    assert told.out.endswith("0 lost, 0 doubled, 0 wrongly billed\n")


def test_a_seed_that_fails_in_another_process_is_printed_all_the_same(capsys: pytest.CaptureFixture[str]):
    wish = Wish(Scenario(facilities=2, days=1, pace=6), seeds=2, jobs=2, bug="drift-sign")
    assert run.run(wish) == 1
    told = capsys.readouterr()
    assert re.search(r"easypark simulate --seed \d --facilities 2 --days 1 --pace 6 --bug drift-sign", told.out)
    assert "of 2 seeds failed" in told.out


def test_an_interrupted_run_says_what_it_did_not_live(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def one_and_no_more(*_: object) -> Iterator[Result]:
        yield Result(0)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_results", one_and_no_more)
    assert run.run(Wish(SHORT, seeds=5)) == INTERRUPTED
    assert "interrupted: 4 of 5 seeds were not lived to the end" in capsys.readouterr().out


HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it, and all below it
import provisioning.cli as cli
raise SystemExit(cli.main())
"""


@pytest.mark.parametrize("interrupt", [os.killpg, os.kill], ids=["all its processes", "itself alone"])
def test_a_command_that_is_interrupted_ends_its_workers_and_says_nothing_but_its_figures(
    interrupt: Callable[[int, int], None],
):
    asked = ("simulate", "--seeds", "5000", "--facilities", "1", "--days", "0.2", "--jobs", "2")
    command = (sys.executable, "-c", HEARING, *asked)
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as running:
        assert running.stderr is not None
        shown = ""
        while "] 1 of" not in shown:
            shown += running.stderr.read(1) or pytest.fail(f"it ended by itself: {shown}")
        interrupt(running.pid, signal.SIGINT)
        told, more = running.communicate(timeout=120)
    assert running.returncode == INTERRUPTED
    assert "seeds were not lived to the end" in told
    assert re.fullmatch(r"[\r\n\[\]#. 0-9ofseds]*", more)
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
