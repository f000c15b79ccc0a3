"""What a book knows of each facility from its box's log: when the box goes back to a copy, so does the book."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Generic, TypeVar

from provisioning.simulation.auditor import Hearing
from provisioning.simulation.happenings import Copied, Replaced

T = TypeVar("T")


class Lives(Generic[T]):
    """``make`` gives what is known of a facility whose box knows nothing. ``parted`` is told at a replacement what was
    known until then, and what is known from here on."""

    def __init__(
        self,
        facility_ids: Iterable[str],
        make: Callable[[str], T],
        parted: Callable[[T, T], None] = lambda _before, _after: None,
    ) -> None:
        self._make = make
        self._parted = parted
        self._known = {facility_id: make(facility_id) for facility_id in facility_ids}
        self._copies: dict[int, T] = {}

    def __getitem__(self, facility_id: str) -> T:
        return self._known[facility_id]

    def hears(self) -> Hearing:
        """What a book that has this must hear as well."""
        return {Copied: self._copied, Replaced: self._replaced}

    def all(self) -> Iterable[T]:
        """What is known of each, by now."""
        return self._known.values()

    def _copied(self, told: Copied) -> None:
        self._copies[told.copy_id] = deepcopy(self._known[told.facility_id])

    def _replaced(self, told: Replaced) -> None:
        known = self._make(told.facility_id) if told.copy_id is None else self._copies.pop(told.copy_id)
        self._parted(self._known[told.facility_id], known)
        self._known[told.facility_id] = known
