"""The door by which commands come in, for headquarters over the link and for people on site over the API.

Headquarters' requests may come twice, late, or from a broker's drawer. So a request by itself does nothing: it is
answered with a challenge, and only a request that brings the challenge back, once, within a second of this process's
own monotonic clock, reaches the rules. Challenges live in memory: a restart forgets them all.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from edge.rules.inputs import Answer, CommandGiven, CommandSettled, Input
from edge.rules.state import CommandState
from edge.runtime import RuntimeStoppedError
from shared.clock import Clock
from shared.commands import (
    WINDOW_REAL_MS,
    Command,
    CommandRequest,
    CommandResponse,
    CommandResult,
    Outcome,
    ReadDiagnostics,
    Reason,
    parse_command,
    parse_reading,
)

WINDOWS_MAX = 100
"""So many challenges are open at once; the oldest gives way."""
ANSWER_WITHIN_REAL_S = 40.0
"""For people on site: a station has 30 s to answer, and its order a second to leave."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Window:
    challenge: str
    until_real_ms: float


class Commands:
    """``submit`` hands an input to the rules; ``taken`` are the commands that the log knows. Whoever sets ``respond``
    carries answers to headquarters; whoever sets ``on_reading`` has what is read without a challenge. Everything runs
    on the event loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        submit: Callable[[Input], Awaitable[Answer | None]],
        taken: Callable[[], Mapping[str, CommandState]],
        monotonic_ms: Callable[[], float] = lambda: time.monotonic() * 1_000,
    ) -> None:
        self.respond: Callable[[CommandResponse], None] = lambda _: None
        self.on_reading: Callable[[str, ReadDiagnostics], CommandResult] = _nothing_to_read
        self._clock = clock
        self._submit = submit
        self._taken = taken
        self._monotonic_ms = monotonic_ms
        self._windows: dict[str, _Window] = {}
        self._remote: dict[str, CommandRequest] = {}
        self._waiting: dict[str, asyncio.Future[CommandResult]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # From headquarters.

    def heard(self, request: CommandRequest) -> None:
        """Take a request that the link heard, meant for this box. Never blocks."""
        command_id = request.command_id
        known = self._taken().get(command_id)
        if (reading := parse_reading(request.command)) is not None:
            self._answer(request, self.on_reading(command_id, reading))
        elif command_id in self._remote or (known is not None and known.outcome is None):
            # Its answer is on its way. The rules may know it already, but it counts only once it is durable.
            self._remote[command_id] = request
        elif known is not None and known.outcome is not None:
            result = CommandResult(
                command_id=command_id, outcome=known.outcome, reason=known.reason, details=known.details
            )
            self._answer(request, result)
        elif not request.challenge:
            self._challenge(request)
        elif not self._redeem(request):
            self._answer(request, CommandResult(command_id=command_id, outcome=Outcome.EXPIRED, reason=Reason.TOO_LATE))
        else:
            self._begin(request)

    def settled(self, told: CommandSettled) -> None:
        """The rules know what became of a command: tell who waits for it."""
        result = told.result
        request = self._remote.pop(result.command_id, None)
        if request is not None:
            self._answer(request, result)
        waiting = self._waiting.get(result.command_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(result)

    def _challenge(self, request: CommandRequest) -> None:
        now = self._monotonic_ms()
        self._windows = {name: w for name, w in self._windows.items() if w.until_real_ms >= now}
        if len(self._windows) >= WINDOWS_MAX:
            del self._windows[next(iter(self._windows))]
        window = _Window(secrets.token_hex(16), now + WINDOW_REAL_MS)
        self._windows[request.command_id] = window
        self.respond(CommandResponse(command_id=request.command_id, log_id=request.log_id, challenge=window.challenge))

    def _redeem(self, request: CommandRequest) -> bool:
        window = self._windows.pop(request.command_id, None)
        if window is None or self._monotonic_ms() > window.until_real_ms:
            return False
        return secrets.compare_digest(window.challenge, request.challenge)

    def _begin(self, request: CommandRequest) -> None:
        try:
            command = parse_command(request.command)
        except ValidationError:
            unknown = CommandResult(
                command_id=request.command_id, outcome=Outcome.REFUSED, reason=Reason.UNKNOWN_COMMAND
            )
            self._answer(request, unknown)
            return
        self._remote[request.command_id] = request
        task = asyncio.create_task(self._give(request.command_id, command, request.by), name="command")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give(self, command_id: str, command: Command, by: str) -> None:
        try:
            await self._submit(self._given(command_id, command, by))
        except RuntimeStoppedError:
            _log.warning("the daemon is stopping: what became of a command is told after its restart")

    def _answer(self, request: CommandRequest, result: CommandResult) -> None:
        self.respond(CommandResponse(command_id=request.command_id, log_id=request.log_id, result=result))

    # From people on site.

    async def run(self, command: Command, by: str) -> CommandResult:
        """Give a command and wait for what becomes of it; UNKNOWN when nothing is heard in time.

        Raises RuntimeStoppedError.
        """
        command_id = f"site-{secrets.token_hex(12)}"
        waiting: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        self._waiting[command_id] = waiting
        try:
            async with asyncio.timeout(ANSWER_WITHIN_REAL_S):
                await self._submit(self._given(command_id, command, by))
                return await waiting
        except TimeoutError:
            return CommandResult(command_id=command_id, outcome=Outcome.UNKNOWN, reason="nothing was heard in time")
        finally:
            del self._waiting[command_id]

    def _given(self, command_id: str, command: Command, by: str) -> CommandGiven:
        within_ms = round(WINDOW_REAL_MS * self._clock.timeline.speed)
        until_real_ms = round(self._monotonic_ms() + WINDOW_REAL_MS)
        return CommandGiven(command_id, command, by, within_ms, until_real_ms)


def _nothing_to_read(command_id: str, _: ReadDiagnostics) -> CommandResult:
    return CommandResult(command_id=command_id, outcome=Outcome.REFUSED, reason=Reason.UNKNOWN_BUNDLE)
