"""Child processes that never outlive us: each has a log file, a clean way to stop and a death signal.

A child runs in a process group of its own, so that Ctrl-C in the terminal reaches only the supervisor, which then
stops its children in the right order. On Linux the kernel signals a child when the thread that started it ends
(``PR_SET_PDEATHSIG``), so start children from a thread that lives as long as they should: the main one. Other
systems have no equivalent; there a killed supervisor leaves its children running.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.local.errors import SetupError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system account that a child runs as instead of ours. Needs root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Manners:
    """How a child is to be treated: the signal that stops it cleanly, how long that may take, and who runs it."""

    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_real_s: float = 10.0
    account: Account | None = None


def _dies_with(parent_pid: int, death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs between fork and exec, after it changed its account (which clears the setting)."""
    libc = _libc
    if libc is None:
        return None

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent_pid:  # the parent died before the call
            os.kill(os.getpid(), death_signal)

    return arrange


class Child:
    """One program, started any number of times, one at a time, its output appended to one log file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        manners: Manners | None = None,
    ) -> None:
        """``environment`` is all that it gets; None: what we have."""
        self.command = tuple(command)
        self.log = log
        self._environment = environment
        self._manners = manners or Manners()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    def start(self) -> None:
        """Start the program. Raises SetupError when it cannot be executed, RuntimeError when it runs already."""
        if self.running:
            raise RuntimeError(f"{self.command[0]} is running already, as process {self.pid}")
        account = self._manners.account
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the commands are ours
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    process_group=0,
                    user=None if account is None else account.uid,
                    group=None if account is None else account.gid,
                    extra_groups=None if account is None else (),
                    cwd="/" if account is not None else None,
                    preexec_fn=_dies_with(os.getpid(), self._manners.stop_signal),  # noqa: PLW1509 - see the module
                )
            except OSError as error:
                raise SetupError(
                    f"cannot run {self.command[0]}: {error.strerror}; check that it is installed"
                ) from error

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the program runs now. Reaps it when it has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended: negative is the signal that killed it; None while it runs or before the first run."""
        return None if self._process is None else self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def wait(self, timeout_real_s: float) -> bool:
        """Wait for it to end; False when it still runs after the time-out."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_real_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_stop(self) -> None:
        """Send its stop signal, without waiting."""
        self.signal(self._manners.stop_signal)

    def finish(self) -> bool:
        """Wait until it has ended after ``ask_to_stop``, by force when it does not listen in time. Returns whether it
        ended by itself."""
        if self.wait(self._manners.stop_timeout_real_s):
            return True
        self.kill()
        return False

    def stop(self) -> bool:
        """End it cleanly, by force when it does not listen in time. Returns whether it ended by itself."""
        self.ask_to_stop()
        return self.finish()

    def kill(self) -> None:
        """``kill -9``, and reap."""
        self.signal(signal.SIGKILL)
        self.wait(self._manners.stop_timeout_real_s)

    def words(self) -> str:
        """What was written to its log since this run began."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def last_words(self) -> str:
        """The last line that this run wrote to its log, empty when it wrote none."""
        lines = [line for line in self.words().splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
