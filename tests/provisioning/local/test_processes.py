"""Children have a log, a clean stop and a death signal: they never outlive the one who started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioning.local.errors import SetupError
from provisioning.local.processes import Child, Manners

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def python(code: str, log: Path, **manners: object) -> Child:
    return Child([sys.executable, "-c", code], log=log, manners=Manners(**manners))  # type: ignore[arg-type]


def wait_for(text: str, log: Path) -> None:
    give_up = time.monotonic() + 10
    while text not in log.read_text():
        assert time.monotonic() < give_up, f"no {text!r} in {log.read_text()!r}"
        time.sleep(0.02)


def test_a_child_that_is_asked_to_stop_ends_by_the_stop_signal(tmp_path: Path) -> None:
    child = python("import time; print('up', flush=True); time.sleep(60)", tmp_path / "log")
    child.start()
    wait_for("up", child.log)
    assert child.running
    assert child.stop()
    assert child.exit_code == -signal.SIGTERM
    assert child.pid is None


def test_a_child_that_does_not_listen_is_killed_after_its_time(tmp_path: Path) -> None:
    child = python(STUBBORN, tmp_path / "log", stop_timeout_real_s=0.3)
    child.start()
    wait_for("deaf", child.log)
    assert not child.stop()
    assert child.exit_code == -signal.SIGKILL


def test_last_words_are_those_of_the_last_run_only(tmp_path: Path) -> None:
    child = python("print('first')", tmp_path / "log")
    child.start()
    child.wait(10)
    assert child.last_words() == "first"
    silent = python("", tmp_path / "log")
    silent.start()
    silent.wait(10)
    assert silent.last_words() == ""


def test_starting_a_running_child_is_a_mistake_of_ours(tmp_path: Path) -> None:
    child = python("import time; time.sleep(60)", tmp_path / "log")
    child.start()
    with pytest.raises(RuntimeError, match="running already"):
        child.start()
    child.kill()


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot run /nowhere/program"):
        Child(["/nowhere/program"], log=tmp_path / "log").start()


def test_ctrl_c_in_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    child = python("import time; time.sleep(60)", tmp_path / "log")
    child.start()
    assert child.pid is not None
    assert os.getpgid(child.pid) != os.getpgid(0)
    child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent dies")
def test_a_child_is_stopped_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The parent gets kill -9, so nothing of it runs any more: it is the kernel that signals the child."""
    code = (
        "import sys, time; from pathlib import Path; from provisioning.local.processes import Child\n"
        "child = Child([sys.executable, '-c', 'import time; time.sleep(60)'], log=Path(sys.argv[1]))\n"
        "child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    give_up = time.monotonic() + 5
    while _lives(pid):
        assert time.monotonic() < give_up, "the child outlived its parent"
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    """A zombie that nobody has reaped yet is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
