"""Everything that a demo runs, as one thing: started in order, kept alive, pulled apart on request, stopped in order.

All methods but ``pull`` and ``restore`` belong to the main thread: on Linux a child is signalled when the thread that
started it ends. Those two only say what is wanted, from any thread; ``tend`` makes it so.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from provisioning.demo.programs import Part, Program, Stage
from provisioning.demo.restarts import Restarts
from provisioning.local.errors import SetupError

Say = Callable[[str], None]
_READY_TIMEOUT_REAL_S = 60.0
_POLL_REAL_S = 0.05


@dataclass
class _Kept:
    """A program that is to run, and how its restarts stand."""

    program: Program
    restarts: Restarts = field(default_factory=Restarts)


class Stack:
    """The programs that are kept running."""

    def __init__(self, say: Say) -> None:
        """``say`` tells a person one line."""
        self._say = say
        self._kept: list[_Kept] = []
        self._lock = threading.Lock()
        self._wanted_away: frozenset[Part] = frozenset()
        self._away: frozenset[Part] = frozenset()

    def start(self, program: Program) -> None:
        """Start a program unless it runs, and keep it running. Raises SetupError when it cannot be executed."""
        if not program.child.running:
            program.child.start()
        self._kept.append(_Kept(program, Restarts().started(time.monotonic())))

    def wait_until_ready(self, program: Program) -> None:
        """Wait for a program that was started. Raises SetupError with its last words when it ends or takes too long."""
        give_up = time.monotonic() + _READY_TIMEOUT_REAL_S
        while not program.ready():
            if not program.child.running:
                raise SetupError(f"{program.name} does not start: {program.last_words()} (log: {program.child.log})")
            if time.monotonic() > give_up:
                raise SetupError(
                    f"{program.name} is not ready after {_READY_TIMEOUT_REAL_S:.0f} s: look at {program.child.log}"
                )
            time.sleep(_POLL_REAL_S)

    def programs(self) -> tuple[Program, ...]:
        """What is kept running."""
        return tuple(kept.program for kept in self._kept)

    def kill(self, program: Program) -> None:
        """End a program with -9. That is no fault of its own, so it is started again as after a first end."""
        program.child.kill()
        for kept in self._kept:
            if kept.program is program:
                kept.restarts = Restarts().started(time.monotonic())

    def tend(self) -> None:
        """Call a few times a second: starts again what ended, and takes away or brings back what was asked for."""
        with self._lock:
            wanted_away = self._wanted_away
        _stop(kept.program for kept in self._kept if kept.program.part in wanted_away - self._away)
        for kept in self._kept:
            if kept.program.part in self._away - wanted_away:
                self._start_again(kept)
        self._away = wanted_away
        for kept in self._kept:
            if kept.program.part not in self._away and not kept.program.child.running:
                self._revive(kept)

    def _revive(self, kept: _Kept) -> None:
        now, program = time.monotonic(), kept.program
        if kept.restarts.start_at_real_s is None:
            kept.restarts = kept.restarts.ended(now)
            wait_real_s = (kept.restarts.start_at_real_s or now) - now
            self._say(
                f"{program.name} ended ({program.how_it_ended()}): {program.last_words()};"
                f" starting it again in {wait_real_s:.1f} s (log: {program.child.log})"
            )
        elif kept.restarts.is_due(now):
            self._start_again(kept)

    @staticmethod
    def _start_again(kept: _Kept) -> None:
        kept.program.child.start()
        kept.restarts = kept.restarts.started(time.monotonic())

    def pull(self, part: Part) -> None:
        """Take the broker or the cloud away, as when a cable is cut; it stays away until ``restore``. Any thread."""
        with self._lock:
            self._wanted_away |= {part}

    def restore(self, part: Part) -> None:
        """Bring back what ``pull`` took. Any thread."""
        with self._lock:
            self._wanted_away -= {part}

    @property
    def away(self) -> frozenset[Part]:
        """What is pulled, once ``tend`` has done so. Any thread."""
        return self._away

    def release(self, stage: Stage) -> None:
        """Stop the programs of a stage together, and keep them no longer."""
        leaving = [kept for kept in self._kept if kept.program.stage is stage]
        self._kept = [kept for kept in self._kept if kept not in leaving]
        _stop(kept.program for kept in leaving)

    def stop(self) -> None:
        """Stop everything, from above."""
        for stage in sorted(Stage, reverse=True):
            self.release(stage)


def _stop(programs: Iterable[Program]) -> None:
    stopping = list(programs)
    for program in stopping:
        program.child.ask_to_stop()
    for program in stopping:
        program.child.finish()
