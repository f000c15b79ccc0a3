"""A call that is too long for a station goes to it in parts, and comes back as one answer."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from edge.ocpp import capacity
from edge.ocpp.capacity import Room
from edge.ocpp.rpc import Answered, Refused
from edge.ocpp.version import CallBody, Listing


async def in_parts(
    ask: Callable[[CallBody], Awaitable[Answered | Refused]], body: CallBody, listing: Listing, room: Room
) -> Answered | Refused:
    """Ask part after part, and smaller ones of what the station finds too much. The first part that it refuses, or
    answers with what its schema refuses, ends it. Raises what ``ask`` raises."""
    waiting = deque(capacity.parts(body, listing, room))
    answers: list[Answered] = []
    while waiting:
        part = waiting.popleft()
        told = await ask(part)
        if smaller := capacity.halves(part, listing, told):
            waiting.extendleft(reversed(smaller))
        elif isinstance(told, Refused):
            before = f" (after {len(answers)} parts of the list that it did take)" if answers else ""
            return replace(told, description=told.description + before)
        elif told.problem is not None:
            return told
        else:
            answers.append(told)
    return capacity.joined(answers)
