"""A command is taken once at most, and only if it came in time; no lane is opened but by one."""

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.happenings import Commanded, Logged
from shared.commands import OpenGate
from shared.events import CommandTaken, LaneOpened


class CommandBook:
    reads = frozenset({"CommandTaken", "LaneOpened"})

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._in_time: set[str] = set()
        self._taken: set[str] = set()
        self._opened: dict[str, str] = {}

    def hears(self) -> Hearing:
        return {Logged: self._logged, Commanded: self._commanded}

    def _commanded(self, told: Commanded) -> None:
        if told.in_time:
            self._in_time.add(told.command_id)

    def _logged(self, told: Logged) -> None:
        if isinstance(told.event, LaneOpened):
            self._open(told.facility_id, told.event.lane_id)
        if not isinstance(told.event, CommandTaken):
            return
        if told.event.command["type"] == OpenGate.__name__:
            self._opened.pop(told.facility_id, None)
        command_id = told.event.command_id
        if command_id in self._taken:
            self._subject.fail(f"{told.facility_id}: {command_id} was done again")
        if command_id not in self._in_time:
            self._subject.fail(f"{told.facility_id}: {command_id} was done when its time was over")
        self._taken.add(command_id)

    def _open(self, facility_id: str, lane_id: str) -> None:
        """The command stands in the log right after what it did."""
        if facility_id in self._opened:
            self._subject.fail(f"{facility_id}: {self._opened[facility_id]} was opened without a command")
        self._opened[facility_id] = lane_id
