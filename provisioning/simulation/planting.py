"""Bugs that are planted on purpose, to see that the auditor finds them: a net is as good as what it has caught."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from provisioning.simulation.scenario import Scenario

Replace = Callable[[Any, Any, Any], None]
"""Puts something else in the place of an attribute, or of a table's row, for as long as the bug lives. Raises
AttributeError when there is no such attribute: then the code has moved on and the bug must follow."""


_NOTHING = object()
SHORT = Scenario(facilities=1, days=0.5, pace=6)


@dataclass(frozen=True, slots=True)
class Bug:
    """``about`` says what is forgotten. ``plant`` replaces it. ``scenario`` is a short story in which it shows."""

    name: str
    about: str
    plant: Callable[[Replace], None]
    scenario: Scenario = SHORT


@contextmanager
def planted(bug: Bug | None) -> Iterator[None]:
    """Live with a bug, or without one."""
    undo: list[tuple[Any, Any, Any]] = []

    def replace(owner: Any, name: Any, new: Any) -> None:
        undo.append((owner, name, owner.get(name, _NOTHING) if isinstance(owner, dict) else getattr(owner, name)))
        _put(owner, name, new)

    try:
        if bug is not None:
            bug.plant(replace)
        yield
    finally:
        for owner, name, old in reversed(undo):
            _put(owner, name, old)


def _put(owner: Any, name: Any, new: Any) -> None:
    if new is _NOTHING:
        del owner[name]
    elif isinstance(owner, dict):
        owner[name] = new
    else:
        setattr(owner, name, new)
