"""Asking a facility for something at once, over the broker, from the process that somebody asked.

Nothing is queued: a request that nobody can take now is over. The facility answers a request with a challenge, and only
the confirmation makes it act; so until that is sent, it is certain that nothing was done. The confirmation is sent only
while the caller waits, and the facility honours it for a second, which is shorter than the caller waits for the result.
"""

import asyncio
import logging
import secrets
from types import TracebackType
from typing import Self

from shared.commands import CommandRequest, CommandResponse, CommandResult, Outcome
from shared.mqtt import MqttClient
from shared.wire import Channel, WireError, cloud_subscriptions, decode, encode, topic

log = logging.getLogger(__name__)

CHALLENGE_REAL_S = 2.0
"""So long for the facility to be there at all; the bar for a whole command is 0.3 s."""
LANE_REAL_S = 4.0
STATION_REAL_S = 40.0
"""A station has 30 s to answer its order."""


class BrokerAway(Exception):  # noqa: N818 - says what is so
    """There is no connection to the broker, so nothing was sent."""


class Desk:
    """``async with`` connects it; one per process. Answers for others' requests are left to them."""

    def __init__(self, broker_url: str) -> None:
        self._client = MqttClient(
            broker_url,
            client_id=f"easypark-desk-{secrets.token_hex(6)}",
            subscriptions=cloud_subscriptions(None, (Channel.RESPONSE,)),
        )
        self._pending: dict[str, asyncio.Queue[CommandResponse]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        self._listening = asyncio.create_task(self._listen(), name="command answers")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        await self._client.__aexit__(kind, error, trace)

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def ask(self, request: CommandRequest, *, within_real_s: float) -> CommandResult:
        """Have a command done and say what became of it: FAILED when it certainly was not, UNKNOWN when it may have
        been and nothing was heard in ``within_real_s``. Raises BrokerAway. Two at once need two ids."""
        answers: asyncio.Queue[CommandResponse] = asyncio.Queue()
        self._pending[request.command_id] = answers
        try:
            self._send(request)
            try:
                async with asyncio.timeout(CHALLENGE_REAL_S):
                    answer = await _meant_for(request, answers)
            except TimeoutError:
                return _result(request, Outcome.FAILED, "the facility did not answer, so nothing was done")
            if answer.result is not None:
                return answer.result
            self._send(request.model_copy(update={"challenge": answer.challenge}))
            try:
                async with asyncio.timeout(within_real_s):
                    while (answer := await _meant_for(request, answers)).result is None:
                        pass  # the challenge once more: the broker repeats what it is not sure of
            except TimeoutError:
                return _result(request, Outcome.UNKNOWN, "nothing was heard in time")
            return answer.result
        finally:
            del self._pending[request.command_id]

    def _send(self, request: CommandRequest) -> None:
        if not self._client.publish(topic(request.facility_id, Channel.REQUEST), encode(request)):
            raise BrokerAway

    async def _listen(self) -> None:
        while True:
            _, payload = await self._client.messages.get()
            try:
                response = decode(CommandResponse, payload)
            except WireError as error:
                log.error("an answer to a command that cannot be read: %s", error)
                continue
            if (answers := self._pending.get(response.command_id)) is not None:
                answers.put_nowait(response)


async def _meant_for(request: CommandRequest, answers: "asyncio.Queue[CommandResponse]") -> CommandResponse:
    """The next answer of the box that was asked."""
    while (answer := await answers.get()).log_id != request.log_id:
        pass
    return answer


def _result(request: CommandRequest, outcome: Outcome, reason: str) -> CommandResult:
    return CommandResult(command_id=request.command_id, outcome=outcome, reason=reason)
