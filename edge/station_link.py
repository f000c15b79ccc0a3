"""One connection to one charging station: what it says becomes inputs for the rules, and is answered when durable.

The read loop never waits for a station's answer, only for the rules. When a message cannot be made durable the
connection ends without an answer, so that the station keeps it and sends it again (OCPP 2.0.1 E04).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from edge.ocpp.rpc import (
    Answered,
    Call,
    Conversation,
    Dialect,
    ErrorCode,
    Ignored,
    Payload,
    Problem,
    Refused,
    Violation,
)
from edge.ocpp.version import CallBody, LimitOutcome, Request, Version
from edge.rules.inputs import NO_MATCHES, Answer, Input, Knowledge, LimitSetpoint, Matches, StationClosed, StationOpened
from edge.station_calls import NoAnswer, StationAway, StationCalls
from shared.clock import Clock
from shared.facilities import PowerSettings, Station

_log = logging.getLogger(__name__)

NOT_KEPT = "a message could not be kept"

Journal = Callable[[str, Literal["in", "out"], str], None]
"""Told of every frame as it is on the wire: station, direction, text."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every link needs of the daemon around it."""

    submit: Callable[[Input], Awaitable[Answer | None]]
    knowledge: Callable[[], Knowledge]
    clock: Clock
    matches_for_token: Callable[[str], Awaitable[Matches]]
    journal: Journal | None = None
    call_timeout_real_s: float = 30.0


class StationLink:
    """Lives as long as its connection; ``run`` is its life. ``last_seen_ms`` is lived time."""

    def __init__(
        self, socket: ServerConnection, station: Station, *, version: Version, dialect: Dialect, around: Surroundings
    ) -> None:
        self.last_seen_ms = around.clock.now_ms()
        self._socket = socket
        self._station = station
        self._version = version
        self._around = around
        self._requests = dialect.requests
        self._conversation = Conversation(dialect)
        self._calls = StationCalls(station, version, self._conversation, send=self._send, report=around.submit)
        self._why = ""
        self._ended = asyncio.Event()

    async def run(self, older: "StationLink | None") -> None:
        """Talk until the connection ends, once the station's older connection has ended, if there is one.

        What ``submit`` raises comes out of here, after the connection was closed with 1011.
        """
        station_id = self._station.station_id
        try:
            if older is not None:
                await older.retire("replaced by a newer connection")
            await self._around.submit(StationOpened(station_id, self._version.name))
            calling = [asyncio.create_task(self._call()), asyncio.create_task(self._configure())]
            try:
                await self._read()
            finally:
                self._calls.stop()
                await self._socket.close(1011, NOT_KEPT)
                await asyncio.gather(*calling)
                await self._around.submit(StationClosed(station_id, self._why or NOT_KEPT))
        finally:
            self._calls.stop()
            self._ended.set()

    async def retire(self, reason: str) -> None:
        """Close the connection and wait until the rules know that it has ended."""
        self._why = reason
        self._calls.stop()
        await self._socket.close(1000, reason)
        await self._ended.wait()

    def send_limit(self, setpoint: LimitSetpoint) -> tuple[LimitSetpoint, LimitOutcome] | None:
        """Queue a limit; see ``StationCalls.send_limit``."""
        return self._calls.send_limit(setpoint)

    def judge(self, action: str, payload: Payload) -> Problem | None:
        """What is wrong with a call that somebody wants to send to this station; None when it may go."""
        if (validate := self._requests.get(action)) is None:
            return Problem(ErrorCode.NOT_IMPLEMENTED, f"OCPP {self._version.name} has no action {action[:50]!r}")
        return validate(payload)

    async def request(self, body: CallBody) -> Answered | Refused:
        """Call the station and wait. Raises StationAway, StationBusy or NoAnswer."""
        return await self._calls.request(body)

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.recv()
                self.last_seen_ms = self._around.clock.now_ms()
                self._note("in", frame if isinstance(frame, str) else repr(frame))
                await self._received(frame)
        except ConnectionClosed as closed:
            self._why = self._why or str(closed)

    async def _call(self) -> None:
        """Make our calls. Without them the connection is of no use: when they cannot go on, it ends."""
        try:
            await self._calls.run(self._around.call_timeout_real_s)
        finally:
            await self._socket.close(1011, "calls cannot go on")

    async def _received(self, frame: str | bytes) -> None:
        match self._conversation.receive(frame):
            case Call() as call:
                await self._send(self._conversation.answer(call.message_id, await self._handle(call)))
                self._calls.begin()
            case (Answered() | Refused()) as told:
                await self._calls.settle(told)
            case Violation(problem, reply):
                about = self._about(problem=f"{problem.code}: {problem.description}")
                _log.warning("station broke the protocol", extra=about)
                await self._send(reply)
            case Ignored(reason):
                _log.info("frame ignored", extra=self._about(problem=reason))

    async def _handle(self, call: Call) -> Payload:
        token = self._version.token_of(call.payload)
        matches = NO_MATCHES if token is None else await self._around.matches_for_token(token)
        request = Request(self._station.station_id, call.payload, self._around.clock.now_ms(), matches)
        handler = self._version.handlers[call.action]
        answer: Answer | None = None
        for given in handler.inputs(request):
            answer = await self._around.submit(given)
        return handler.answer(request, answer)

    async def _send(self, frame: str) -> None:
        self._note("out", frame)
        await self._socket.send(frame)

    async def _configure(self) -> None:
        """Tell the station how to meter, and when transactions begin and end. It may refuse each: then it goes on as it
        is set, and the rules take what comes."""
        facility = self._around.knowledge().facility
        power = facility.power if facility is not None else PowerSettings()
        with contextlib.suppress(StationAway):
            for body in self._version.settings_calls(self._station, power):
                try:
                    told = await self._calls.request(body)
                except NoAnswer as error:
                    # Each unanswered call holds up the limits behind it, so the others are not tried.
                    _log.warning("station did not answer a setting", extra=self._about(problem=str(error)))
                    return
                _log.debug("station answered a setting", extra=self._about(told=told))

    def _note(self, direction: Literal["in", "out"], frame: str) -> None:
        if self._around.journal is not None:
            self._around.journal(self._station.station_id, direction, frame)

    def _about(self, **more: object) -> dict[str, object]:
        return {"station_id": self._station.station_id, **more}
