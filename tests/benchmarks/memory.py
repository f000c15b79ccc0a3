"""What processes occupy in memory and how much processor time they took, as Linux tells."""

import time
from collections.abc import Sequence
from pathlib import Path

_OF_ALL_THREADS = 2
"""CPUCLOCK_SCHED: with the process's number it names the clock that clock_getcpuclockid(3) gives."""
_KIB = 1_024


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    return [pid, *(one for child in _children(pid) for one in family(child))]


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # it ended meanwhile
        return []


def memory_mb(pids: Sequence[int]) -> float:
    """Megabytes of resident memory; what several processes share is parted among them (PSS), so that PostgreSQL's
    buffers count once."""
    return sum(_pss_kib(pid) for pid in pids) * _KIB / 1e6


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def cpu_s(pids: Sequence[int]) -> float:
    """Seconds of processor time so far, to the nanosecond: a short slice of a busy machine gives a process less than a
    tick of ``/proc``."""
    return sum(_cpu_s(pid) for pid in pids)


def _cpu_s(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | _OF_ALL_THREADS)
    except OSError:  # it has ended
        return 0.0
