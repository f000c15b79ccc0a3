"""A command is taken once at most, and only if it came in time."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import Commanded, Logged
from shared.events import CommandTaken


class CommandBook:
    reads = frozenset({"CommandTaken"})

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._in_time: set[str] = set()
        self._taken: set[str] = set()

    def hears(self) -> Hearing:
        return {Logged: self._logged, Commanded: self._commanded}

    def _commanded(self, told: Commanded) -> None:
        if told.in_time:
            self._in_time.add(told.command_id)

    def _logged(self, told: Logged) -> None:
        if not isinstance(told.event, CommandTaken):
            return
        command_id = told.event.command_id
        if command_id in self._taken:
            self._subject.fail(f"{told.facility_id}: {command_id} was done again")
        if command_id not in self._in_time:
            self._subject.fail(f"{told.facility_id}: {command_id} was done when its time was over")
        self._taken.add(command_id)
