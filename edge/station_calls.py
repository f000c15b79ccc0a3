"""Our calls to one charging station: they wait their turn, go out one at a time, and each gets told what became of it.

Only one call may be open (OCPP 2.0.1 part 4, 4.1.1). Limits go before everything else, because a car may be waiting
for one and another car may be waiting for it to be confirmed.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed

from edge.ocpp.outbox import Outbox
from edge.ocpp.rpc import Answered, Conversation, Refused
from edge.ocpp.version import CallBody, InWatts, LimitOutcome, LimitUnit, Version
from edge.rules.inputs import LimitReplied, LimitSetpoint
from shared.facilities import Station

QUIET_REAL_S = 1.0
"""A station that connects first says why (B01): nothing is asked of it before it was answered once, or was quiet so
long. One that kept its registration has nothing to say and must get its limits within 2 s."""
REQUESTS_MAX = 64
"""Ordinary calls that may wait for one station."""
NOT_CONNECTED = LimitOutcome("UNSENT", "not connected")
SUPERSEDED = LimitOutcome("UNSENT", "superseded")


class StationAway(ConnectionError):  # noqa: N818  (a state of the world, not of the program)
    """The station is not connected, or went away before the call was sent."""


class StationBusy(RuntimeError):  # noqa: N818
    """Too many calls wait for the station already."""


class NoAnswer(TimeoutError):  # noqa: N818
    """The station got the call and no answer came; what it did is unknown."""


@dataclass(frozen=True, slots=True)
class _LimitOrder:
    setpoint: LimitSetpoint


@dataclass(frozen=True, slots=True)
class _UnitOrder:
    body: CallBody


@dataclass(frozen=True, slots=True)
class _RequestOrder:
    body: CallBody
    reply: "asyncio.Future[Answered | Refused]" = field(compare=False)


_Order = _LimitOrder | _UnitOrder | _RequestOrder


class StationCalls:
    """The outgoing half of a connection. ``report`` makes the reply to a limit durable; ``send`` puts a frame on the
    wire. Its life is ``run``; it ends some time after ``stop``, when all that waited has been told."""

    def __init__(
        self,
        station: Station,
        version: Version,
        conversation: Conversation,
        *,
        send: Callable[[str], Awaitable[None]],
        report: Callable[[LimitReplied], Awaitable[object]],
    ) -> None:
        self._station = station
        self._version = version
        self._conversation = conversation
        self._send = send
        self._report = report
        self._outbox: Outbox[_Order] = Outbox(REQUESTS_MAX)
        self._order: _Order | None = None
        self._unit: LimitUnit = InWatts()
        self._stopped = False
        self._may_begin = asyncio.Event()
        self._wake = asyncio.Event()
        if (question := version.unit_question(station)) is not None:
            self._outbox.put_urgent("unit", _UnitOrder(question))

    def begin(self) -> None:
        """The station has said something and was answered: calls may go out now."""
        self._may_begin.set()

    def stop(self) -> None:
        """The connection has ended, or is about to."""
        self._stopped = True
        self._may_begin.set()
        self._wake.set()

    def send_limit(self, setpoint: LimitSetpoint) -> tuple[LimitSetpoint, LimitOutcome] | None:
        """Queue a limit. Returns the limit that will certainly never be sent, and why: this one when the connection has
        ended, or an older one of the same EVSE and kind that still waited."""
        if self._stopped:
            return setpoint, NOT_CONNECTED
        key = (setpoint.evse_id, setpoint.until_ms is None)
        replaced = self._outbox.put_urgent(key, _LimitOrder(setpoint))
        self._wake.set()
        return (replaced.setpoint, SUPERSEDED) if isinstance(replaced, _LimitOrder) else None

    async def request(self, body: CallBody) -> Answered | Refused:
        """Call the station and wait. Raises StationAway, StationBusy or NoAnswer."""
        if self._stopped:
            raise StationAway(f"{self._station.station_id} is not connected")
        reply: asyncio.Future[Answered | Refused] = asyncio.get_running_loop().create_future()
        if not self._outbox.put(_RequestOrder(body, reply)):
            raise StationBusy(f"{REQUESTS_MAX} calls wait for {self._station.station_id} already")
        self._wake.set()
        return await reply

    async def run(self, call_timeout_real_s: float) -> None:
        """Send what waits until stopped; then tell the rest that they were not sent, or got no answer."""
        await _set_within(self._may_begin, QUIET_REAL_S)
        with contextlib.suppress(ConnectionClosed):
            while not self._stopped:
                await self._step(call_timeout_real_s)
        self._stopped = True
        await self.settle("the connection ended before the answer")
        for order in self._outbox.drain():
            match order:
                case _RequestOrder(body, reply) if not reply.done():
                    reply.set_exception(StationAway(f"{self._station.station_id} went away before {body.action}"))
                case _LimitOrder(setpoint):
                    await self._report(limit_replied(setpoint, NOT_CONNECTED))

    async def settle(self, told: Answered | Refused | str) -> None:
        """Tell whoever asked what became of the open call. A text says why there is no answer."""
        order, self._order = self._order, None
        match order:
            case _UnitOrder() if not isinstance(told, str):
                self._unit = self._version.unit_from(self._station, told)
            case _RequestOrder(body, reply) if not reply.done():
                if isinstance(told, str):
                    reply.set_exception(NoAnswer(f"{self._station.station_id}, {body.action}: {told}"))
                else:
                    reply.set_result(told)
            case _LimitOrder(setpoint):
                became = LimitOutcome("UNKNOWN", told) if isinstance(told, str) else self._version.limit_outcome(told)
                await self._report(limit_replied(setpoint, became))
        self._wake.set()

    async def _step(self, call_timeout_real_s: float) -> None:
        """Give up what got no answer, send the next call if none is open, and sleep until something changes."""
        loop = asyncio.get_running_loop()
        self._wake.clear()
        if self._conversation.expire(loop.time()) is not None:
            await self.settle(f"no answer within {call_timeout_real_s:g} s")
        if self._conversation.open_call is None and (order := self._outbox.take()) is not None:
            self._order = order
            await self._send(self._frame(order, loop.time() + call_timeout_real_s))
        waiting = self._conversation.open_call
        await _set_within(self._wake, None if waiting is None else waiting.deadline_real_s - loop.time())

    def _frame(self, order: _Order, deadline_real_s: float) -> str:
        match order:
            case _LimitOrder(setpoint):
                body = self._version.limit_call(setpoint, self._unit)
            case _UnitOrder(body) | _RequestOrder(body, _):
                pass
        message_id = str(uuid.uuid4())
        return self._conversation.call(message_id, body.action, body.payload, deadline_real_s=deadline_real_s)


async def _set_within(event: asyncio.Event, real_s: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(real_s):
            await event.wait()


def limit_replied(setpoint: LimitSetpoint, became: LimitOutcome) -> LimitReplied:
    """What the rules are told of a limit."""
    return LimitReplied(setpoint.request_id, setpoint.station_id, setpoint.evse_id, became.outcome, became.reason)
