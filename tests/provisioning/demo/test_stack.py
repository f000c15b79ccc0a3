"""The stack keeps its programs running, says what ended and why, and takes parts away and back on request."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.demo.programs import Part, Program, Stage
from provisioning.demo.stack import Stack
from provisioning.local.errors import SetupError
from provisioning.local.processes import Child, Manners

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack(said: list[str]) -> Iterator[Stack]:
    made = Stack(said.append)
    yield made
    made.stop()


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def make(code: str = SLEEP, stage: Stage = Stage.CLOUD, part: Part | None = None, name: str = "p") -> Program:
        child = Child(
            [sys.executable, "-c", code], log=tmp_path / f"{name}.log", manners=Manners(stop_timeout_real_s=5)
        )
        return Program(name, child, stage, lambda: True, part)

    return make


def tend_until(stack: Stack, true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not true():
        assert time.monotonic() < give_up
        stack.tend()
        time.sleep(0.01)


def test_a_killed_program_is_reported_in_one_line_and_started_again(
    stack: Stack, said: list[str], program: Callable[..., Program]
) -> None:
    running = program(f"print('last words', flush=True); {SLEEP}")
    stack.start(running)
    first = running.child.pid
    tend_until(stack, lambda: running.child.last_words() == "last words")
    running.child.kill()
    tend_until(stack, lambda: running.child.pid not in (None, first))
    assert len(said) == 1
    assert said[0].startswith("p ended (signal 9): last words; starting it again in 0.5 s (log: ")


def test_the_last_log_line_is_told_as_its_message_and_cause(program: Callable[..., Program]) -> None:
    line = '{"level": "ERROR", "msg": "cannot go on", "exception": "Traceback\\n  File x\\nOSError: disk is full"}'
    ended = program(f"print({line!r})")
    ended.child.start()
    ended.child.wait(5)
    assert ended.last_words() == "cannot go on / OSError: disk is full"


def test_a_program_that_ends_at_once_is_a_setup_problem_with_its_words(
    stack: Stack, program: Callable[..., Program], tmp_path: Path
) -> None:
    failing = program("import sys; sys.exit('edge: the file is damaged: restore it')")
    unready = Program("On site", failing.child, Stage.EDGE, lambda: False)
    stack.start(unready)
    with pytest.raises(SetupError, match=r"On site does not start: edge: the file is damaged: restore it \(log: "):
        stack.wait_until_ready(unready)


def test_what_is_pulled_stays_away_until_it_is_restored(
    stack: Stack, said: list[str], program: Callable[..., Program]
) -> None:
    cloud = [program(part="cloud", name=name) for name in ("api", "link")]
    edge = program(stage=Stage.EDGE, name="edge")
    for each in (*cloud, edge):
        stack.start(each)
    stack.pull("cloud")
    tend_until(stack, lambda: stack.away == {"cloud"})
    stack.tend()
    assert [each.child.running for each in (*cloud, edge)] == [False, False, True]
    stack.restore("cloud")
    tend_until(stack, lambda: all(each.child.running for each in cloud))
    assert stack.away == frozenset()
    assert said == []


def test_it_stops_from_above(stack: Stack, tmp_path: Path, program: Callable[..., Program]) -> None:
    """Drivers leave before the boxes on site, and those before the cloud: nobody meets a dead partner."""
    order = tmp_path / "order"
    note = (
        "import signal, sys, time\n"
        f"def leave(*_): open({str(order)!r}, 'a').write('NAME '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); print('up', flush=True); time.sleep(60)"
    )
    stages = (Stage.EDGE, Stage.GROUND, Stage.WORLD, Stage.CLOUD, Stage.OUTSIDE)
    running = [program(note.replace("NAME", stage.name), stage, name=stage.name) for stage in stages]
    for each in running:
        stack.start(each)
    tend_until(stack, lambda: all(each.child.last_words() == "up" for each in running))
    stack.stop()
    assert order.read_text().split() == ["WORLD", "EDGE", "CLOUD", "OUTSIDE", "GROUND"]


def test_a_released_stage_is_not_started_again(stack: Stack, said: list[str], program: Callable[..., Program]) -> None:
    world = program(stage=Stage.WORLD)
    stack.start(world)
    stack.release(Stage.WORLD)
    stack.tend()
    assert not world.child.running
    assert world.child.exit_code == -signal.SIGTERM
    assert said == []
