"""The box itself, and what people told it to do."""

from typing import Any, Literal

from pydantic import Field

from shared.commands import Outcome
from shared.facilities import Frozen
from shared.ids import Id, StationId


class DaemonStarted(Frozen):
    type: Literal["DaemonStarted"] = "DaemonStarted"
    version: str


class ClockDiffers(Frozen):
    """The wall clock was found ``by_ms`` ahead of the time that the box lives (negative: behind). The box lives on by
    its own until nothing leans on it, then ClockStepped follows. 0: the wall clock is right again."""

    type: Literal["ClockDiffers"] = "ClockDiffers"
    by_ms: int


class ClockStepped(Frozen):
    """From this entry on the box lives by a clock that was moved by ``by_ms``. Stations still have the one from before,
    until they are told. None: the box was off and its clock may have been moved by anything meanwhile."""

    type: Literal["ClockStepped"] = "ClockStepped"
    by_ms: int | None


class StationTimed(Frozen):
    """A station was told the time, for the first time since ClockStepped."""

    type: Literal["StationTimed"] = "StationTimed"
    station_id: StationId


class CommandTaken(Frozen):
    """A person's command (``shared/commands.py``) was taken. Durable before anything of it is done, so that it is done
    at most once. ``order_id`` is the station's order that it became, empty for one that needs none."""

    type: Literal["CommandTaken"] = "CommandTaken"
    command_id: Id
    by: str
    command: dict[str, Any]
    order_id: str = ""


class CommandCompleted(Frozen):
    """What became of a command that was taken."""

    type: Literal["CommandCompleted"] = "CommandCompleted"
    command_id: Id
    outcome: Outcome
    reason: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


class DataRecovered(Frozen):
    """A box's file was damaged, or an older copy of itself, so its log was closed and this one begun with the state
    that could be rebuilt. ``upto`` is the last entry of the former log that the state knows; ``source`` is where the
    entries come from, ``set_aside`` the name of the damaged file."""

    type: Literal["DataRecovered"] = "DataRecovered"
    former_log_id: str
    reason: str
    source: str
    upto: int
    set_aside: str = ""


class DataLost(Frozen):
    """What this box does not know any more of a former log: the entries after ``after`` up to ``upto``. None: how far
    the log went is not known either. The cloud may hold them."""

    type: Literal["DataLost"] = "DataLost"
    former_log_id: str
    after: int
    upto: int | None = None
