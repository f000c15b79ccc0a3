"""Processors of their own for the two ends of a wire, as in the field, where the cloud is another machine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Pinning:
    """The processors of the site (the daemon, and the street before it) and of the cloud. Empty: all share all."""

    site: frozenset[int] = frozenset()
    cloud: frozenset[int] = frozenset()

    @classmethod
    def possible(cls) -> Self:
        """One processor for the site and the others for the cloud, where there are two and they can be chosen."""
        cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        return cls(frozenset(cpus[:1]), frozenset(cpus[1:])) if len(cpus) > 1 else cls()

    def __str__(self) -> str:
        if not self.site:
            return "not pinned: site and cloud share the processors"
        return f"pinned: the site on processor {_listed(self.site)}, the cloud on {_listed(self.cloud)}"


def pin(pids: Sequence[int], cpus: frozenset[int]) -> None:
    """Keep processes, with all their threads and what they start from now on, on some processors; on any if none is
    named."""
    for pid in pids if cpus else ():
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cpus)


@contextmanager
def on(cpus: frozenset[int]) -> Iterator[None]:
    """This process, and what it starts meanwhile, keep to some processors; to none in particular if none is named."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _listed(cpus: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cpus)))
