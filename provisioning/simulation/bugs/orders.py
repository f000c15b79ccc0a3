"""Bugs of commands."""

from edge.rules import commands, facility
from edge.rules.inputs import CommandGiven
from edge.rules.turn import Turn
from provisioning.simulation.planting import Bug, Replace


def _done_again(replace: Replace) -> None:
    given = commands.given

    def anew(turn: Turn, command: CommandGiven) -> None:
        turn.state.commands.pop(command.command_id, None)
        given(turn, command)

    replace(facility._DOORS, CommandGiven, anew)


def _done_late(replace: Replace) -> None:
    def late_or_not(turn: Turn, command: CommandGiven) -> None:
        if command.command_id not in turn.state.commands:
            commands._take(turn, command)

    replace(facility._DOORS, CommandGiven, late_or_not)


DONE_AGAIN = Bug("done-again", "a command that was taken before is taken again", _done_again)
DONE_LATE = Bug("done-late", "a command is done when its time is over", _done_late)
