"""How people's commands change what is booked: what was taken is remembered, so that it is never done twice."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import CommandState, FacilityState
from shared.events import CommandCompleted, CommandTaken

COMMANDS_KEPT = 200
"""So many of the newest are remembered with their answers; headquarters keeps all of them."""


def _taken(state: FacilityState, event: CommandTaken, _at_ms: int) -> None:
    state.commands[event.command_id] = CommandState(event.order_id)
    answered = [command_id for command_id, command in state.commands.items() if command.outcome is not None]
    for command_id in answered[: max(0, len(state.commands) - COMMANDS_KEPT)]:
        del state.commands[command_id]


def _completed(state: FacilityState, event: CommandCompleted, _at_ms: int) -> None:
    command = state.commands.setdefault(event.command_id, CommandState())
    command.outcome, command.reason, command.details = event.outcome, event.reason, event.details


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    CommandTaken: _taken,
    CommandCompleted: _completed,
}
